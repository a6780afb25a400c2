// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"

namespace microlink::control {

/// What a server may send before HTTP/2 (tailscale control/ts2021/conn.go, EarlyNoise):
///
///   ff ff ff 54 53 | length u32be | JSON with a challenge that no client answers
///
/// Read and thrown away; without the magic the bytes are HTTP/2 already and go on to it.
class EarlyPayload {
 public:
  static constexpr size_t HEADER_BYTES = 9;
  /// The real one has 95.
  static constexpr uint32_t MAX_BYTES = 1024;

  enum class State : uint8_t {
    HEADER,    ///< collecting nine bytes
    SKIPPING,  ///< inside the payload
    ABSENT,    ///< the nine bytes of held() belong to HTTP/2, and all that follow
    DONE,      ///< all that follows belongs to HTTP/2
    BAD,       ///< longer than MAX_BYTES
  };
  State state() const { return this->state_; }
  bool is_over() const { return this->state_ == State::ABSENT || this->state_ == State::DONE; }

  /// Takes from the front of `in` what belongs to the early payload.
  void handle_bytes(ByteView &in);
  ByteView held() const { return this->header_; }

 private:
  Bytes<HEADER_BYTES> header_{};
  size_t size_{0};
  uint32_t left_{0};
  State state_{State::HEADER};
};

}  // namespace microlink::control
