// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"

namespace microlink::http {

/// The client's side of an HTTP/1.1 Upgrade (RFC 9110 §7.8), as ts2021 and DERP use it: parses the response head,
/// whatever the chunks, and leaves what follows it untouched. Bounded: the head may have MAX_HEAD_BYTES.
class UpgradeResponse {
 public:
  static constexpr size_t MAX_HEAD_BYTES = 4096;
  /// `protocol` is compared with the Upgrade field without regard to case; it must outlive the object.
  explicit UpgradeResponse(std::string_view protocol) : protocol_(protocol) {}

  enum class State : uint8_t {
    HEAD,      ///< more bytes are needed
    UPGRADED,  ///< 101 with the right Upgrade value; handle_bytes() returned how many bytes belonged to the head
    REFUSED,   ///< another status, or 101 to another protocol; see status()
    BAD,       ///< not HTTP, or longer than MAX_HEAD_BYTES
  };
  State state() const { return this->state_; }
  uint16_t status() const { return this->status_; }
  /// Consumes at most the rest of the head from the front of `in`; returns how much.
  size_t handle_bytes(ByteView in);

 private:
  // Implementation's choice: a line buffer of at most 128 bytes; longer lines keep their front only.
  std::string_view protocol_;
  State state_{State::HEAD};
  uint16_t status_{0};
};

}  // namespace microlink::http
