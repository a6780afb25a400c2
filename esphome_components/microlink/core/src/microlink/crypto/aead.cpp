// SPDX-License-Identifier: MIT
#include "microlink/crypto/aead.h"

#include <cassert>

#include "microlink/crypto/poly1305.h"

namespace microlink::crypto {

namespace {

enum class Direction : uint8_t { SEAL, OPEN };

void authenticate(Poly1305 &poly, ByteView ad) {
  while (!ad.empty()) {
    std::array<uint32_t, 4> block{};
    const size_t n = std::min(ad.size(), Poly1305::BLOCK_BYTES);
    std::memcpy(block.data(), ad.data(), n);
    poly.update(block.data(), 1);
    ad = ad.subspan(n);
  }
}

/// En- or decrypts in place and authenticates the ciphertext.
void process(ChaCha20 &stream, Poly1305 &poly, Direction direction, uint8_t *text, size_t left) {
  // Whole blocks that are aligned are worked on where they lie, all at once; others one by one in `scratch`.
  std::array<uint32_t, CHACHA_BLOCK_WORDS> scratch;
  while (left != 0) {
    size_t n = left - left % CHACHA_BLOCK_BYTES;
    Word *work = reinterpret_cast<Word *>(text);
    const bool in_place = n != 0 && is_word_aligned(text);
    if (!in_place) {
      n = std::min(left, CHACHA_BLOCK_BYTES);
      work = scratch.data();
      wipe_fours(work, 4);
      std::memcpy(work, text, n);
    }
    const size_t tagged_blocks = (n + Poly1305::BLOCK_BYTES - 1) / Poly1305::BLOCK_BYTES;
    if (direction == Direction::OPEN)
      poly.update(work, tagged_blocks);
    stream.apply(work, (n + CHACHA_BLOCK_BYTES - 1) / CHACHA_BLOCK_BYTES);
    if (!in_place)
      std::memcpy(text, work, n);
    if (direction == Direction::SEAL) {
      // Key stream beyond the end of the text is not part of the ciphertext: the padding is zeros.
      for (size_t i = n; i % Poly1305::BLOCK_BYTES != 0; i++)
        reinterpret_cast<uint8_t *>(work)[i] = 0;
      poly.update(work, tagged_blocks);
    }
    if (!in_place)
      wipe_fours(work, 4);
    text += n;
    left -= n;
  }
}

/// RFC 8439 §2.8.
Poly1305::Tag run(const Secret<32> &key, const Nonce &nonce, Direction direction, ByteView ad, ByteSpan text) {
  ChaCha20 stream(key, nonce, 0);
  Poly1305 poly(stream);
  authenticate(poly, ad);
  process(stream, poly, direction, text.data(), text.size());
  const uint64_t ad_bytes = ad.size();
  const uint64_t text_bytes = text.size();
  const uint32_t lengths[4] = {static_cast<uint32_t>(ad_bytes), static_cast<uint32_t>(ad_bytes >> 32),
                               static_cast<uint32_t>(text_bytes), static_cast<uint32_t>(text_bytes >> 32)};
  poly.update(lengths, 1);
  return poly.finish();
}

}  // namespace

void seal(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag) {
  assert(text_and_tag.size() >= TAG_BYTES);
  if (text_and_tag.size() < TAG_BYTES)
    return;
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - TAG_BYTES);
  const Poly1305::Tag tag = run(key, nonce, Direction::SEAL, ad, text);
  copy_words(tag.data(), text.data() + text.size(), tag.size());
}

bool open(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag) {
  if (text_and_tag.size() >= TAG_BYTES) {
    const ByteSpan text = text_and_tag.first(text_and_tag.size() - TAG_BYTES);
    const Poly1305::Tag expected = run(key, nonce, Direction::OPEN, ad, text);
    Poly1305::Tag tag;
    copy_words(text.data() + text.size(), tag.data(), tag.size());
    // All words before the one branch: how many were right must not show in the time.
    const uint32_t difference =
        (tag[0] ^ expected[0]) | (tag[1] ^ expected[1]) | (tag[2] ^ expected[2]) | (tag[3] ^ expected[3]);
    if (reveal(difference == 0))
      return true;
  }
  wipe(text_and_tag);
  return false;
}

}  // namespace microlink::crypto
