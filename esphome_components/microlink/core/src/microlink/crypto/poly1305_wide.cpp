// SPDX-License-Identifier: MIT
/// Poly1305 on machines that multiply 64 by 64 bits: radix 2^64, four products a block where radix 2^32 has sixteen.
#include "microlink/crypto/poly1305.h"

#ifdef MICROLINK_WIDE_CRYPTO

namespace microlink::crypto {

namespace {

__extension__ using Wide = unsigned __int128;

inline uint64_t low(Wide x) { return static_cast<uint64_t>(x); }
inline uint64_t high(Wide x) { return static_cast<uint64_t>(x >> 64); }
inline uint64_t join(const Word *in) { return in[0] | static_cast<uint64_t>(in[1]) << 32; }

inline void split(uint64_t value, uint32_t *out) {
  out[0] = static_cast<uint32_t>(value);
  out[1] = static_cast<uint32_t>(value >> 32);
}

}  // namespace

void Poly1305::update(const Word *in, size_t blocks) {
  // The clamp made r1 a multiple of four, so 2^128 r1 = 2^130 r1/4 = 5/4 r1 (mod p) is a whole number.
  uint32_t *const w = this->words_.data();
  const uint64_t r0 = join(w + R), r1 = join(w + R + 2), q1 = r1 + (r1 >> 2);
  uint64_t h0 = join(w + H), h1 = join(w + H + 2), h2 = w[H + 4];
  do {
    Wide sum = static_cast<Wide>(h0) + join(in);
    h0 = low(sum);
    sum = static_cast<Wide>(h1) + join(in + 2) + high(sum);
    h1 = low(sum);
    h2 += 1 + high(sum);  // at most 6

    // r is below 2^60, q1 below 1.25 × 2^60: nothing reaches 2^126 here, nor 2^63 in x2.
    const Wide x0 = static_cast<Wide>(h0) * r0 + static_cast<Wide>(h1) * q1;
    const Wide x1 = static_cast<Wide>(h0) * r1 + static_cast<Wide>(h1) * r0 + h2 * q1 + high(x0);
    const uint64_t x2 = h2 * r0 + high(x1);

    // Everything from 2^130 up comes back times five.
    sum = static_cast<Wide>(low(x0)) + (x2 >> 2) + (x2 & ~UINT64_C(3));
    h0 = low(sum);
    sum = static_cast<Wide>(low(x1)) + high(sum);
    h1 = low(sum);
    h2 = (x2 & 3) + high(sum);
    in += 4;
  } while (--blocks != 0);
  split(h0, w + H);
  split(h1, w + H + 2);
  w[H + 4] = static_cast<uint32_t>(h2);
}

}  // namespace microlink::crypto

#endif
