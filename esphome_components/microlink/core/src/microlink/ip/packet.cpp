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

uint16_t u16be_at(const uint8_t *at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

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
  if (protocol == TCP || protocol == UDP || protocol == SCTP) {
    packet.source_port = u16be_at(transport.data());
    packet.destination_port = u16be_at(transport.data() + 2);
  }
  if (protocol == TCP)
    packet.tcp_flags = transport[13];
  if ((protocol == ICMP && packet.version == 4) || (protocol == ICMPV6 && packet.version == 6))
    packet.icmp_type = transport[0];
}

void read_v4_address(const uint8_t *at, IpAddress &to) { to = IpAddress::v4(at[0], at[1], at[2], at[3]); }

/// Whoever asks has seen that the header is there. No cursor: every packet comes here.
void read_v4(ByteView bytes, Packet &packet) {
  const uint8_t *const raw = bytes.data();
  packet.version = 4;
  const size_t header = (raw[0] & 15U) * 4;
  const size_t total = u16be_at(raw + 2);
  packet.id = u16be_at(raw + 4);
  const uint16_t fragmentation = u16be_at(raw + 6);
  packet.hop_limit = raw[8];
  read_v4_address(raw + 12, packet.source);
  read_v4_address(raw + 16, packet.destination);
  if (header < IPV4_HEADER_BYTES || header > total || total > bytes.size())
    return;
  const Fragment fragment{static_cast<size_t>(fragmentation & 0x1fff) * 8, (fragmentation & MORE_FRAGMENTS_V4) != 0};
  read_transport(packet, raw[9], fragment, bytes.first(total).subspan(header));
}

void read_v6(ByteView bytes, Packet &packet) {
  if (bytes.size() < IPV6_HEADER_BYTES)
    return;
  packet.version = 6;
  Reader in(bytes);
  packet.flow_label = in.u32be() & 0xfffff;
  const size_t payload = in.u16be();
  uint8_t protocol = in.u8();
  packet.hop_limit = in.u8();
  packet.source = IpAddress::from_bytes(in.take(16));
  packet.destination = IpAddress::from_bytes(in.take(16));
  // An IPv4-mapped address has no business on the wire, and would be taken for an IPv4 one here.
  if (payload > in.left() || packet.source.is_v4() || packet.destination.is_v4())
    return;
  Reader rest(in.take(payload));
  Fragment fragment;
  if (protocol == IPV6_FRAGMENT) {
    protocol = rest.u8();
    rest.u8();
    const uint16_t offset_and_flags = rest.u16be();
    rest.u32be();
    if (!rest.ok())
      return;
    fragment = {static_cast<size_t>(offset_and_flags & 0xfff8), (offset_and_flags & 1) != 0};
  }
  read_transport(packet, protocol, fragment, rest.rest());
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
  Packet packet;
  const unsigned version = bytes[0] >> 4;
  if (version == 4)
    read_v4(bytes, packet);
  else if (version == 6)
    read_v6(bytes, packet);
  return packet;
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
