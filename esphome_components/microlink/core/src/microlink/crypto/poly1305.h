// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/crypto/chacha20.h"

namespace microlink::crypto {

/// Poly1305 (RFC 8439 §2.5) over whole 16-byte blocks, which is all that the AEAD needs: it pads with zeros. Wiped when
/// it goes.
class Poly1305 {
 public:
  static constexpr size_t BLOCK_BYTES = 16;
  using Tag = std::array<uint32_t, 4>;

  /// Takes the one-time key from the front of a block of key stream (RFC 8439 §2.6).
  explicit Poly1305(ChaCha20 &stream);
  /// From a key that is given, as the test vectors of the RFC do; `key` is r and what is added at the end.
  explicit Poly1305(const std::array<uint32_t, 8> &key);
  ~Poly1305();
  Poly1305(const Poly1305 &) = delete;
  Poly1305 &operator=(const Poly1305 &) = delete;

  /// At least one block.
  void update(const Word *in, size_t blocks);
  /// The tag as it lies in memory. The object is spent.
  Tag finish();

 private:
  void start_();

  // One block of key stream: the first eight words are the key, the accumulator takes the place of the others.
  enum : size_t { R = 0, PAD = 4, H = 8 };
  std::array<uint32_t, CHACHA_BLOCK_WORDS> words_;  // r, clamped; what is added at the end; h, radix 2^32, below 2^131
};

}  // namespace microlink::crypto
