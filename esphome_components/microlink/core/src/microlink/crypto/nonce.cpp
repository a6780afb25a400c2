// SPDX-License-Identifier: MIT
#include "microlink/crypto/aead.h"

namespace microlink::crypto {

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

}  // namespace microlink::crypto
