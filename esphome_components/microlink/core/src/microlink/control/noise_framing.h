// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/base/secret.h"
#include "microlink/crypto/aead.h"

namespace microlink::control {

/// Records of an established ts2021 connection (tailscale control/controlbase/conn.go):
///
///   04 | length u16be | ciphertext: ChaCha20-Poly1305, nonce = 4 zero bytes and a BIG-endian counter, no ad
///
/// A record is at most MAX_RECORD_BYTES long, header included. Boundaries mean nothing to the stream above. Any record
/// that is not what it must be ends the connection for good, since the counters cannot recover.
class NoiseFraming {
 public:
  static constexpr size_t MAX_RECORD_BYTES = 4096;
  static constexpr size_t HEADER_BYTES = 3;
  static constexpr size_t MAX_CIPHERTEXT_BYTES = MAX_RECORD_BYTES - HEADER_BYTES;
  static constexpr size_t MAX_PLAINTEXT_BYTES = MAX_CIPHERTEXT_BYTES - crypto::TAG_BYTES;
  static constexpr size_t OVERHEAD_BYTES = HEADER_BYTES + crypto::TAG_BYTES;

  /// Counters at zero. The keys are copied.
  void start(const Secret<32> &tx_key, const Secret<32> &rx_key);
  /// Wipes the keys and what was buffered; read() and seal() say CLOSED from then on.
  void clear();

  /// Where the next bytes of the connection are best put before read(): nothing is copied then.
  ByteSpan room();
  /// Takes from the front of `in` up to the end of one record and returns its plaintext, decrypted in place within `in`
  /// or, for a record that came in pieces, in the own buffer: valid until the next call. An empty plaintext means that
  /// `in` was used up. Errors are sticky: MALFORMED (type or length), AUTH_FAILED, CLOSED before start().
  Result<ByteSpan> read(ByteSpan &in);

  /// Makes a record of `plaintext` bytes that stand at HEADER_BYTES in `record`: returns the record's length.
  /// NO_SPACE when they or their tag do not fit, CLOSED before start() or when the counter is used up.
  Result<size_t> seal(ByteSpan record, size_t plaintext);

  Error error() const { return this->error_; }

 private:
  Result<ByteSpan> open_(ByteSpan record);
  Error fail_(Error error);

  Secret<32> tx_key_;
  Secret<32> rx_key_;
  uint64_t tx_counter_{0};
  uint64_t rx_counter_{0};
  Error error_{Error::CLOSED};
  size_t buffered_{0};
  Bytes<MAX_RECORD_BYTES> buffer_{};  ///< front of a record that is not complete
};

}  // namespace microlink::control
