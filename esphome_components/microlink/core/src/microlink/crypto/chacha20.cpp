// SPDX-License-Identifier: MIT
#include "microlink/crypto/chacha20.h"

#include "microlink/crypto/words.h"

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
  for (size_t i = 0; i != 4; i++)
    this->state_[i] = SIGMA[i];
  for (size_t i = 0; i != 8; i++)
    this->state_[4 + i] = load_u32(key.bytes().data() + 4 * i);
  this->state_[12] = counter;
  for (size_t i = 0; i != 3; i++)
    this->state_[13 + i] = load_u32(nonce.data() + 4 * i);
}

ChaCha20::~ChaCha20() { wipe_words(this->state_.data(), this->state_.size()); }

void ChaCha20::apply(uint8_t *block) {
  // Sixteen locals, not an array: they stay in registers.
  uint32_t *const s = this->state_.data();
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
  Word *const out = words(block);
  out[0] ^= x0 + s[0];
  out[1] ^= x1 + s[1];
  out[2] ^= x2 + s[2];
  out[3] ^= x3 + s[3];
  out[4] ^= x4 + s[4];
  out[5] ^= x5 + s[5];
  out[6] ^= x6 + s[6];
  out[7] ^= x7 + s[7];
  out[8] ^= x8 + s[8];
  out[9] ^= x9 + s[9];
  out[10] ^= x10 + s[10];
  out[11] ^= x11 + s[11];
  out[12] ^= x12 + s[12];
  out[13] ^= x13 + s[13];
  out[14] ^= x14 + s[14];
  out[15] ^= x15 + s[15];
  s[12]++;
}

void ChaCha20::apply(uint8_t *block, size_t blocks) {
  for (; blocks != 0; blocks--, block += CHACHA_BLOCK_BYTES)
    this->apply(block);
}

}  // namespace microlink::crypto
