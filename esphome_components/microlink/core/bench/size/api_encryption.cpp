// SPDX-License-Identifier: MIT
// What ESPHome's encrypted API (Noise NNpsk0 with Curve25519, ChaCha20-Poly1305 and SHA-256) takes from libsodium: a
// firmware has these functions with or without MicroLink. script/size links this too, and counts only what comes on
// top.
#include <sodium.h>

#include <cstdint>

namespace {

volatile uint8_t outside;
uint8_t key[32], other[32], out[128];
unsigned long long length;

}  // namespace

int main() {
  outside = static_cast<uint8_t>(crypto_scalarmult_curve25519_base(out, key));
  outside = static_cast<uint8_t>(crypto_scalarmult_curve25519(out, key, other));
  outside = static_cast<uint8_t>(
      crypto_aead_chacha20poly1305_ietf_encrypt(out, &length, other, 32, key, 32, nullptr, other, key));
  outside = static_cast<uint8_t>(
      crypto_aead_chacha20poly1305_ietf_decrypt(out, &length, nullptr, other, 32, key, 32, other, key));
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, key, 32);
  crypto_hash_sha256_final(&state, out);
  sodium_memzero(key, sizeof(key));
  return out[outside];
}
