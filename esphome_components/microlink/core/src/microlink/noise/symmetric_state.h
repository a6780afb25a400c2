// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/crypto/blake2s.h"
#include "microlink/crypto/x25519.h"

namespace microlink::noise {

/// The symmetric state of a Noise handshake (Noise §5.2) with ChaChaPoly and BLAKE2s, as ts2021 (IK) and WireGuard
/// (IKpsk2) use it: handshake hash `h`, chaining key `ck`, cipher key `k`. Which steps come in which order is the
/// pattern's business. Every key mixed in encrypts one message, so the nonce is always zero. Wiped when it goes.
class SymmetricState {
 public:
  /// ck = h = HASH(name). Names of up to 32 bytes, which Noise pads instead, are not used by either protocol.
  void start(std::string_view protocol_name);
  /// h = HASH(h || input).
  void mix_hash(ByteView input);
  /// ck, k = KDF2(ck, input).
  void mix_key(ByteView input);
  /// ck = KDF1(ck, input): WireGuard's mixing where no message is encrypted before the next key.
  void mix_key_only(ByteView input);
  /// ck, t, k = KDF3(ck, psk), then mix_hash(t).
  void mix_psk(const Secret<32> &psk);
  /// mix_key(DH). False for a low-order public key, which ends the handshake.
  [[nodiscard]] bool mix_dh(const crypto::SecretKey &private_key, const crypto::PublicKey &public_key);
  /// mix_key_only(DH). False as for mix_dh().
  [[nodiscard]] bool mix_dh_only(const crypto::SecretKey &private_key, const crypto::PublicKey &public_key);

  /// Seals in place with `k` and `h` as associated data, then mixes the ciphertext in. The span is the plaintext and
  /// crypto::TAG_BYTES of room.
  void encrypt_and_hash(ByteSpan text_and_tag);
  /// The reverse; on success the front of the span is the plaintext. False, with the span wiped and the state as it
  /// was, when it is forged.
  [[nodiscard]] bool decrypt_and_hash(ByteSpan text_and_tag);

  /// Both transport keys, the initiator's sending key first. The state is spent: clear it.
  void split(Secret<32> &initiator_to_responder, Secret<32> &responder_to_initiator) const;

  /// The handshake hash so far; after split() it names the session (channel binding).
  const Bytes<32> &hash() const { return this->h_; }
  /// An intended copy, e.g. to try a message that may be forged.
  void copy_from(const SymmetricState &other);
  void clear();
  ~SymmetricState() { this->clear(); }
  SymmetricState() = default;
  SymmetricState(const SymmetricState &) = delete;
  SymmetricState &operator=(const SymmetricState &) = delete;

 private:
  friend struct SymmetricStateInspector;  // tests follow the traces of the vectors

  Bytes<32> h_{};
  Secret<32> ck_;
  Secret<32> k_;
};

}  // namespace microlink::noise
