// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/http/head_parser.h"

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
  /// Of the final response; interim ones (1xx other than 101) are passed over.
  uint16_t status() const { return this->head_.status(); }
  /// Consumes at most the rest of the head from the front of `in`; returns how much.
  size_t handle_bytes(ByteView in);

 private:
  void push_(uint8_t byte);

  std::string_view protocol_;
  HeadParser head_;
  size_t size_{0};
  State state_{State::HEAD};
  bool protocol_matches_{false};
};

}  // namespace microlink::http
