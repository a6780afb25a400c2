// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/keys/keys.h"
#include "microlink/noise/symmetric_state.h"
#include "microlink/wireguard/messages.h"

namespace microlink::wireguard {

/// Noise_IKpsk2 as WireGuard uses it (white paper §5.4), without a pre-shared key. The macs are not written here
/// (cookie.h).

/// What a finished handshake yields.
struct TransportKeys {
  Secret<32> send;
  Secret<32> receive;
};

/// The caller's side: kept from the initiation to the response. Wiped when it goes or starts anew.
class Initiator {
 public:
  /// Write an initiation without macs into `out` (INITIATION_BYTES). `static_shared` is the precomputed
  /// DH(our static, their static). False for a low-order key of the peer.
  [[nodiscard]] bool write_initiation(Random &random, const NodePrivate &self, const NodePublic &peer,
                                      const crypto::SecretKey &static_shared, uint32_t sender_index,
                                      const Timestamp &timestamp, ByteSpan out);
  /// Open a response to it. AUTH_FAILED leaves the handshake as it was: a forged response must not disturb it.
  Error read_response(const NodePrivate &self, ByteView response, TransportKeys &keys);
  void clear();

 private:
  noise::SymmetricState state_;
  crypto::SecretKey ephemeral_;
};

/// The called side: reads an initiation in two steps, so that the caller can look the peer up between them.
class Responder {
 public:
  /// Step one: who calls? Sets caller() without having authenticated the timestamp. AUTH_FAILED.
  Error read_static(const NodePrivate &self, ByteView initiation);
  const NodePublic &caller() const { return this->caller_; }
  /// Step two. AUTH_FAILED.
  Error read_timestamp(ByteView initiation, const crypto::SecretKey &static_shared, Timestamp &timestamp);
  /// Write a response without macs into `out` (RESPONSE_BYTES). False for a low-order key of the caller.
  [[nodiscard]] bool write_response(Random &random, uint32_t sender_index, ByteView initiation, ByteSpan out,
                                    TransportKeys &keys);

 private:
  noise::SymmetricState state_;
  NodePublic caller_{};
};

}  // namespace microlink::wireguard
