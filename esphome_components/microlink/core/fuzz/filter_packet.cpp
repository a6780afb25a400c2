// SPDX-License-Identifier: MIT
/// A packet against fixed rules. What is accepted must be ours, unless it is empty or a later fragment; a rule is
/// needed for whatever begins something; with shields up nothing begins.
#include "microlink/filter/filter.h"

using namespace microlink;
using namespace microlink::filter;

namespace {

struct NoPeers : PeerAddresses {
  IpAddress address(size_t, bool) const override { return {}; }
};

const NoPeers NO_PEERS;

void set_up(Filter &filter) {
  tailcfg::Node self;
  (void) self.addresses.push_back({IpAddress::v4(100, 64, 0, 1), 32});
  (void) self.addresses.push_back(*parse_prefix("fd7a:115c:a1e0::1/128"));
  filter.message_begin();
  filter.self_node(self);
  filter.filter_begin("base");
  filter.rule_begin();
  filter.rule_source({IpAddress::v4(100, 64, 0, 2), IpAddress::v4(100, 64, 0, 9), false});
  filter.rule_destination({{}, {}, true}, {80, 90});
  filter.rule_end(true, false);
  filter.filter_end();
  filter.message_end(false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Filter filter(NO_PEERS);
  filter.clear();
  const ByteView bytes(data, size);
  if (filter.check_inbound(bytes).accept && size != 0)
    __builtin_trap();
  set_up(filter);
  const Verdict verdict = filter.check_inbound(bytes);
  const Verdict shielded = filter.check_inbound(bytes, true);
  if (shielded.accept && !verdict.accept)
    __builtin_trap();
  if (verdict.accept && size != 0) {
    const auto packet = ip::parse_packet(bytes);
    if (!packet || packet->protocol == ip::UNKNOWN)
      __builtin_trap();
    const bool ours =
        packet->destination == IpAddress::v4(100, 64, 0, 1) || packet->destination == *parse_ip("fd7a:115c:a1e0::1");
    if (!ours && !packet->is_later_fragment)
      __builtin_trap();
    const bool by_rule = verdict.reason == Reason::PERMITTED || verdict.reason == Reason::TCP_PERMITTED;
    const bool port_ok = packet->destination_port >= 80 && packet->destination_port <= 90;
    if (by_rule && (!port_ok || shielded.accept || packet->source < IpAddress::v4(100, 64, 0, 2) ||
                    IpAddress::v4(100, 64, 0, 9) < packet->source))
      __builtin_trap();
  }
  (void) filter.check_outbound(bytes);
  return 0;
}
