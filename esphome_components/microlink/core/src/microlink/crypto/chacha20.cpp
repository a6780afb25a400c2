// SPDX-License-Identifier: MIT
#include "microlink/crypto/chacha20.h"

namespace microlink::crypto {

namespace {

// "expand 32-byte k" (RFC 8439 §2.3).
constexpr uint32_t SIGMA[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

[[gnu::always_inline]] inline void quarter_round(uint32_t &a, uint32_t &b, uint32_t &c, uint32_t &d) {
  a += b;
  d = std::rotl(d ^ a, 16);
  c += d;
  b = std::rotl(b ^ c, 12);
  a += b;
  d = std::rotl(d ^ a, 8);
  c += d;
  b = std::rotl(b ^ c, 7);
}

}  // namespace

ChaCha20::ChaCha20(const Secret<32> &key, const Nonce &nonce, uint32_t counter) {
  uint32_t *const s = this->state_.data();
  s[0] = SIGMA[0];
  s[1] = SIGMA[1];
  s[2] = SIGMA[2];
  s[3] = SIGMA[3];
  copy_words(key.bytes().data(), s + 4, 8);
  s[12] = counter;
  copy_words(nonce.data(), s + 13, 3);
}

#ifndef MICROLINK_WIDE_CRYPTO
void ChaCha20::apply(Word *block, size_t blocks) { this->apply_each_(block, blocks); }
#endif

void ChaCha20::apply_each_(Word *block, size_t blocks) {
  // Sixteen locals, not an array: they stay in registers.
  uint32_t *const s = this->state_.data();
  for (; blocks != 0; blocks--, block += CHACHA_BLOCK_WORDS) {
    uint32_t x0 = s[0], x1 = s[1], x2 = s[2], x3 = s[3], x4 = s[4], x5 = s[5], x6 = s[6], x7 = s[7];
    uint32_t x8 = s[8], x9 = s[9], x10 = s[10], x11 = s[11], x12 = s[12], x13 = s[13], x14 = s[14], x15 = s[15];
    for (int i = 10; i != 0; i--) {
      quarter_round(x0, x4, x8, x12);
      quarter_round(x1, x5, x9, x13);
      quarter_round(x2, x6, x10, x14);
      quarter_round(x3, x7, x11, x15);
      quarter_round(x0, x5, x10, x15);
      quarter_round(x1, x6, x11, x12);
      quarter_round(x2, x7, x8, x13);
      quarter_round(x3, x4, x9, x14);
    }
    block[0] ^= x0 + s[0];
    block[1] ^= x1 + s[1];
    block[2] ^= x2 + s[2];
    block[3] ^= x3 + s[3];
    block[4] ^= x4 + s[4];
    block[5] ^= x5 + s[5];
    block[6] ^= x6 + s[6];
    block[7] ^= x7 + s[7];
    block[8] ^= x8 + s[8];
    block[9] ^= x9 + s[9];
    block[10] ^= x10 + s[10];
    block[11] ^= x11 + s[11];
    block[12] ^= x12 + s[12];
    block[13] ^= x13 + s[13];
    block[14] ^= x14 + s[14];
    block[15] ^= x15 + s[15];
    s[12]++;
  }
}

}  // namespace microlink::crypto
