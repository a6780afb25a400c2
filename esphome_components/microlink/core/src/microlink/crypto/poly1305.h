// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink::crypto {

/// Poly1305 (RFC 8439 §2.5) over whole 16-byte blocks, which is all that the AEAD needs: it pads with zeros. Wiped when
/// it goes.
class Poly1305 {
 public:
  /// `key`: 32 one-time bytes, aligned to 4.
  explicit Poly1305(const uint8_t *key);
  ~Poly1305();
  Poly1305(const Poly1305 &) = delete;
  Poly1305 &operator=(const Poly1305 &) = delete;

  /// `in` must be aligned to 4.
  void update(const uint8_t *in, size_t blocks);
  /// `tag` must be aligned to 4. The object is spent.
  void finish(uint8_t *tag);

 private:
  std::array<uint32_t, 4> r_;    // multiplier, clamped
  std::array<uint32_t, 4> pad_;  // added at the end
  std::array<uint32_t, 5> h_{};  // accumulator, radix 2^32, below 2^131
};

}  // namespace microlink::crypto
