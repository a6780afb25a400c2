// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/http/response.h"
#include "microlink/tailcfg/key_response.h"

namespace microlink::control {

/// One GET /key (01 §2), on a connection that may be used for more.
class KeyFetch {
 public:
  enum class State : uint8_t {
    IDLE,      ///< Exit: begin() → OPENING
    OPENING,   ///< Exit: open() → REQUEST
    REQUEST,   ///< Exit: poll_transmit() → RESPONSE
    RESPONSE,  ///< Exits → DONE, FAILED
    DONE,      ///< key() is control's Noise key
    FAILED,    ///< status() may say why
  };
  State state() const { return this->state_; }
  uint16_t status() const { return this->response_.status(); }

  void begin();
  void open() {
    if (this->state_ == State::OPENING)
      this->state_ = State::REQUEST;
  }
  void handle_bytes(ByteView in);
  void handle_closed();
  size_t poll_transmit(std::string_view authority, ByteSpan out);
  const MachinePublic &key() const { return this->key_; }
  /// Once DONE: whether the connection is as good as new.
  bool leaves_connection() const { return !this->connection_spent_; }

 private:
  void check_end_();

  http::Response response_{tailcfg::KeyResponseParser::MAX_BYTES};
  tailcfg::KeyResponseParser parser_;
  MachinePublic key_{};
  bool connection_spent_{false};  ///< it has ended, or holds bytes that nobody asked for
  State state_{State::IDLE};
};

}  // namespace microlink::control
