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

/// A number below 2^131 in limbs of 44, 44 and 43 bits, so that sums of products need no carries between them.
struct Limbs {
  static constexpr uint64_t MASK = (UINT64_C(1) << 44) - 1;

  static Limbs from(uint64_t low, uint64_t middle, uint64_t high) {
    return {{low & MASK, (low >> 44 | middle << 20) & MASK, middle >> 24 | high << 40}};
  }
  std::array<uint64_t, 3> limb;
};

/// Adds a × b to x. What reaches 2^132 comes back as 20 = 4 × 5 (mod p).
[[gnu::always_inline]] inline void add_product(Wide (&x)[3], const Limbs &a, const Limbs &b) {
  const uint64_t b1 = b.limb[1] * 20, b2 = b.limb[2] * 20;
  x[0] +=
      static_cast<Wide>(a.limb[0]) * b.limb[0] + static_cast<Wide>(a.limb[1]) * b2 + static_cast<Wide>(a.limb[2]) * b1;
  x[1] += static_cast<Wide>(a.limb[0]) * b.limb[1] + static_cast<Wide>(a.limb[1]) * b.limb[0] +
          static_cast<Wide>(a.limb[2]) * b2;
  x[2] += static_cast<Wide>(a.limb[0]) * b.limb[2] + static_cast<Wide>(a.limb[1]) * b.limb[1] +
          static_cast<Wide>(a.limb[2]) * b.limb[0];
}

/// Carries through; the lowest two limbs end up little above 44 bits, the highest below 2^42 + 1.
[[gnu::always_inline]] inline Limbs reduce(Wide (&x)[3]) {
  x[1] += static_cast<uint64_t>(x[0] >> 44);
  x[2] += static_cast<uint64_t>(x[1] >> 44);
  const uint64_t top = static_cast<uint64_t>(x[2] >> 42);
  const uint64_t h0 = (low(x[0]) & Limbs::MASK) + top * 5;
  return {{h0 & Limbs::MASK, (low(x[1]) & Limbs::MASK) + (h0 >> 44), low(x[2]) & (Limbs::MASK >> 2)}};
}

[[gnu::always_inline]] inline Limbs block_of(const Word *in) { return Limbs::from(join(in), join(in + 2), 1); }

/// Four blocks a step: ((((h + m0) r + m1) r + m2) r + m3) r is (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r, and these
/// products do not wait for each other.
[[gnu::noinline]] void update_fours(uint32_t *accumulator, uint64_t r0, uint64_t r1, const Word *in, size_t fours) {
  const Limbs r = Limbs::from(r0, r1, 0);
  const auto times_r = [&r](const Limbs &a) {
    Wide x[3]{};
    add_product(x, a, r);
    return reduce(x);
  };
  const Limbs r_2 = times_r(r), r_3 = times_r(r_2), r_4 = times_r(r_3);
  Limbs h = Limbs::from(join(accumulator), join(accumulator + 2), accumulator[4]);
  for (; fours != 0; fours--, in += 16) {
    const Limbs first = block_of(in);
    for (size_t i = 0; i != 3; i++)
      h.limb[i] += first.limb[i];
    Wide x[3]{};
    add_product(x, h, r_4);
    add_product(x, block_of(in + 4), r_3);
    add_product(x, block_of(in + 8), r_2);
    add_product(x, block_of(in + 12), r);
    h = reduce(x);
  }
  // h1's excess is carried before the limbs are put together; h2 stays below 2^43, so the top word is small.
  const uint64_t h1 = h.limb[1] & Limbs::MASK, h2 = h.limb[2] + (h.limb[1] >> 44);
  split(h.limb[0] | h1 << 44, accumulator);
  split(h1 >> 20 | h2 << 24, accumulator + 2);
  accumulator[4] = static_cast<uint32_t>(h2 >> 40);
}

}  // namespace

void Poly1305::update(const Word *in, size_t blocks) {
  // The clamp made r1 a multiple of four, so 2^128 r1 = 2^130 r1/4 = 5/4 r1 (mod p) is a whole number.
  uint32_t *const w = this->words_.data();
  const uint64_t r0 = join(w + R), r1 = join(w + R + 2), q1 = r1 + (r1 >> 2);
  if (blocks >= 12) {  // from here on the powers of r pay
    update_fours(w + H, r0, r1, in, blocks / 4);
    in += blocks / 4 * 16;
    blocks %= 4;
    if (blocks == 0)
      return;
  }
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
