// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink::tun {

/// Where things are in the headers that segmentation and coalescing write to (RFC 791, 8200, 9293).
constexpr size_t IPV4_LENGTH_AT = 2;
constexpr size_t IPV4_ID_AT = 4;
constexpr size_t IPV4_FRAGMENT_AT = 6;
constexpr size_t IPV4_CHECKSUM_AT = 10;
constexpr size_t IPV6_LENGTH_AT = 4;
constexpr size_t TCP_SEQUENCE_AT = 4;
constexpr size_t TCP_FLAGS_AT = 13;
constexpr size_t TCP_CHECKSUM_AT = 16;
constexpr size_t UDP_CHECKSUM_AT = 6;
constexpr uint8_t TCP_PSH = 0x08;
constexpr uint8_t TCP_CWR = 0x80;

inline uint16_t load_be16(const uint8_t *at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t load_be32(const uint8_t *at) {
  return static_cast<uint32_t>(load_be16(at)) << 16 | load_be16(at + sizeof(uint16_t));
}
inline void store_be16(uint8_t *at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void store_be32(uint8_t *at, uint32_t value) {
  store_be16(at, static_cast<uint16_t>(value >> 16));
  store_be16(at + sizeof(uint16_t), static_cast<uint16_t>(value));
}

struct TcpHeader {
  size_t ip_bytes{0};
  size_t header_bytes{0};  ///< IP and TCP with their options; 0: this is no TCP segment, or a fragment of one
};

/// `packet` is an IP packet of any length; IPv6 extension headers are not walked.
TcpHeader find_tcp(ByteView packet);
inline bool is_v6(ByteView packet) { return !packet.empty() && packet[0] >> 4 == 6; }
/// Of TCP's pseudo-header (RFC 9293 §3.1), not folded: the start for ip::checksum_add(). `packet` is a TCP segment.
uint32_t pseudo_header_sum(ByteView packet, size_t transport_bytes);

}  // namespace microlink::tun
