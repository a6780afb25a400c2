// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/filter/flow_table.h"
#include "microlink/filter/program.h"

namespace microlink::filter {

/// Why a packet may pass or not (06 §2).
enum class Reason : uint8_t {
  // accepted
  KEEPALIVE,  ///< empty
  FRAGMENT,   ///< a later one; without its first it is nothing
  ICMP_RESPONSE,
  ICMP_PERMITTED,
  TCP_NOT_SYN,
  TCP_PERMITTED,
  RETURN_FLOW,
  PERMITTED,  ///< UDP or SCTP by rule
  TSMP,
  OTHER_PERMITTED,
  OUTBOUND,
  // dropped
  TOO_SHORT,
  UNREADABLE,  ///< headers that contradict each other, or a protocol that cannot be judged
  MULTICAST,
  LINK_LOCAL,
  NOT_OURS,  ///< the destination is not an own address
  NO_RULE,
  NO_FILTER,  ///< control has not sent a filter yet
  COUNT,
};
const char *reason_name(Reason reason);

struct Verdict {
  bool accept{false};
  Reason reason{Reason::NO_FILTER};
};

/// Enforces control's packet filter on what comes out of the tunnel; fed by tailcfg::MapSink's calls, which `client`
/// passes on. New rules take effect when their message is complete, so that half a message never permits anything.
/// Default is to deny; what cannot be known is denied.
class Filter {
 public:
  /// `peers` is not owned and must outlive the filter.
  explicit Filter(const PeerAddresses &peers) : peers_(peers) {}

  // What a map stream says; the names and their order are MapSink's.
  void message_begin() { this->discard_(); }
  void message_end(bool keep_alive);
  void aborted() { this->discard_(); }
  void self_node(const tailcfg::Node &node);
  void filters_begin() { this->edit_().begin_named(); }
  void filters_clear() { this->edit_().clear_old(); }
  void filter_removed(std::string_view name) { this->edit_().remove_set(name); }
  void filter_begin(std::string_view name) { this->edit_().begin_set(name); }
  void filter_end() {}
  void rule_begin() { this->edit_().begin_rule(); }
  void rule_source(const tailcfg::AddressRange &source) { this->edit_().add_source(source); }
  void rule_source_capability(std::string_view) { this->edit_().add_unknown_source(); }
  void rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) {
    this->edit_().add_destination(to, ports);
  }
  void rule_protocol(uint8_t protocol) { this->edit_().add_protocol(protocol); }
  void rule_end(bool valid, bool poisoned) { this->edit_().end_rule(valid, poisoned); }

  /// A decrypted packet whose source address was checked against the peer's allowed IPs. `shields_up`: no rule counts,
  /// answers still come in (jailed peers, peers outside the local allowlist).
  Verdict check_inbound(ByteView packet, bool shields_up = false);
  /// The same of one that was read already.
  Verdict check_inbound(const ip::Packet &packet, bool shields_up);
  /// A packet of this node that goes into the tunnel; remembers UDP and SCTP flows so that answers come in.
  /// `shields_up`: no rule counts for what its destination sends.
  Verdict check_outbound(ByteView packet, bool shields_up = false);
  Verdict check_outbound(const ip::Packet &packet, bool shields_up);

  bool has_filter() const { return this->has_filter_; }
  /// Whether another full map could permit more than now: rules that keep a mask do not know a peer that was admitted
  /// since, or the own addresses came after the rules.
  bool needs_full_map() const { return this->program_.is_stale(this->peers_); }
  /// False if rules were left out because they found no room or name what cannot be known here; of those in force.
  bool is_complete() const { return this->is_complete_; }
  const Program &program() const { return this->program_; }
  /// Forget the filter and all flows (another control server, logout).
  void clear();

 private:
  Program &edit_();
  void discard_();
  void note_flow_(const ip::Packet &packet, bool shields_up);
  Verdict judge_protocol_(const ip::Packet &packet, bool shields_up);

  const PeerAddresses &peers_;
  Program program_;
  FlowTable flows_;
  bool is_editing_{false};
  bool has_filter_{false};
  bool is_complete_{true};
};

}  // namespace microlink::filter
