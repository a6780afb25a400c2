// SPDX-License-Identifier: MIT
#include "microlink/port/tun/tcp_header.h"

#include "microlink/ip/packet.h"

namespace microlink::tun {

namespace {

constexpr size_t IPV4_PROTOCOL_AT = 9;
constexpr size_t IPV4_ADDRESSES_AT = 12;
constexpr size_t IPV6_PROTOCOL_AT = 6;
constexpr size_t IPV6_ADDRESSES_AT = 8;
constexpr size_t TCP_OFFSET_AT = 12;
constexpr size_t TCP_MIN_BYTES = 20;
constexpr uint16_t FRAGMENT_MASK = 0x3fff;  // "more fragments" and the offset

}  // namespace

TcpHeader find_tcp(ByteView packet) {
  size_t ip_bytes = 0;
  if (is_v6(packet)) {
    if (packet.size() < ip::IPV6_HEADER_BYTES || packet[IPV6_PROTOCOL_AT] != ip::TCP)
      return {};
    ip_bytes = ip::IPV6_HEADER_BYTES;
  } else {
    if (packet.size() < ip::IPV4_HEADER_BYTES || packet[0] >> 4 != 4 || packet[IPV4_PROTOCOL_AT] != ip::TCP)
      return {};
    ip_bytes = (packet[0] & 0x0fU) * 4U;
    if (ip_bytes < ip::IPV4_HEADER_BYTES || (load_be16(packet.data() + IPV4_FRAGMENT_AT) & FRAGMENT_MASK) != 0)
      return {};
  }
  if (packet.size() < ip_bytes + TCP_MIN_BYTES)
    return {};
  const size_t tcp_bytes = (packet[ip_bytes + TCP_OFFSET_AT] >> 4) * 4U;
  if (tcp_bytes < TCP_MIN_BYTES || packet.size() < ip_bytes + tcp_bytes)
    return {};
  return {ip_bytes, ip_bytes + tcp_bytes};
}

uint32_t pseudo_header_sum(ByteView packet, size_t transport_bytes) {
  const ByteView addresses = is_v6(packet)
                                 ? packet.subspan(IPV6_ADDRESSES_AT, ip::IPV6_HEADER_BYTES - IPV6_ADDRESSES_AT)
                                 : packet.subspan(IPV4_ADDRESSES_AT, ip::IPV4_HEADER_BYTES - IPV4_ADDRESSES_AT);
  return ip::checksum_add(ip::TCP + static_cast<uint32_t>(transport_bytes), addresses);
}

}  // namespace microlink::tun
