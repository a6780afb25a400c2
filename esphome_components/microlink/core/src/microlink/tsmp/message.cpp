// SPDX-License-Identifier: MIT
#include "microlink/tsmp/message.h"

#include <algorithm>
#include <utility>

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"

namespace microlink::tsmp {

namespace {

constexpr uint8_t HOP_LIMIT = 64;
constexpr uint8_t MAYBE_BROKEN = 1;
constexpr uint8_t ICMP_ECHO_REQUEST = 8;
constexpr uint8_t ICMP_ECHO_REPLY = 0;
constexpr uint8_t ICMPV6_UNREACHABLE = 1;
constexpr uint8_t ICMPV6_ADDRESS_UNREACHABLE = 3;
constexpr uint8_t ICMPV6_ECHO_REQUEST = 128;  // smaller ones are errors
constexpr uint8_t ICMPV6_ECHO_REPLY = 129;
constexpr size_t IPV4_CHECKSUM_AT = 10;
constexpr size_t MAX_PAYLOAD_BYTES = 33;

size_t write_payload(const Message &message, ByteSpan out) {
  Writer payload(out);
  payload.u8(static_cast<uint8_t>(message.type));
  switch (message.type) {
    case Message::Type::PING:
      payload.bytes(message.data);
      break;
    case Message::Type::PONG:
      payload.bytes(message.data).u16be(message.peer_api_port);
      break;
    case Message::Type::REJECT:
      payload.u8(message.protocol).u8(static_cast<uint8_t>(message.reason));
      payload.u16be(message.source_port).u16be(message.destination_port);
      if (message.maybe_broken)
        payload.u8(MAYBE_BROKEN);
      break;
    case Message::Type::DISCO_ADVERTISEMENT:
      payload.bytes(message.disco_key);
      break;
  }
  return payload.size();
}

void store_u16be(ByteSpan at, uint16_t value) { Writer(at).u16be(value); }

struct Header {
  const IpAddress &source;
  const IpAddress &destination;
  uint8_t protocol;
  uint32_t id;
};

Result<size_t> write_packet(const Header &header, ByteView payload, ByteSpan out) {
  const auto &[source, destination, protocol, id] = header;
  Writer packet(out);
  if (source.is_v4()) {
    const size_t total = ip::IPV4_HEADER_BYTES + payload.size();
    packet.u16be(0x4500).u16be(static_cast<uint16_t>(total)).u16be(static_cast<uint16_t>(id)).u16be(0);
    packet.u8(HOP_LIMIT).u8(protocol).u16be(0).bytes(source.raw()).bytes(destination.raw());
    if (packet.ok())
      store_u16be(out.subspan(IPV4_CHECKSUM_AT), ip::checksum(out.first(ip::IPV4_HEADER_BYTES)));
  } else {
    packet.u32be(uint32_t{6} << 28 | (id & 0xfffff)).u16be(static_cast<uint16_t>(payload.size()));
    packet.u8(protocol).u8(HOP_LIMIT).bytes(source.raw()).bytes(destination.raw());
  }
  packet.bytes(payload);
  if (!packet.ok())
    return Error::NO_SPACE;
  return packet.size();
}

}  // namespace

Result<Message> parse(ByteView payload) {
  Reader in(payload);
  Message message;
  const uint8_t type = in.u8();
  switch (static_cast<Message::Type>(type)) {
    case Message::Type::PING:
    case Message::Type::PONG:
      message.data = in.array<PING_DATA_BYTES>();
      if (type == static_cast<uint8_t>(Message::Type::PONG) && in.left() >= 2)
        message.peer_api_port = in.u16be();
      break;
    case Message::Type::REJECT:
      message.protocol = in.u8();
      message.reason = static_cast<RejectReason>(in.u8());
      message.source_port = in.u16be();
      message.destination_port = in.u16be();
      if (in.left() != 0)
        message.maybe_broken = (in.u8() & MAYBE_BROKEN) != 0;
      break;
    case Message::Type::DISCO_ADVERTISEMENT:
      message.disco_key = in.array<32>();
      break;
    default:
      return in.ok() ? Error::UNEXPECTED : Error::TRUNCATED;
  }
  if (!in.ok())
    return Error::TRUNCATED;
  message.type = static_cast<Message::Type>(type);
  return message;
}

Result<size_t> write(const Message &message, const IpAddress &source, const IpAddress &destination, uint32_t id,
                     ByteSpan out) {
  if (source.is_v4() != destination.is_v4())  // a mapped address in an IPv6 header
    return Error::UNEXPECTED;
  Bytes<MAX_PAYLOAD_BYTES> room;
  return write_packet({source, destination, ip::TSMP, id}, ByteView(room).first(write_payload(message, room)), out);
}

Result<size_t> write_pong(const ip::Packet &request, const PingData &data, ByteSpan out) {
  const Message pong{.type = Message::Type::PONG, .data = data};
  const uint32_t id = request.version == 4 ? static_cast<uint16_t>(~request.id) : ~request.flow_label;
  return write(pong, request.destination, request.source, id, out);
}

Result<size_t> write_echo_request(const IpAddress &source, const IpAddress &destination, const PingData &data,
                                  ByteSpan out) {
  if (source.is_v4() != destination.is_v4())
    return Error::UNEXPECTED;
  const bool v4 = source.is_v4();
  Bytes<8 + PING_DATA_BYTES> echo{};
  Writer writer(echo);
  writer.u8(v4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST).u8(0).u16be(0).bytes(ByteView(data).first(2)).u16be(1);
  writer.bytes(data);
  const uint8_t protocol = v4 ? ip::ICMP : ip::ICMPV6;
  store_u16be(ByteSpan(echo).subspan(2),
              v4 ? ip::checksum(echo) : ip::transport_checksum(source, destination, protocol, echo));
  return write_packet({source, destination, protocol, Reader(data).u16be()}, echo, out);
}

Result<size_t> write_unreachable(ByteView packet, ByteSpan out) {
  const auto about = ip::parse_packet(packet);
  if (!about || about->version != 6 || about->source.is_v4() || about->destination.is_v4() ||
      about->destination.is_multicast() || about->is_later_fragment ||
      (about->protocol == ip::ICMPV6 && about->icmp_type < ICMPV6_ECHO_REQUEST))
    return Error::UNEXPECTED;
  Bytes<UNREACHABLE_BYTES - ip::IPV6_HEADER_BYTES> room{};
  Writer writer(room);
  writer.u8(ICMPV6_UNREACHABLE).u8(ICMPV6_ADDRESS_UNREACHABLE).u16be(0).u32be(0);
  writer.bytes(packet.first(std::min(packet.size(), room.size() - writer.size())));
  const ByteSpan error = ByteSpan(room).first(writer.size());
  const auto &[from, to] = std::pair(about->destination, about->source);
  store_u16be(error.subspan(2), ip::transport_checksum(from, to, ip::ICMPV6, error));
  return write_packet({from, to, ip::ICMPV6, 0}, error, out);
}

Result<PingData> parse_echo_reply(const ip::Packet &packet) {
  const bool is_reply = packet.version == 4 ? packet.protocol == ip::ICMP && packet.icmp_type == ICMP_ECHO_REPLY
                                            : packet.protocol == ip::ICMPV6 && packet.icmp_type == ICMPV6_ECHO_REPLY;
  if (!is_reply || packet.is_later_fragment || packet.transport.size() != 8 + PING_DATA_BYTES)
    return Error::UNEXPECTED;
  return Reader(packet.transport.subspan(8)).array<PING_DATA_BYTES>();
}

Error answer_echo(ByteSpan packet) {
  const auto parsed = ip::parse_packet(packet);
  if (!parsed || parsed->is_later_fragment || parsed->transport.size() < 8)
    return Error::UNEXPECTED;
  const bool v4 = parsed->version == 4;
  if (parsed->source.is_v4() != v4 || parsed->destination.is_v4() != v4)
    return Error::UNEXPECTED;  // mapped addresses do not belong on a wire
  const bool is_request = v4 ? parsed->protocol == ip::ICMP && parsed->icmp_type == ICMP_ECHO_REQUEST
                             : parsed->protocol == ip::ICMPV6 && parsed->icmp_type == ICMPV6_ECHO_REQUEST;
  if (!is_request)
    return Error::UNEXPECTED;
  const size_t transport_at = static_cast<size_t>(parsed->transport.data() - packet.data());
  const ByteSpan transport = packet.subspan(transport_at, parsed->transport.size());
  const ByteSpan source = v4 ? packet.subspan(12, 4) : packet.subspan(8, 16);
  const ByteSpan destination = v4 ? packet.subspan(16, 4) : packet.subspan(24, 16);
  copy(parsed->destination.raw(), source);
  copy(parsed->source.raw(), destination);
  transport[0] = v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
  store_u16be(transport.subspan(2), 0);
  const uint16_t sum =
      v4 ? ip::checksum(transport) : ip::transport_checksum(parsed->destination, parsed->source, ip::ICMPV6, transport);
  store_u16be(transport.subspan(2), sum);
  return Error::NONE;
}

}  // namespace microlink::tsmp
