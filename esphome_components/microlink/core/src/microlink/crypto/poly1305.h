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
  explicit Poly1305(ChaCha20 &stream) {
    wipe_fours(this->words_.data(), 4);
    stream.apply(this->words_.data(), 1);
    this->start_();
  }
  /// From a key that is given, as the test vectors of the RFC do; `key` is r and what is added at the end.
  explicit Poly1305(const std::array<uint32_t, 8> &key);
  ~Poly1305() { wipe_fours(this->words_.data(), 4); }
  Poly1305(const Poly1305 &) = delete;
  Poly1305 &operator=(const Poly1305 &) = delete;

  /// At least one block.
  void update(const Word *in, size_t blocks);
  /// The tag as it lies in memory. The object is spent.
  Tag finish();

 private:
  void start_() {
    uint32_t *const w = this->words_.data();
    w[R] &= 0x0fffffff;
    w[R + 1] &= 0x0ffffffc;
    w[R + 2] &= 0x0ffffffc;
    w[R + 3] &= 0x0ffffffc;
    w[H] = w[H + 1] = w[H + 2] = w[H + 3] = w[H + 4] = 0;
  }
  static uint32_t add_(uint32_t a, uint32_t b, uint32_t &carry);

  // One block of key stream: the first eight words are the key, the accumulator takes the place of the others.
  enum : size_t { R = 0, PAD = 4, H = 8 };
  std::array<uint32_t, CHACHA_BLOCK_WORDS> words_;  // r, clamped; what is added at the end; h, radix 2^32, below 2^131
};

/// a + b + carry; the carry out replaces the carry in.
[[gnu::always_inline]] inline uint32_t Poly1305::add_(uint32_t a, uint32_t b, uint32_t &carry) {
  const uint32_t sum = a + b;
  const uint32_t out = sum + carry;
  carry = static_cast<uint32_t>(sum < a) + static_cast<uint32_t>(out < sum);
  return out;
}

// Here, because it has one user, to whom the call would cost more than it does.
inline Poly1305::Tag Poly1305::finish() {
  // h is below 2 p, and h >= p exactly when h + 5 carries into 2^130. It carries out of the low 128 bits when the upper
  // three words are all ones and the lowest overflows. Then h - p is h + 5 - 2^130; what is above 2^128 falls off.
  const uint32_t *const h = this->words_.data() + H;
  const uint32_t low_carry = static_cast<uint32_t>(h[0] > UINT32_MAX - 5);
  const uint32_t carry_128 = static_cast<uint32_t>((h[1] & h[2] & h[3]) + low_carry < low_carry);
  uint32_t carry = ((h[4] + carry_128) >> 2) * 5;
  Tag tag;
  uint32_t carry_pad = 0;
#pragma GCC unroll 4
  for (size_t i = 0; i != 4; i++) {
    const uint32_t reduced = h[i] + carry;
    carry = static_cast<uint32_t>(reduced < carry);
    tag[i] = add_(reduced, this->words_[PAD + i], carry_pad);
  }
  return tag;
}

}  // namespace microlink::crypto
