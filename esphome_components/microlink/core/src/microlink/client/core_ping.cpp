// SPDX-License-Identifier: MIT
// Pings of peers on control's behalf (02 §6): one at a time, of peers in the table only, with the result for control.
#include <cinttypes>
#include <cstdio>

#include "microlink/client/core.h"
#include "microlink/json/writer.h"
#include "microlink/tsmp/message.h"

namespace microlink::client {

namespace {

constexpr size_t MAX_RESULT_BYTES = 256;
constexpr size_t PACKET_BYTES = 64;

struct NamedType {
  std::string_view name;  ///< as in the request and its answer
  ControlPing::Type type;
};
constexpr NamedType TYPES[] = {
    {"disco", ControlPing::Type::DISCO}, {"TSMP", ControlPing::Type::TSMP}, {"ICMP", ControlPing::Type::ICMP}};

/// The first of the list that a node like this one can do.
ControlPing::Type first_type(std::string_view list) {
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(name.size() + (name.size() < list.size() ? 1 : 0));
    for (const NamedType &each : TYPES) {
      if (each.name == name)
        return each.type;
    }
  }
  return ControlPing::Type::NONE;
}

std::string_view name_of(ControlPing::Type type) {
  for (const NamedType &each : TYPES) {
    if (each.type == type)
      return each.name;
  }
  return {};
}

}  // namespace

void Core::start_control_ping_(Instant now, std::string_view types, std::string_view ip) {
  const auto address = parse_ip(ip);
  this->control_ping_ = {.type = first_type(types),
                         .peer = address ? this->netmap_.find_by_address(*address) : netmap::PeerId{},
                         .sent = now,
                         .deadline = now + ControlPing::TIMEOUT};
  const netmap::Peer *peer = this->netmap_.peer(this->control_ping_.peer);
  if (this->control_ping_.type == ControlPing::Type::NONE)
    this->end_control_ping_(now, {}, "no such ping");
  else if (peer == nullptr || !peer->allowed)
    this->end_control_ping_(now, {}, "no matching peer");
  else
    this->send_control_ping_(now);
}

void Core::send_control_ping_(Instant now) {
  const ControlPing &ping = this->control_ping_;
  if (ping.type == ControlPing::Type::DISCO) {
    if (this->magicsock_.ping(now, ping.peer) != Error::NONE)
      this->end_control_ping_(now, {}, "busy");
    return;
  }
  Random &random = this->random_;
  random.fill(this->control_ping_.data);
  const IpAddress *from = nullptr;
  const IpAddress *to = nullptr;
  const netmap::PeerPrefixes::Addresses addresses = this->netmap_.peer(ping.peer)->prefixes.own();
  for (const Prefix &own : this->cached_self_.addresses) {
    for (const Prefix &theirs : addresses) {
      if (own.address.is_v4() == theirs.address.is_v4() && from == nullptr) {
        from = &own.address;
        to = &theirs.address;
      }
    }
  }
  Bytes<PACKET_BYTES> packet;
  if (from == nullptr) {
    this->end_control_ping_(now, {}, "no common address family");
    return;
  }
  const tsmp::Message message{.type = tsmp::Message::Type::PING, .data = ping.data};
  const auto size = ping.type == ControlPing::Type::TSMP
                        ? tsmp::write(message, *from, *to, random.below(0x10000), packet)
                        : tsmp::write_echo_request(*from, *to, ping.data, packet);
  if (size)
    this->send_own_(now, ping.peer, ByteView(packet).first(*size));
}

/// Whether it is the answer that was waited for.
bool Core::take_echo_(Instant now, netmap::PeerId from, const Bytes<8> &data, ControlPing::Type type) {
  const ControlPing &ping = this->control_ping_;
  if (ping.type != type || ping.peer != from || ping.data != data)
    return false;
  this->end_control_ping_(now, {.kind = magicsock::Event::Kind::PONG, .latency = now - ping.sent}, {});
  return true;
}

/// Tells control (tailcfg.PingResponse) how it went: `error`, or `pong`.
void Core::end_control_ping_(Instant now, const magicsock::Event &pong, std::string_view error) {
  Bytes<MAX_RESULT_BYTES> room;
  json::Writer out(room);
  const netmap::Peer *peer = this->netmap_.peer(this->control_ping_.peer);
  out.begin_object().key("Type").string(name_of(this->control_ping_.type));
  const auto addresses = peer == nullptr ? netmap::PeerPrefixes::Addresses() : peer->prefixes.own();
  if (peer != nullptr && !addresses.empty()) {
    const auto ip = to_text(addresses[0].address);
    out.key("IP").string(ip).key("NodeIP").string(ip);
    const tailcfg::NodeName name = this->netmap_.name(this->control_ping_.peer);
    out.key("NodeName").string(name.view().substr(0, name.view().find('.')));
  }
  if (!error.empty()) {
    out.key("Err").string(error);
  } else {
    char seconds[24];
    const int64_t us = to_microseconds(pong.latency);
    std::snprintf(seconds, sizeof(seconds), "%" PRId64 ".%06d", us / 1'000'000, static_cast<int>(us % 1'000'000));
    out.key("LatencySeconds").raw(seconds);
    if (pong.endpoint.is_set())
      out.key("Endpoint").string(to_text(pong.endpoint));
    if (pong.region != 0)
      out.key("DERPRegionID").integer(pong.region);
  }
  out.end_object();
  this->control_ping_ = {};
  if (this->control_ && out.is_complete())
    (void) this->control_->answer_ping(now, out.text());
}

}  // namespace microlink::client
