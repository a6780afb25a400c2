// SPDX-License-Identifier: MIT
/// The first byte chooses how the rest, a map stream, is split; whole and split input must give the same calls, and
/// begin/end calls must be balanced.
#include "microlink/tailcfg/map_parser.h"

using namespace microlink;
using namespace microlink::tailcfg;

namespace {

struct Checker : MapSink {
  uint64_t hash{0xcbf29ce484222325ULL};
  int in_message{0}, in_peers{0}, in_regions{0}, in_filter{0}, in_rule{0};
  bool is_aborted{false};

  void mix(uint64_t value) { this->hash = (this->hash ^ value) * 0x100000001b3ULL; }
  void mix(std::string_view text) {
    for (const char c : text)
      this->mix(static_cast<uint8_t>(c));
    this->mix(1000);
  }
  void check(bool ok) {
    if (!ok || this->is_aborted)
      __builtin_trap();
  }
  void node(const Node &node) {
    this->check(node.id > 0 && this->in_message == 1);
    this->mix(static_cast<uint64_t>(node.id));
    this->mix(node.name.view());
    this->mix(node.allowed_ips.size() * 100 + node.endpoints.size() * 10 + node.addresses.size());
    this->mix(static_cast<uint64_t>(node.key_expiry));
    this->mix(node.home_derp);
    this->mix(node.key.bytes[0]);
    for (const Prefix &prefix : node.allowed_ips)
      this->check(prefix.bits <= (prefix.address.is_v4() ? 32 : 128));
  }

  void message_begin() override { this->check(this->in_message++ == 0); }
  void message_end(bool) override {
    this->check(--this->in_message == 0 && this->in_peers == 0 && this->in_regions == 0 && this->in_filter == 0 &&
                this->in_rule == 0);
    this->mix(7);
  }
  void aborted() override {
    this->check(true);
    this->is_aborted = true;
  }
  void self_node(const Node &self) override { this->node(self); }
  void peers_begin() override { this->check(this->in_peers++ == 0); }
  void peer(const Node &peer) override { this->node(peer); }
  void peers_end() override { this->check(--this->in_peers == 0); }
  void peer_removed(NodeId id) override { this->mix(static_cast<uint64_t>(id)); }
  void peer_patched(const PeerChange &change) override { this->mix(static_cast<uint64_t>(change.id)); }
  void peer_online(NodeId id, bool online) override { this->mix(static_cast<uint64_t>(id) + online); }
  void derp_regions_begin() override { this->check(this->in_regions++ == 0); }
  void derp_region(const DerpRegion &region) override {
    this->check(region.id != 0 && this->in_regions == 1);
    this->mix(region.id);
  }
  void derp_regions_end() override { this->check(--this->in_regions == 0); }
  void region_score(uint16_t region, uint32_t score) override { this->mix(region + uint64_t{score}); }
  void filters_clear() override { this->mix(1); }
  void filter_removed(std::string_view name) override { this->mix(name); }
  void filter_begin(std::string_view name) override {
    this->check(this->in_filter++ == 0);
    this->mix(name);
  }
  void filter_end() override { this->check(--this->in_filter == 0); }
  void rule_begin() override { this->check(this->in_filter == 1 && this->in_rule++ == 0); }
  void rule_source(const AddressRange &source) override {
    this->check(this->in_rule == 1 && (source.any || source.first <= source.last));
    this->mix(source.first.bytes[15]);
  }
  void rule_destination(const AddressRange &to, PortRange ports) override {
    this->check(this->in_rule == 1 && ports.first <= ports.last && (to.any || to.first <= to.last));
    this->mix(ports.first);
  }
  void rule_end(bool valid, bool poisoned) override {
    this->check(--this->in_rule == 0 && !(valid && poisoned));
    this->mix(valid);
  }
  void health(std::string_view text, uint32_t id) override {
    this->mix(text);
    this->mix(uint64_t{id});
  }
  void health_removed(uint32_t id) override { this->mix(uint64_t{id}); }
  void dns_config(bool, std::string_view suffix) override { this->mix(suffix); }
  void control_time(WallTime now) override {
    this->check(now > WallTime::UNKNOWN);
    this->mix(static_cast<uint64_t>(now));
  }
  void ping_request(std::string_view url, bool, std::string_view, std::string_view, std::string_view) override {
    this->check(!url.empty());
    this->mix(url);
  }
};

uint64_t digest(ByteView input, size_t piece) {
  Checker checker;
  MapParser parser(checker);
  while (!input.empty()) {
    const size_t n = std::min(piece, input.size());
    const Error error = parser.handle_bytes(input.first(n));
    if (error != Error::NONE) {
      if (!checker.is_aborted || parser.handle_bytes(input) != Error::CLOSED)
        __builtin_trap();
      return checker.hash;
    }
    input = input.subspan(n);
  }
  parser.reset();
  return checker.hash;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const ByteView input(data + 1, size - 1);
  if (digest(input, size) != digest(input, 1 + data[0] % 32U))
    __builtin_trap();
  return 0;
}
