// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/crypto/aead.h"
#include "microlink/crypto/words.h"

namespace microlink::crypto {

constexpr size_t CHACHA_BLOCK_WORDS = 16;
constexpr size_t CHACHA_BLOCK_BYTES = CHACHA_BLOCK_WORDS * sizeof(Word);

/// The ChaCha20 key stream (RFC 8439 §2.3) in whole blocks. Wiped when it goes.
class ChaCha20 {
 public:
  ChaCha20(const Secret<32> &key, const Nonce &nonce, uint32_t counter);
  ~ChaCha20() { wipe_fours(this->state_.data() + 4, 2); }  // the key; nothing else is secret
  ChaCha20(const ChaCha20 &) = delete;
  ChaCha20 &operator=(const ChaCha20 &) = delete;

  /// XOR the next `blocks` blocks of key stream into as many times 16 words.
  void apply(Word *block, size_t blocks);

 private:
  void apply_each_(Word *block, size_t blocks);

  std::array<uint32_t, CHACHA_BLOCK_WORDS> state_;
};

}  // namespace microlink::crypto
