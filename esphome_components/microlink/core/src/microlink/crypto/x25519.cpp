// SPDX-License-Identifier: MIT
#include "microlink/crypto/x25519.h"

#include <sodium.h>

#include "microlink/crypto/words.h"

// Nothing here calls sodium_init(): the portable code is selected statically, and initialising would draw from the
// system's random source, which the core must not do.

namespace microlink::crypto {

static_assert(crypto_scalarmult_curve25519_BYTES == KEY_BYTES);
static_assert(crypto_scalarmult_curve25519_SCALARBYTES == KEY_BYTES);

void clamp(ByteSpan private_key) {
  if (private_key.size() != KEY_BYTES)
    return;
  private_key[0] &= 0xf8;
  private_key[31] = static_cast<uint8_t>((private_key[31] & 0x7f) | 0x40);
}

PublicKey public_key_of(const SecretKey &private_key) {
  PublicKey out;
  crypto_scalarmult_curve25519_base(out.data(), private_key.bytes().data());  // cannot fail: the base point is fixed
  return out;
}

bool x25519(const SecretKey &private_key, const PublicKey &public_key, SecretKey &shared) {
  const int status =
      crypto_scalarmult_curve25519(shared.writable().data(), private_key.bytes().data(), public_key.data());
  if (reveal(status == 0))
    return true;
  shared.clear();
  return false;
}

}  // namespace microlink::crypto
