// SPDX-License-Identifier: MIT
#include "microlink/crypto/blake2s.h"

#include <cassert>

#include "microlink/crypto/words.h"

namespace microlink::crypto {

namespace {

constexpr size_t BLOCK_BYTES = 64;
constexpr size_t ROUNDS = 10;

constexpr uint32_t IV[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Which message word each step takes (RFC 7693 §2.7), as byte offsets so that no index has to be scaled.
constexpr uint8_t w(uint8_t word) { return static_cast<uint8_t>(word * 4); }
constexpr uint8_t SIGMA[ROUNDS][16] = {
    {w(0), w(1), w(2), w(3), w(4), w(5), w(6), w(7), w(8), w(9), w(10), w(11), w(12), w(13), w(14), w(15)},
    {w(14), w(10), w(4), w(8), w(9), w(15), w(13), w(6), w(1), w(12), w(0), w(2), w(11), w(7), w(5), w(3)},
    {w(11), w(8), w(12), w(0), w(5), w(2), w(15), w(13), w(10), w(14), w(3), w(6), w(7), w(1), w(9), w(4)},
    {w(7), w(9), w(3), w(1), w(13), w(12), w(11), w(14), w(2), w(6), w(5), w(10), w(4), w(0), w(15), w(8)},
    {w(9), w(0), w(5), w(7), w(2), w(4), w(10), w(15), w(14), w(1), w(11), w(12), w(6), w(8), w(3), w(13)},
    {w(2), w(12), w(6), w(10), w(0), w(11), w(8), w(3), w(4), w(13), w(7), w(5), w(15), w(14), w(1), w(9)},
    {w(12), w(5), w(1), w(15), w(14), w(13), w(4), w(10), w(0), w(7), w(6), w(3), w(9), w(2), w(8), w(11)},
    {w(13), w(11), w(7), w(14), w(12), w(1), w(3), w(9), w(5), w(0), w(15), w(4), w(8), w(6), w(2), w(10)},
    {w(6), w(15), w(14), w(9), w(11), w(3), w(0), w(8), w(12), w(2), w(13), w(7), w(1), w(4), w(10), w(5)},
    {w(10), w(2), w(8), w(4), w(7), w(6), w(1), w(5), w(15), w(11), w(9), w(14), w(3), w(12), w(13), w(0)},
};

[[gnu::always_inline]] inline void mix(uint32_t &a, uint32_t &b, uint32_t &c, uint32_t &d, const uint8_t *message,
                                       const uint8_t *offsets) {
  a += b + *words(message + offsets[0]);
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 12);
  a += b + *words(message + offsets[1]);
  d = std::rotr(d ^ a, 8);
  c += d;
  b = std::rotr(b ^ c, 7);
}

}  // namespace

Blake2s::Blake2s(size_t digest_bytes, ByteView key) : digest_bytes_(digest_bytes) {
  assert(digest_bytes >= 1 && digest_bytes <= 32 && key.size() <= 32);
  for (size_t i = 0; i != 8; i++)
    this->state_[i] = IV[i];
  // Parameter block: digest length, key length, fanout 1, depth 1 (RFC 7693 §2.5).
  this->state_[0] ^= 0x01010000U | static_cast<uint32_t>(key.size()) << 8 | static_cast<uint32_t>(digest_bytes);
  if (!key.empty()) {
    copy(key, this->block_);
    this->fill_ = BLOCK_BYTES;
  }
}

Blake2s::~Blake2s() {
  wipe_fours(words(this->block_.data()), 4);
  wipe_fours(this->state_.data(), 2);
}

Blake2s &Blake2s::update(ByteView in) {
  while (!in.empty()) {
    // A full block waits until more comes, because the last one is compressed differently.
    if (this->fill_ == BLOCK_BYTES) {
      this->compress_(this->block_.data(), false);
      this->fill_ = 0;
    }
    if (this->fill_ == 0 && is_word_aligned(in.data())) {
      for (; in.size() > BLOCK_BYTES; in = in.subspan(BLOCK_BYTES))
        this->compress_(in.data(), false);
    }
    const size_t n = copy(in, ByteSpan(this->block_).subspan(this->fill_));
    this->fill_ += n;
    in = in.subspan(n);
  }
  return *this;
}

void Blake2s::finish(ByteSpan out) {
  assert(out.size() == this->digest_bytes_);
  for (size_t i = this->fill_; i != BLOCK_BYTES; i++)
    this->block_[i] = 0;
  this->compress_(this->block_.data(), true);
  copy({reinterpret_cast<const uint8_t *>(this->state_.data()), this->digest_bytes_}, out);
}

void Blake2s::compress_(const uint8_t *block, bool last) {
  this->total_ += last ? this->fill_ : BLOCK_BYTES;
  uint32_t *const s = this->state_.data();
  uint32_t v0 = s[0], v1 = s[1], v2 = s[2], v3 = s[3], v4 = s[4], v5 = s[5], v6 = s[6], v7 = s[7];
  uint32_t v8 = IV[0], v9 = IV[1], v10 = IV[2], v11 = IV[3];
  uint32_t v12 = IV[4] ^ static_cast<uint32_t>(this->total_);
  uint32_t v13 = IV[5] ^ static_cast<uint32_t>(this->total_ >> 32);
  uint32_t v14 = last ? ~IV[6] : IV[6];
  uint32_t v15 = IV[7];
  for (const auto &offsets : SIGMA) {
    mix(v0, v4, v8, v12, block, offsets);
    mix(v1, v5, v9, v13, block, offsets + 2);
    mix(v2, v6, v10, v14, block, offsets + 4);
    mix(v3, v7, v11, v15, block, offsets + 6);
    mix(v0, v5, v10, v15, block, offsets + 8);
    mix(v1, v6, v11, v12, block, offsets + 10);
    mix(v2, v7, v8, v13, block, offsets + 12);
    mix(v3, v4, v9, v14, block, offsets + 14);
  }
  s[0] ^= v0 ^ v8;
  s[1] ^= v1 ^ v9;
  s[2] ^= v2 ^ v10;
  s[3] ^= v3 ^ v11;
  s[4] ^= v4 ^ v12;
  s[5] ^= v5 ^ v13;
  s[6] ^= v6 ^ v14;
  s[7] ^= v7 ^ v15;
}

}  // namespace microlink::crypto
