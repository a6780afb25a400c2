// SPDX-License-Identifier: MIT
#include "microlink/crypto/aead.h"

namespace microlink::crypto {

Nonce nonce_le(uint64_t counter) {
  Nonce out{};
  auto low = static_cast<uint32_t>(counter), high = static_cast<uint32_t>(counter >> 32);
  for (size_t i = 4; i != 8; i++, low >>= 8, high >>= 8) {  // shifting 64 bits costs three times as much on a chip
    out[i] = static_cast<uint8_t>(low);
    out[i + 4] = static_cast<uint8_t>(high);
  }
  return out;
}

Nonce nonce_be(uint64_t counter) {
  Nonce out{};
  for (size_t i = NONCE_BYTES; i != 4; i--, counter >>= 8)
    out[i - 1] = static_cast<uint8_t>(counter);
  return out;
}

}  // namespace microlink::crypto
