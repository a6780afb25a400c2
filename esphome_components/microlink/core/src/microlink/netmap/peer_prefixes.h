// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::netmap {

/// fd7a:115c:a1e0::/48, from which every tailnet takes its IPv6 addresses (01 §1).
constexpr Bytes<6> TAILNET_V6{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0};

/// A peer's own addresses and what else it may use, packed:
///
///   bits u8 | flags u8 | 4 or 16 bytes
///
/// What finds no room is left out: less reach, never more. Two own addresses always fit.
class PeerPrefixes {
 public:
  using Addresses = FixedVector<Prefix, 2>;

  void set(const Addresses &own, const tailcfg::AllowedIps &allowed);
  /// Whether or not the peer may use them.
  Addresses own() const;
  /// What the peer may use: own addresses first.
  tailcfg::AllowedIps allowed() const;
  /// Prefix length of the longest allowed prefix with the address, of which `raw` is IpAddress::raw(); -1 if there is
  /// none. An own address of the peer always counts, others only with `routes`, and never a prefix of no bits.
  int match(ByteView raw, bool routes) const;
  bool operator==(const PeerPrefixes &) const = default;

 private:
  static constexpr size_t HEADER_BYTES = 2;
  static constexpr size_t CAPACITY = 2 * (HEADER_BYTES + 16) + 24;
  enum Flag : uint8_t { V4 = 1, OWN = 2, ALLOWED = 4 };
  struct Entry {
    uint8_t bits;
    uint8_t flags;
    ByteView raw;
    Prefix prefix() const { return {IpAddress::from_bytes(this->raw), this->bits}; }
  };
  /// The entry at `at`, which moves on to the next one.
  Entry read_(size_t &at) const;
  int longest_(ByteView raw, bool routes) const;
  bool add_(const Prefix &prefix, uint8_t flags);

  Bytes<CAPACITY> bytes_{};  ///< what is unused is zero
  uint8_t size_{0};
};

}  // namespace microlink::netmap
