// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"

namespace microlink::ip {

/// Views of the headers of an IPv4 or IPv6 packet: nothing is copied, nothing is changed, every length is checked.

// IP protocol numbers.
constexpr uint8_t ICMP = 1;
constexpr uint8_t TCP = 6;
constexpr uint8_t UDP = 17;
constexpr uint8_t IPV6_FRAGMENT = 44;
constexpr uint8_t ICMPV6 = 58;
constexpr uint8_t TSMP = 99;  // Tailscale's own messages, "any private encryption scheme"
constexpr uint8_t SCTP = 132;
constexpr uint8_t UNKNOWN = 255;

constexpr uint8_t TCP_FIN = 0x01;
constexpr uint8_t TCP_SYN = 0x02;
constexpr uint8_t TCP_RST = 0x04;
constexpr uint8_t TCP_ACK = 0x10;

constexpr size_t IPV4_HEADER_BYTES = 20;
constexpr size_t IPV6_HEADER_BYTES = 40;

/// A packet as far as a filter looks into it. The views belong to the parsed bytes.
struct Packet {
  uint8_t version{0};             ///< 4 or 6
  uint8_t protocol{UNKNOWN};      ///< UNKNOWN: the transport header cannot be believed
  bool is_later_fragment{false};  ///< has no transport header; ports are 0 and `transport` is its data
  uint8_t hop_limit{0};
  uint8_t tcp_flags{0};
  uint8_t icmp_type{0};
  uint16_t id{0};          ///< IPv4 identification
  uint32_t flow_label{0};  ///< IPv6, 20 bits
  IpAddress source{};
  IpAddress destination{};
  uint16_t source_port{0};  ///< of TCP, UDP and SCTP
  uint16_t destination_port{0};
  ByteView transport;  ///< from the transport header to the packet's end; bytes behind that are not in it

  /// The start of a TCP connection: SYN without ACK.
  bool is_tcp_syn() const { return this->protocol == TCP && (this->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN; }
  /// An ICMP message that answers something: echo reply or error (06 §2, step 5).
  bool is_icmp_response() const;
};

/// TRUNCATED: shorter than an IPv4 header. Everything else gives a Packet; one that cannot be read has version 0 or
/// protocol UNKNOWN. IPv6 extension headers are not walked, except a Fragment header right behind the base header.
Result<Packet> parse_packet(ByteView bytes);

/// One's-complement sum (RFC 1071) of the bytes on top of `sum`, not folded; all but the last piece must be even.
uint32_t checksum_add(uint32_t sum, ByteView bytes);
/// Folded and complemented, ready for the header.
uint16_t checksum_finish(uint32_t sum);
/// Of an IPv4 header whose checksum field is zero.
inline uint16_t checksum(ByteView bytes) { return checksum_finish(checksum_add(0, bytes)); }
/// Of TCP, UDP or ICMPv6 data with the pseudo-header (RFC 8200 §8.1, RFC 9293 §3.1); the field in it is zero.
uint16_t transport_checksum(const IpAddress &source, const IpAddress &destination, uint8_t protocol,
                            ByteView transport);

}  // namespace microlink::ip
