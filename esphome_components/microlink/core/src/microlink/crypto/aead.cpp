// SPDX-License-Identifier: MIT
#include "microlink/crypto/aead.h"

#include <cassert>

#include "microlink/crypto/poly1305.h"

namespace microlink::crypto {

namespace {

constexpr size_t poly_blocks(size_t bytes) { return (bytes + Poly1305::BLOCK_BYTES - 1) / Poly1305::BLOCK_BYTES; }

/// One block: where partial and unaligned blocks are worked on.
struct Scratch {
  Scratch() { wipe_fours(this->block.data(), 4); }
  ~Scratch() { wipe_fours(this->block.data(), 4); }
  ByteSpan bytes() { return {reinterpret_cast<uint8_t *>(this->block.data()), CHACHA_BLOCK_BYTES}; }
  std::array<uint32_t, CHACHA_BLOCK_WORDS> block;
};

enum class Direction : uint8_t { SEAL, OPEN };

void authenticate(Poly1305 &poly, ByteView ad) {
  while (!ad.empty()) {
    Scratch scratch;
    const size_t n = copy(ad, scratch.bytes());
    poly.update(scratch.block.data(), poly_blocks(n));
    ad = ad.subspan(n);
  }
}

/// En- or decrypts in place and authenticates the ciphertext, padded with zeros up to poly_blocks(bytes).
void process_words(ChaCha20 &stream, Poly1305 &poly, Direction direction, Word *text, size_t bytes) {
  if (direction == Direction::OPEN)
    poly.update(text, poly_blocks(bytes));
  stream.apply(text, (bytes + CHACHA_BLOCK_BYTES - 1) / CHACHA_BLOCK_BYTES);
  if (direction == Direction::OPEN)
    return;
  for (size_t i = bytes; i % Poly1305::BLOCK_BYTES != 0; i++)
    reinterpret_cast<uint8_t *>(text)[i] = 0;
  poly.update(text, poly_blocks(bytes));
}

void process(ChaCha20 &stream, Poly1305 &poly, Direction direction, ByteSpan text) {
  if (is_word_aligned(text.data())) {
    const size_t whole = text.size() - text.size() % CHACHA_BLOCK_BYTES;
    process_words(stream, poly, direction, words(text.data()), whole);
    text = text.subspan(whole);
  }
  while (!text.empty()) {
    Scratch scratch;
    const size_t n = copy(text, scratch.bytes());
    process_words(stream, poly, direction, scratch.block.data(), n);
    copy(scratch.bytes().first(n), text);
    text = text.subspan(n);
  }
}

/// RFC 8439 §2.8.
Poly1305::Tag run(const Secret<32> &key, const Nonce &nonce, Direction direction, ByteView ad, ByteSpan text) {
  ChaCha20 stream(key, nonce, 0);
  Poly1305 poly(stream);
  authenticate(poly, ad);
  process(stream, poly, direction, text);
  const uint64_t ad_bytes = ad.size();
  const uint64_t text_bytes = text.size();
  const uint32_t lengths[4] = {static_cast<uint32_t>(ad_bytes), static_cast<uint32_t>(ad_bytes >> 32),
                               static_cast<uint32_t>(text_bytes), static_cast<uint32_t>(text_bytes >> 32)};
  poly.update(lengths, 1);
  return poly.finish();
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
  const Poly1305::Tag tag = run(key, nonce, Direction::SEAL, ad, text);
  std::memcpy(text.data() + text.size(), tag.data(), TAG_BYTES);
}

bool open(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag) {
  if (text_and_tag.size() >= TAG_BYTES) {
    const ByteSpan text = text_and_tag.first(text_and_tag.size() - TAG_BYTES);
    const Poly1305::Tag expected = run(key, nonce, Direction::OPEN, ad, text);
    Poly1305::Tag tag;
    load_words(text.data() + text.size(), tag.data());
    const uint32_t difference =
        (tag[0] ^ expected[0]) | (tag[1] ^ expected[1]) | (tag[2] ^ expected[2]) | (tag[3] ^ expected[3]);
    if (difference == 0)
      return true;
  }
  wipe(text_and_tag);
  return false;
}

}  // namespace microlink::crypto
