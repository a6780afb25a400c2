// SPDX-License-Identifier: MIT
#include "microlink/crypto/drbg.h"

#include "microlink/crypto/blake2s.h"
#include "microlink/crypto/chacha20.h"

namespace microlink::crypto {

void Drbg::seed(ByteView seed) {
  Bytes<32> next = blake2s({this->key_.bytes(), seed});
  copy(next, this->key_.writable());
  wipe(next);
}

void Drbg::fill(ByteSpan out) {
  ChaCha20 stream(this->key_, Nonce{}, 0);
  alignas(4) Bytes<CHACHA_BLOCK_BYTES> block{};
  stream.apply(words(block.data()), 1);
  // The first half of the first block replaces the key at once: what was handed out cannot be worked out afterwards.
  copy(ByteView(block).first(Secret<32>::SIZE), this->key_.writable());
  out = out.subspan(copy(ByteView(block).subspan(Secret<32>::SIZE), out));
  while (!out.empty()) {
    block.fill(0);
    stream.apply(words(block.data()), 1);
    out = out.subspan(copy(block, out));
  }
  wipe(block);
}

}  // namespace microlink::crypto
