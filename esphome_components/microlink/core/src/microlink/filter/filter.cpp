// SPDX-License-Identifier: MIT
#include "microlink/filter/filter.h"

namespace microlink::filter {

static_assert(sizeof(Filter) <= 1'752 + 24 * MAX_RETURN_FLOWS + 24 * MAX_PEERS,
              "docs/memory.md tells what it is made of");

namespace {

/// Cloud metadata: link-local, yet let through to the check of own addresses (06 §2, step 2).
const IpAddress METADATA_SERVICE = IpAddress::v4(169, 254, 169, 254);

constexpr Verdict accept(Reason reason) { return {true, reason}; }
constexpr Verdict drop(Reason reason) { return {false, reason}; }

/// Steps 1 and 2, alike for both directions: what is wrong with the packet, if anything.
std::optional<Verdict> check_sanity(const ip::Packet &packet) {
  if (packet.protocol == ip::UNKNOWN)
    return drop(Reason::UNREADABLE);
  if (packet.destination.is_multicast())
    return drop(Reason::MULTICAST);
  if (packet.destination.is_link_local() && packet.destination != METADATA_SERVICE)
    return drop(Reason::LINK_LOCAL);
  return std::nullopt;
}

}  // namespace

const char *reason_name(Reason reason) {
  switch (reason) {
    case Reason::KEEPALIVE:
      return "keepalive";
    case Reason::FRAGMENT:
      return "fragment";
    case Reason::ICMP_RESPONSE:
      return "icmp response ok";
    case Reason::ICMP_PERMITTED:
      return "icmp ok";
    case Reason::TCP_NOT_SYN:
      return "tcp non-syn";
    case Reason::TCP_PERMITTED:
      return "tcp ok";
    case Reason::RETURN_FLOW:
      return "cached";
    case Reason::PERMITTED:
      return "ok";
    case Reason::TSMP:
      return "tsmp ok";
    case Reason::OTHER_PERMITTED:
      return "other-portless ok";
    case Reason::OUTBOUND:
      return "outbound";
    case Reason::TOO_SHORT:
      return "too short";
    case Reason::UNREADABLE:
      return "unknown proto";
    case Reason::MULTICAST:
      return "multicast";
    case Reason::LINK_LOCAL:
      return "link-local-unicast";
    case Reason::NOT_OURS:
      return "destination not allowed";
    case Reason::NO_RULE:
      return "no rules matched";
    case Reason::NO_FILTER:
      return "no filter yet";
    case Reason::COUNT:
      break;
  }
  return "?";
}

void Filter::self_node(const tailcfg::Node &node) {
  OwnAddresses own;
  for (const Prefix &prefix : node.addresses)
    (prefix.address.is_v4() ? own.v4 : own.v6) = prefix.address;
  if (own == this->program_.own_addresses())
    return;
  this->flows_.clear();  // they began at the old ones
  this->program_.set_own_addresses(own);
}

void Filter::message_end([[maybe_unused]] bool keep_alive) {
  if (!this->is_editing_)
    return;
  this->program_.commit();
  this->flows_.forget_by_rule();
  this->has_filter_ = true;
  this->is_complete_ = this->program_.is_complete();
  this->is_editing_ = false;
}

Program &Filter::edit_() {
  if (!this->is_editing_) {
    this->is_editing_ = true;
    this->program_.begin_edit(this->peers_);
  }
  return this->program_;
}

void Filter::discard_() {
  if (this->is_editing_)
    this->program_.discard();
  this->is_editing_ = false;
}

void Filter::clear() {
  this->program_ = Program{};
  this->flows_.clear();
  this->is_editing_ = false;
  this->has_filter_ = false;
  this->is_complete_ = true;
}

Verdict Filter::check_outbound(ByteView packet, bool shields_up) {
  const auto parsed = ip::parse_packet(packet);
  return parsed ? this->check_outbound(*parsed, shields_up) : drop(Reason::TOO_SHORT);
}

Verdict Filter::check_outbound(const ip::Packet &packet, bool shields_up) {
  if (const auto wrong = check_sanity(packet); wrong)
    return *wrong;
  const bool has_flow = (packet.protocol == ip::UDP || packet.protocol == ip::SCTP) && !packet.is_later_fragment;
  if (has_flow &&
      packet.source == (packet.version == 4 ? this->program_.own_addresses().v4 : this->program_.own_addresses().v6))
    this->note_flow_(packet, shields_up);
  return accept(Reason::OUTBOUND);
}

void Filter::note_flow_(const ip::Packet &packet, bool shields_up) {
  const Flow flow{packet.destination, packet.destination_port, packet.source_port, packet.protocol == ip::SCTP};
  if (this->flows_.find(flow))
    return;
  const Program::Query answer{packet.destination, packet.source, packet.protocol, packet.source_port,
                              Program::Ports::ONE};
  this->flows_.record(flow, !shields_up && this->program_.permits(answer));
}

Verdict Filter::check_inbound(ByteView packet, bool shields_up) {
  if (packet.empty())
    return accept(Reason::KEEPALIVE);
  const auto parsed = ip::parse_packet(packet);
  return parsed ? this->check_inbound(*parsed, shields_up) : drop(Reason::TOO_SHORT);
}

Verdict Filter::check_inbound(const ip::Packet &packet, bool shields_up) {
  if (const auto wrong = check_sanity(packet); wrong)
    return *wrong;
  if (!this->has_filter_)
    return drop(Reason::NO_FILTER);
  const IpAddress &own = packet.version == 4 ? this->program_.own_addresses().v4 : this->program_.own_addresses().v6;
  if (!own.is_set() || packet.destination != own)
    return drop(Reason::NOT_OURS);
  if (packet.is_later_fragment)  // after the destination, unlike upstream: a fragment too must be for this node
    return accept(Reason::FRAGMENT);
  return this->judge_protocol_(packet, shields_up);
}

/// Steps 5 to 9.
Verdict Filter::judge_protocol_(const ip::Packet &packet, bool shields_up) {
  Program::Query query{packet.source, packet.destination, packet.protocol, packet.destination_port,
                       Program::Ports::ONE};
  const auto by_rule = [&](Reason permitted) {
    return !shields_up && this->program_.permits(query) ? accept(permitted) : drop(Reason::NO_RULE);
  };
  switch (packet.protocol) {
    case ip::ICMP:
    case ip::ICMPV6:
      if ((packet.protocol == ip::ICMP) != (packet.version == 4))
        break;  // ICMP of the other family is just some protocol
      if (packet.is_icmp_response())
        return accept(Reason::ICMP_RESPONSE);
      query.ports = Program::Ports::IGNORE;
      return by_rule(Reason::ICMP_PERMITTED);
    case ip::TCP:
      return packet.is_tcp_syn() ? by_rule(Reason::TCP_PERMITTED) : accept(Reason::TCP_NOT_SYN);
    case ip::UDP:
    case ip::SCTP:
      if (this->flows_.find({packet.source, packet.source_port, packet.destination_port, packet.protocol == ip::SCTP}))
        return accept(Reason::RETURN_FLOW);
      return by_rule(Reason::PERMITTED);
    case ip::TSMP:
      return accept(Reason::TSMP);
    default:
      break;
  }
  query.ports = Program::Ports::ALL;
  return by_rule(Reason::OTHER_PERMITTED);
}

}  // namespace microlink::filter
