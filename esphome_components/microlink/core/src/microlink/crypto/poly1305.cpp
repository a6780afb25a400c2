// SPDX-License-Identifier: MIT
#include "microlink/crypto/poly1305.h"

#include "microlink/crypto/words.h"

namespace microlink::crypto {

namespace {

[[gnu::always_inline]] inline uint64_t product(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) * b; }
[[gnu::always_inline]] inline uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
[[gnu::always_inline]] inline uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

/// a + b + carry; the carry out replaces the carry in.
[[gnu::always_inline]] inline uint32_t add(uint32_t a, uint32_t b, uint32_t &carry) {
  const uint32_t sum = a + b;
  const uint32_t out = sum + carry;
  carry = static_cast<uint32_t>(sum < a) + static_cast<uint32_t>(out < sum);
  return out;
}

}  // namespace

Poly1305::Poly1305(const uint8_t *key) {
  const Word *const k = words(key);
  this->r_[0] = k[0] & 0x0fffffff;
  for (size_t i = 1; i != 4; i++)
    this->r_[i] = k[i] & 0x0ffffffc;
  for (size_t i = 0; i != 4; i++)
    this->pad_[i] = k[4 + i];
}

Poly1305::~Poly1305() {
  wipe_words(this->r_.data(), 4);
  wipe_words(this->pad_.data(), 4);
  wipe_words(this->h_.data(), 5);
}

void Poly1305::update(const uint8_t *in, size_t blocks) {
  // 2^130 = 5 (mod p), so what a product has above 2^128 comes back times 5/4. The clamp made r1 … r3 multiples of
  // four, which makes that exact; r0's two low bits are the one remainder, see x4.
  const uint32_t r0 = this->r_[0], r1 = this->r_[1], r2 = this->r_[2], r3 = this->r_[3];
  const uint32_t q0 = (r0 >> 2) * 5, q1 = r1 + (r1 >> 2), q2 = r2 + (r2 >> 2), q3 = r3 + (r3 >> 2);
  uint32_t h0 = this->h_[0], h1 = this->h_[1], h2 = this->h_[2], h3 = this->h_[3], h4 = this->h_[4];
  const Word *m = words(in);
  for (; blocks != 0; blocks--, m += 4) {
    uint32_t carry = 0;
    h0 = add(h0, m[0], carry);
    h1 = add(h1, m[1], carry);
    h2 = add(h2, m[2], carry);
    h3 = add(h3, m[3], carry);
    h4 += 1 + carry;  // at most 6

    // Every r is below 2^28 and every q below 1.25 × 2^28: the sums stay below 2^63 and their high words below 2^31.
    const uint64_t x0 = product(h0, r0) + product(h1, q3) + product(h2, q2) + product(h3, q1) + h4 * q0;
    const uint64_t x1 = product(h0, r1) + product(h1, r0) + product(h2, q3) + product(h3, q2) + h4 * q1;
    const uint64_t x2 = product(h0, r2) + product(h1, r1) + product(h2, r0) + product(h3, q3) + h4 * q2;
    const uint64_t x3 = product(h0, r3) + product(h1, r2) + product(h2, r1) + product(h3, r0) + h4 * q3;
    const uint32_t x4 = h4 * (r0 & 3) + high(x3);

    // Everything from 2^130 up comes back times five; the high words leave room for the carries.
    const uint32_t top = (x4 >> 2) + (x4 & ~3U);
    h0 = low(x0) + top;
    const uint32_t t1 = high(x0) + static_cast<uint32_t>(h0 < top);
    h1 = low(x1) + t1;
    const uint32_t t2 = high(x1) + static_cast<uint32_t>(h1 < t1);
    h2 = low(x2) + t2;
    const uint32_t t3 = high(x2) + static_cast<uint32_t>(h2 < t2);
    h3 = low(x3) + t3;
    h4 = (x4 & 3) + static_cast<uint32_t>(h3 < t3);
  }
  this->h_ = {h0, h1, h2, h3, h4};
}

void Poly1305::finish(uint8_t *tag) {
  // h is below 2 p. h + 5 reaches 2^130 exactly when h >= p; h - p is then h + 5 - 2^130, and 2^128 falls off below.
  uint32_t carry = 5;
  for (size_t i = 0; i != 4; i++) {
    const uint32_t sum = this->h_[i] + carry;
    carry = static_cast<uint32_t>(sum < carry);
  }
  carry = ((this->h_[4] + carry) >> 2) * 5;
  Word *const out = words(tag);
  uint32_t carry_pad = 0;
  for (size_t i = 0; i != 4; i++) {
    const uint32_t reduced = this->h_[i] + carry;
    carry = static_cast<uint32_t>(reduced < carry);
    out[i] = add(reduced, this->pad_[i], carry_pad);
  }
}

}  // namespace microlink::crypto
