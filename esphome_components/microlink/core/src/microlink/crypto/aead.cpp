// SPDX-License-Identifier: MIT
#include "microlink/crypto/aead.h"

#include <cassert>

#include "microlink/crypto/chacha20.h"
#include "microlink/crypto/poly1305.h"
#include "microlink/crypto/words.h"

namespace microlink::crypto {

namespace {

constexpr size_t POLY_BLOCK_BYTES = 16;
constexpr size_t poly_blocks(size_t bytes) { return (bytes + POLY_BLOCK_BYTES - 1) / POLY_BLOCK_BYTES; }

/// One block of key stream's worth of bytes, aligned: where partial and unaligned blocks are worked on.
struct alignas(16) Scratch {
  Bytes<CHACHA_BLOCK_BYTES> bytes{};
  ~Scratch() { wipe_words(words(this->bytes.data()), CHACHA_BLOCK_BYTES / 4); }
};

enum class Direction : uint8_t { SEAL, OPEN };

void authenticate(Poly1305 &poly, ByteView ad) {
  while (!ad.empty()) {
    alignas(16) Bytes<CHACHA_BLOCK_BYTES> block{};
    const size_t n = copy(ad, block);
    poly.update(block.data(), poly_blocks(n));
    ad = ad.subspan(n);
  }
}

/// En- or decrypts in place and authenticates the ciphertext, one pass.
void process(ChaCha20 &stream, Poly1305 &poly, Direction direction, ByteSpan text) {
  constexpr size_t STEP = CHACHA_BLOCK_BYTES;
  if (is_word_aligned(text.data())) {
    for (; text.size() >= STEP; text = text.subspan(STEP)) {
      if (direction == Direction::SEAL)
        stream.apply(text.data());
      poly.update(text.data(), poly_blocks(STEP));
      if (direction == Direction::OPEN)
        stream.apply(text.data());
    }
  }
  while (!text.empty()) {
    Scratch scratch;
    const size_t n = copy(text, scratch.bytes);
    if (direction == Direction::SEAL) {
      stream.apply(scratch.bytes.data());
      std::memset(scratch.bytes.data() + n, 0, scratch.bytes.size() - n);
    }
    poly.update(scratch.bytes.data(), poly_blocks(n));
    if (direction == Direction::OPEN)
      stream.apply(scratch.bytes.data());
    copy(ByteView(scratch.bytes).first(n), text);
    text = text.subspan(n);
  }
}

/// RFC 8439 §2.8; `tag` must be aligned to 4.
void run(const Secret<32> &key, const Nonce &nonce, Direction direction, ByteView ad, ByteSpan text, uint8_t *tag) {
  ChaCha20 stream(key, nonce, 0);
  Scratch one_time_key;
  stream.apply(one_time_key.bytes.data());
  Poly1305 poly(one_time_key.bytes.data());
  authenticate(poly, ad);
  process(stream, poly, direction, text);
  const uint64_t ad_bytes = ad.size();
  const uint64_t text_bytes = text.size();
  const uint32_t lengths[4] = {static_cast<uint32_t>(ad_bytes), static_cast<uint32_t>(ad_bytes >> 32),
                               static_cast<uint32_t>(text_bytes), static_cast<uint32_t>(text_bytes >> 32)};
  poly.update(reinterpret_cast<const uint8_t *>(lengths), 1);
  poly.finish(tag);
}

}  // namespace

Nonce nonce_le(uint64_t counter) {
  Nonce out{};
  for (size_t i = 4; i != NONCE_BYTES; i++, counter >>= 8)
    out[i] = static_cast<uint8_t>(counter);
  return out;
}

Nonce nonce_be(uint64_t counter) {
  Nonce out{};
  for (size_t i = NONCE_BYTES; i != 4; i--, counter >>= 8)
    out[i - 1] = static_cast<uint8_t>(counter);
  return out;
}

void seal(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag) {
  assert(text_and_tag.size() >= TAG_BYTES);
  if (text_and_tag.size() < TAG_BYTES)
    return;
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - TAG_BYTES);
  alignas(4) Bytes<TAG_BYTES> tag;
  run(key, nonce, Direction::SEAL, ad, text, tag.data());
  copy(tag, text_and_tag.last(TAG_BYTES));
}

bool open(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag) {
  if (text_and_tag.size() < TAG_BYTES) {
    wipe(text_and_tag);
    return false;
  }
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - TAG_BYTES);
  alignas(4) Bytes<TAG_BYTES> tag;
  run(key, nonce, Direction::OPEN, ad, text, tag.data());
  if (ct_equal(tag, text_and_tag.last(TAG_BYTES)))
    return true;
  wipe(text_and_tag);
  return false;
}

}  // namespace microlink::crypto
