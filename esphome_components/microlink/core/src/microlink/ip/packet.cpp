// SPDX-License-Identifier: MIT
#include "microlink/ip/packet.h"

#include <bit>
#include <cstring>

#include "microlink/base/reader.h"

namespace microlink::ip {

namespace {

/// A later fragment that starts before this many bytes could overwrite a transport header that was already judged.
constexpr size_t MIN_FRAGMENT_OFFSET = 80;
constexpr uint16_t MORE_FRAGMENTS_V4 = 0x2000;

constexpr uint8_t ICMP_ECHO_REPLY = 0;
constexpr uint8_t ICMP_UNREACHABLE = 3;
constexpr uint8_t ICMP_TIME_EXCEEDED = 11;
constexpr uint8_t ICMP_PARAMETER_PROBLEM = 0x12;  // sic: what the other clients let pass (06 §2)
constexpr uint8_t ICMPV6_LAST_ERROR = 4;
constexpr uint8_t ICMPV6_ECHO_REPLY = 129;
constexpr size_t ICMP_RESPONSE_BYTES = 8;

/// What a first fragment must hold of its transport header.
size_t header_bytes(uint8_t protocol, uint8_t version) {
  switch (protocol) {
    case TCP:
      return 20;
    case UDP:
      return 8;
    case SCTP:
      return 12;
    case TSMP:
      return 7;
    case ICMP:
      return version == 4 ? 4 : 0;
    case ICMPV6:
      return version == 6 ? 4 : 0;
    default:
      return 0;
  }
}

struct Fragment {
  size_t offset{0};  ///< in bytes
  bool more{false};
};

void read_transport(Packet &packet, uint8_t protocol, Fragment fragment, ByteView transport) {
  packet.transport = transport;
  if (protocol == 0 || protocol == UNKNOWN)
    return;
  if (fragment.offset != 0) {
    if (fragment.offset < MIN_FRAGMENT_OFFSET)
      return;
    packet.is_later_fragment = true;
    packet.protocol = protocol;
    return;
  }
  if (transport.size() < header_bytes(protocol, packet.version) || (protocol == TSMP && fragment.more))
    return;
  packet.protocol = protocol;
  Reader in(transport);
  if (protocol == TCP || protocol == UDP || protocol == SCTP) {
    packet.source_port = in.u16be();
    packet.destination_port = in.u16be();
  }
  if (protocol == TCP)
    packet.tcp_flags = transport[13];
  if ((protocol == ICMP && packet.version == 4) || (protocol == ICMPV6 && packet.version == 6))
    packet.icmp_type = in.u8();
}

Packet parse_v4(ByteView bytes) {
  Packet packet;
  packet.version = 4;
  Reader in(bytes);
  const size_t header = (in.u8() & 15U) * 4;
  in.u8();
  const size_t total = in.u16be();
  packet.id = in.u16be();
  const uint16_t fragmentation = in.u16be();
  packet.hop_limit = in.u8();
  const uint8_t protocol = in.u8();
  in.u16be();
  packet.source = IpAddress::from_bytes(in.array<4>());
  packet.destination = IpAddress::from_bytes(in.array<4>());
  if (header < IPV4_HEADER_BYTES || header > total || total > bytes.size())
    return packet;
  const Fragment fragment{static_cast<size_t>(fragmentation & 0x1fff) * 8, (fragmentation & MORE_FRAGMENTS_V4) != 0};
  read_transport(packet, protocol, fragment, bytes.first(total).subspan(header));
  return packet;
}

Packet parse_v6(ByteView bytes) {
  Packet packet;
  if (bytes.size() < IPV6_HEADER_BYTES)
    return packet;
  packet.version = 6;
  Reader in(bytes);
  packet.flow_label = in.u32be() & 0xfffff;
  const size_t payload = in.u16be();
  uint8_t protocol = in.u8();
  packet.hop_limit = in.u8();
  packet.source = IpAddress::from_bytes(in.array<16>());
  packet.destination = IpAddress::from_bytes(in.array<16>());
  // An IPv4-mapped address has no business on the wire, and would be taken for an IPv4 one here.
  if (payload > in.left() || packet.source.is_v4() || packet.destination.is_v4())
    return packet;
  Reader rest(in.take(payload));
  Fragment fragment;
  if (protocol == IPV6_FRAGMENT) {
    protocol = rest.u8();
    rest.u8();
    const uint16_t offset_and_flags = rest.u16be();
    rest.u32be();
    if (!rest.ok())
      return packet;
    fragment = {static_cast<size_t>(offset_and_flags & 0xfff8), (offset_and_flags & 1) != 0};
  }
  read_transport(packet, protocol, fragment, rest.rest());
  return packet;
}

}  // namespace

bool Packet::is_icmp_response() const {
  if (this->transport.size() < ICMP_RESPONSE_BYTES)
    return false;
  if (this->version == 4 && this->protocol == ICMP)
    return this->icmp_type == ICMP_ECHO_REPLY || this->icmp_type == ICMP_UNREACHABLE ||
           this->icmp_type == ICMP_TIME_EXCEEDED || this->icmp_type == ICMP_PARAMETER_PROBLEM;
  if (this->version == 6 && this->protocol == ICMPV6)
    return this->icmp_type == ICMPV6_ECHO_REPLY || (this->icmp_type >= 1 && this->icmp_type <= ICMPV6_LAST_ERROR);
  return false;
}

Result<Packet> parse_packet(ByteView bytes) {
  if (bytes.size() < IPV4_HEADER_BYTES)
    return Error::TRUNCATED;
  switch (bytes[0] >> 4) {
    case 4:
      return parse_v4(bytes);
    case 6:
      return parse_v6(bytes);
    default:
      return Packet{};
  }
}

namespace {

uint16_t fold(uint64_t sum) {
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint16_t swapped(uint16_t value) { return static_cast<uint16_t>(value << 8 | value >> 8); }

}  // namespace

uint32_t checksum_add(uint32_t sum, ByteView bytes) {
  uint64_t wide = sum;
  size_t i = 0;
  if constexpr (sizeof(size_t) == 8) {
    // In the order of this machine, four bytes at once: the sum comes out in that order (RFC 1071 §2 B).
    uint64_t native = 0;
    for (uint32_t word; i + sizeof(word) <= bytes.size(); i += sizeof(word)) {
      std::memcpy(&word, bytes.data() + i, sizeof(word));
      native += word;
    }
    wide += std::endian::native == std::endian::little ? swapped(fold(native)) : fold(native);
  }
  for (; i < bytes.size(); i += 2)
    wide += static_cast<uint32_t>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
  while (wide >> 32 != 0)
    wide = (wide & 0xffffffffU) + (wide >> 32);
  return static_cast<uint32_t>(wide);
}

uint16_t checksum_finish(uint32_t sum) { return static_cast<uint16_t>(~fold(sum)); }

uint16_t transport_checksum(const IpAddress &source, const IpAddress &destination, uint8_t protocol,
                            ByteView transport) {
  uint32_t sum = checksum_add(0, source.raw());
  sum = checksum_add(sum, destination.raw());
  const uint32_t size = static_cast<uint32_t>(transport.size());
  const Bytes<6> rest{static_cast<uint8_t>(size >> 24),
                      static_cast<uint8_t>(size >> 16),
                      static_cast<uint8_t>(size >> 8),
                      static_cast<uint8_t>(size),
                      0,
                      protocol};
  sum = checksum_add(checksum_add(sum, rest), transport);
  const uint16_t folded = checksum_finish(sum);
  return folded == 0 && protocol == UDP ? 0xffff : folded;  // RFC 768: zero means "none"
}

}  // namespace microlink::ip
