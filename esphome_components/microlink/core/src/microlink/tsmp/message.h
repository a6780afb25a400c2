// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/result.h"
#include "microlink/ip/packet.h"

namespace microlink::tsmp {

/// TSMP, Tailscale's own messages inside the tunnel (IP protocol 99, tailscale net/packet/tsmp.go; no public RFC), and
/// the ICMP echo that a node answers itself. Bytes of the IP payload:
///
///   ping    70 | data 8
///   pong    6f | data 8 | PeerAPI port u16be (old nodes leave it out)
///   reject  21 | protocol | reason | source port u16be | destination port u16be [| flags]
///   disco   61 | disco public key 32

constexpr size_t PING_DATA_BYTES = 8;
using PingData = Bytes<PING_DATA_BYTES>;

enum class RejectReason : uint8_t {
  ACL = 'A',
  SHIELDS_UP = 'S',
  FORWARDING_OFF = 'F',
  HOST_FIREWALL = 'W',
  TRANSIT_IP = 'T'
};

struct Message {
  enum class Type : uint8_t { PING = 'p', PONG = 'o', REJECT = '!', DISCO_ADVERTISEMENT = 'a' };
  Type type{Type::PING};
  PingData data{};            ///< PING, PONG
  uint16_t peer_api_port{0};  ///< PONG; 0 = none
  uint8_t protocol{0};        ///< REJECT: of the flow
  RejectReason reason{RejectReason::ACL};
  uint16_t source_port{0};  ///< REJECT: as the originator sent it
  uint16_t destination_port{0};
  bool maybe_broken{false};  ///< REJECT: the flow may work all the same
  Bytes<32> disco_key{};     ///< DISCO_ADVERTISEMENT
};

/// The IP payload of a packet with protocol TSMP; longer ones are fine. TRUNCATED, or UNEXPECTED for another type.
Result<Message> parse(ByteView payload);

/// A whole packet from `source` to `destination` into `out`: how many bytes, NO_SPACE, UNEXPECTED for addresses of two
/// families. `id` is IPv4's identification or IPv6's flow label (20 bits).
Result<size_t> write(const Message &message, const IpAddress &source, const IpAddress &destination, uint32_t id,
                     ByteSpan out);
/// The answer to a ping that came in `request`. Its id is the bitwise complement of the request's, as upstream has it.
Result<size_t> write_pong(const ip::Packet &request, const PingData &data, ByteSpan out);

/// An ICMP or ICMPv6 echo request that carries `data`; as write().
Result<size_t> write_echo_request(const IpAddress &source, const IpAddress &destination, const PingData &data,
                                  ByteSpan out);
/// Word that nobody takes IPv6 packets at the destination of `packet`: an ICMPv6 error (RFC 4443 §3.1, "address
/// unreachable") with its header and first bytes, UNREACHABLE_BYTES at most. UNEXPECTED for IPv4 and for what may not
/// be answered so: errors, and later fragments.
Result<size_t> write_unreachable(ByteView packet, ByteSpan out);
constexpr size_t UNREACHABLE_BYTES = 2 * ip::IPV6_HEADER_BYTES + 8 + 8;
/// The data of an echo reply to such a request. UNEXPECTED for anything else.
Result<PingData> parse_echo_reply(const ip::Packet &packet);
/// Turn an ICMP or ICMPv6 echo request into its reply, in place, whole packet. UNEXPECTED for anything else.
Error answer_echo(ByteSpan packet);

}  // namespace microlink::tsmp
