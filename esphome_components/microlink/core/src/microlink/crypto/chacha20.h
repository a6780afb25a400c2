// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/crypto/aead.h"

namespace microlink::crypto {

constexpr size_t CHACHA_BLOCK_BYTES = 64;

/// The ChaCha20 key stream (RFC 8439 §2.3), a block at a time. Wiped when it goes.
class ChaCha20 {
 public:
  ChaCha20(const Secret<32> &key, const Nonce &nonce, uint32_t counter);
  ~ChaCha20();
  ChaCha20(const ChaCha20 &) = delete;
  ChaCha20 &operator=(const ChaCha20 &) = delete;

  /// XOR the next block of key stream into 64 bytes, which must be aligned to 4.
  void apply(uint8_t *block);
  /// The same for `blocks` blocks in a row; hosts with wide registers do several at once.
  void apply(uint8_t *block, size_t blocks);

 private:
  std::array<uint32_t, 16> state_;
};

}  // namespace microlink::crypto
