// SPDX-License-Identifier: MIT
#include "microlink/crypto/poly1305.h"

namespace microlink::crypto {

namespace {

#ifndef MICROLINK_WIDE_CRYPTO
[[gnu::always_inline]] inline uint64_t product(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) * b; }
[[gnu::always_inline]] inline uint32_t low(uint64_t x) { return static_cast<uint32_t>(x); }
[[gnu::always_inline]] inline uint32_t high(uint64_t x) { return static_cast<uint32_t>(x >> 32); }
#endif

}  // namespace

Poly1305::Poly1305(const std::array<uint32_t, 8> &key) {
  copy_words(key.data(), this->words_.data(), key.size());
  this->start_();
}

#ifndef MICROLINK_WIDE_CRYPTO
void Poly1305::update(const Word *in, size_t blocks) {
  // 2^130 = 5 (mod p), so what a product has above 2^128 comes back times 5/4. The clamp made r1 … r3 multiples of
  // four, which makes that exact; r0's two low bits are the one remainder, see x4.
  uint32_t *const w = this->words_.data();
  const uint32_t r0 = w[R], r1 = w[R + 1], r2 = w[R + 2], r3 = w[R + 3];
  const uint32_t q0 = (r0 >> 2) * 5, q1 = r1 + (r1 >> 2), q2 = r2 + (r2 >> 2), q3 = r3 + (r3 >> 2);
  uint32_t h0 = w[H], h1 = w[H + 1], h2 = w[H + 2], h3 = w[H + 3], h4 = w[H + 4];
  do {
    uint32_t carry = 0;
    h0 = add_(h0, in[0], carry);
    h1 = add_(h1, in[1], carry);
    h2 = add_(h2, in[2], carry);
    h3 = add_(h3, in[3], carry);
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
    in += 4;
  } while (--blocks != 0);
  w[H] = h0;
  w[H + 1] = h1;
  w[H + 2] = h2;
  w[H + 3] = h3;
  w[H + 4] = h4;
}
#endif

}  // namespace microlink::crypto
