// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/result.h"
#include "microlink/crypto/x25519.h"

namespace microlink::crypto {

constexpr size_t BOX_NONCE_BYTES = 24;
constexpr size_t BOX_TAG_BYTES = 16;
/// What sealing adds: nonce and tag.
constexpr size_t BOX_OVERHEAD = BOX_NONCE_BYTES + BOX_TAG_BYTES;

/// NaCl crypto_box (X25519, HSalsa20, XSalsa20-Poly1305) with the shared key worked out once for each pair.
class BoxKey {
 public:
  /// False for a low-order public key; the key is unusable then.
  [[nodiscard]] bool precompute(const SecretKey &mine, const PublicKey &theirs);
  void clear() { this->shared_.clear(); }

  /// nonce || tag || ciphertext into `out`, which must be in.size() + BOX_OVERHEAD long. A fresh random nonce.
  void seal(Random &random, ByteView in, ByteSpan out) const;
  void seal_with_nonce(const Bytes<BOX_NONCE_BYTES> &nonce, ByteView in, ByteSpan out) const;
  /// Opens nonce || tag || ciphertext into `out`, which must hold sealed.size() − BOX_OVERHEAD bytes. How many bytes;
  /// TRUNCATED, AUTH_FAILED or NO_SPACE.
  Result<size_t> open(ByteView sealed, ByteSpan out) const;

 private:
  SecretKey shared_;
};

}  // namespace microlink::crypto
