// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>

#include "microlink/base/bytes.h"
#include "microlink/base/secret.h"

namespace microlink::crypto {

/// BLAKE2s (RFC 7693), own code because libsodium lacks it. Incremental; wiped when it goes.
class Blake2s {
 public:
  /// `digest_bytes` 1–32, `key` empty or up to 32 bytes (keyed mode).
  explicit Blake2s(size_t digest_bytes = 32, ByteView key = {});
  ~Blake2s();
  Blake2s(const Blake2s &) = delete;
  Blake2s &operator=(const Blake2s &) = delete;
  Blake2s &update(ByteView in);
  /// `out` must be digest_bytes long. The object is spent.
  void finish(ByteSpan out);

 private:
  void compress_(const uint8_t *block, bool last);

  std::array<uint32_t, 8> state_;
  alignas(4) Bytes<64> block_{};
  uint64_t total_{0};
  size_t fill_{0};
  size_t digest_bytes_;
};

/// BLAKE2s-256 over the parts one after the other.
Bytes<32> blake2s(std::initializer_list<ByteView> parts);
/// Keyed BLAKE2s-128: WireGuard's MAC.
Bytes<16> blake2s_mac(ByteView key, std::initializer_list<ByteView> parts);
/// HMAC-BLAKE2s-256 (RFC 2104). `out` may be the object that `key` or a part views.
void hmac_blake2s(ByteView key, std::initializer_list<ByteView> parts, Secret<32> &out);

/// HKDF with HMAC-BLAKE2s and empty info (RFC 5869), as Noise uses it: 1 to 3 outputs of 32 bytes each.
/// An output may be the same object that `chaining_key` views.
void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1);
void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1, Secret<32> &out2);
void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1, Secret<32> &out2, Secret<32> &out3);

}  // namespace microlink::crypto
