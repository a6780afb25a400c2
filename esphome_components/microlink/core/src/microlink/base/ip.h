// SPDX-License-Identifier: MIT
#pragma once

#include <compare>

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"

namespace microlink {

/// An IPv4 or IPv6 address in 16 bytes; IPv4 is kept v4-mapped (::ffff:a.b.c.d), as on the DISCO wire.
/// All zero means unset.
struct IpAddress {
  Bytes<16> bytes{};

  static constexpr IpAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
  }
  /// From 4 or 16 bytes in network order; unset for any other length.
  static IpAddress from_bytes(ByteView raw);

  bool is_v4() const;
  bool is_v6() const { return this->is_set() && !this->is_v4(); }
  bool is_set() const;
  bool is_loopback() const;
  bool is_link_local() const;  // 169.254/16, fe80::/10
  bool is_private() const;     // RFC 1918, fc00::/7
  bool is_multicast() const;
  /// 4 or 16 bytes in network order.
  ByteView raw() const { return this->is_v4() ? ByteView(this->bytes).subspan(12) : ByteView(this->bytes); }

  auto operator<=>(const IpAddress &) const = default;
  /// Asked several times for each packet, and addresses that differ mostly do so at their end.
  bool operator==(const IpAddress &other) const {
    return this->bytes[15] == other.bytes[15] && std::memcmp(this->bytes.data(), other.bytes.data(), 16) == 0;
  }
};

/// Address and port of the underlay. A port of 0 means unset.
struct Endpoint {
  IpAddress address{};
  uint16_t port{0};

  bool is_set() const { return this->port != 0; }
  auto operator<=>(const Endpoint &) const = default;
};

/// An address block. `bits` counts within the address's own family (0–32 or 0–128).
struct Prefix {
  IpAddress address{};
  uint8_t bits{0};

  bool contains(const IpAddress &candidate) const;
  /// Whether it names exactly one address.
  bool is_single() const { return this->bits == (this->address.is_v4() ? 32 : 128); }
  bool operator==(const Prefix &) const = default;
};

Result<IpAddress> parse_ip(std::string_view text);
/// "1.2.3.4:56" or "[2001:db8::1]:56".
Result<Endpoint> parse_endpoint(std::string_view text);
/// CIDR, or a single address (then all bits). Host bits are kept as they are: the caller decides.
Result<Prefix> parse_prefix(std::string_view text);
/// Whether the bits after the prefix length are all zero.
bool has_no_host_bits(const Prefix &prefix);

FixedString<45> to_text(const IpAddress &address);
FixedString<54> to_text(const Endpoint &endpoint);
FixedString<49> to_text(const Prefix &prefix);

}  // namespace microlink
