// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/result.h"
#include "microlink/noise/symmetric_state.h"

namespace microlink::noise {

/// ts2021, the handshake between a node and control, initiator's side: Noise_IK_25519_ChaChaPoly_BLAKE2s with the
/// capability version in the prologue (tailscale control/controlbase/{handshake,messages}.go; no public specification).
/// It differs from Noise in framing, and its records count their nonce big-endian (crypto::nonce_be).
///
///   initiation   version u16be | 01 | length u16be = 96 | ephemeral 32 | sealed machine key 48 | tag 16
///   response     02 | length u16be = 48 | ephemeral 32 | tag 16
///   error        03 | length u16be | text, instead of the response; not authenticated
constexpr size_t INITIATION_BYTES = 101;
constexpr size_t RESPONSE_BYTES = 51;
constexpr size_t MESSAGE_HEADER_BYTES = 3;  // of everything but the initiation
constexpr uint8_t MESSAGE_INITIATION = 1;
constexpr uint8_t MESSAGE_RESPONSE = 2;
constexpr uint8_t MESSAGE_ERROR = 3;
constexpr uint8_t MESSAGE_RECORD = 4;

class ControlHandshake {
 public:
  enum class State : uint8_t {
    IDLE,     ///< no secrets held. start() → WAITING
    WAITING,  ///< initiation written. finish() → IDLE, whatever it says; start() begins anew. The owner keeps the time
  };

  /// Write the initiation, with a fresh ephemeral key. UNTRUSTED for a control key that cannot be one (low order); the
  /// state is IDLE then.
  Error start(uint16_t capability_version, const crypto::SecretKey &machine, const crypto::PublicKey &machine_public,
              const crypto::PublicKey &control, Random &random, std::span<uint8_t, INITIATION_BYTES> initiation);

  /// Read the response and give the keys of the records. UNEXPECTED when not WAITING, TRUNCATED or MALFORMED for
  /// another length or header, AUTH_FAILED when control does not hold the key that start() was told. The keys are
  /// untouched unless NONE is returned.
  Error finish(ByteView response, Secret<32> &tx_key, Secret<32> &rx_key);

  /// Channel binding, valid after finish() said NONE.
  const Bytes<32> &handshake_hash() const { return this->handshake_hash_; }
  State state() const { return this->state_; }
  /// Back to IDLE, secrets wiped.
  void clear();

 private:
  Error read_response_(ByteView response, Secret<32> &tx_key, Secret<32> &rx_key);

  SymmetricState symmetric_;
  crypto::SecretKey machine_;
  crypto::SecretKey ephemeral_;
  Bytes<32> handshake_hash_{};
  State state_{State::IDLE};
};

}  // namespace microlink::noise
