// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/early_payload.h"
#include "microlink/control/noise_framing.h"
#include "microlink/http/h2_connection.h"

namespace microlink::control {

/// An established ts2021 connection: HTTP/2 in Noise records, with the early payload taken out.
class Channel {
 public:
  /// After the handshake.
  void start(const Secret<32> &tx_key, const Secret<32> &rx_key);
  /// Wipes the keys; nothing happens any more until start().
  void clear();
  bool is_open() const { return this->framing_.error() == Error::NONE && this->error_ == Error::NONE; }

  /// Where the connection's next bytes are best put before handle_bytes().
  ByteSpan room() { return this->framing_.room(); }
  /// Bytes of the connection, decrypted in place. They must live until poll_event() says nothing.
  void handle_bytes(ByteSpan in) { this->in_ = in; }
  std::optional<http::H2Event> poll_event();
  /// Why the channel is no longer open: AUTH_FAILED, MALFORMED, or NONE.
  Error error() const;

  /// One record into `out` (MIN_TRANSMIT_BYTES or more): its size, or 0.
  static constexpr size_t MIN_TRANSMIT_BYTES = http::H2Connection::MIN_TRANSMIT_BYTES + NoiseFraming::OVERHEAD_BYTES;
  size_t poll_transmit(ByteSpan out);

  http::H2Connection &http() { return this->http_; }
  const http::H2Connection &http() const { return this->http_; }

 private:
  bool next_plaintext_();

  NoiseFraming framing_;
  EarlyPayload early_;
  http::H2Connection http_;
  ByteSpan in_{};         ///< the caller's, until it is used up
  ByteView plaintext_{};  ///< within in_ or the framing's buffer
  ByteView held_{};       ///< nine bytes that turned out to be HTTP/2, not yet handed on
  Error error_{Error::NONE};
};

}  // namespace microlink::control
