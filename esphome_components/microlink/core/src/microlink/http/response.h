// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/http/head_parser.h"

namespace microlink::http {

/// An HTTP/1.1 response whose body is handed on as it passes by (RFC 9112 §6): Content-Length, chunked, or up to the
/// end of the connection. Bounded in head, chunk framing and body.
class Response {
 public:
  static constexpr size_t MAX_HEAD_BYTES = 8192;
  /// `max_body_bytes` is what the caller accepts; a longer body makes the response BAD.
  explicit Response(size_t max_body_bytes) : body_left_(max_body_bytes) {}

  enum class State : uint8_t {
    HEAD,  ///< more bytes are needed
    BODY,  ///< status() is known, the body passes by
    DONE,  ///< complete
    BAD,   ///< not HTTP, contradictory lengths, or over a bound
  };
  State state() const { return this->state_; }
  /// Valid from BODY on; interim responses are passed over.
  uint16_t status() const { return this->head_.status(); }

  /// Consumes from the front of `in` and returns how much; `body` is a piece of the body within what was consumed, or
  /// empty. Call again with the rest until `in` is used up or the state is DONE or BAD.
  size_t handle_bytes(ByteView in, ByteView &body);
  /// The connection ended: completes a body without a length, otherwise the response is BAD.
  void handle_closed();

 private:
  /// How the rest of the body is framed, and where in the framing the next byte is.
  enum class Framing : uint8_t { UNTIL_CLOSED, LENGTH, CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, TRAILER };

  void head_byte_(uint8_t byte);
  void field_();
  void head_end_();
  void framing_byte_(uint8_t byte);
  void chunk_size_end_();

  HeadParser head_;
  uint64_t length_{0};  ///< of the body or the chunk: bytes still to come
  size_t body_left_;
  size_t framing_bytes_{0};  ///< head, chunk sizes, trailers
  size_t line_bytes_{0};
  State state_{State::HEAD};
  Framing framing_{Framing::UNTIL_CLOSED};
  bool has_length_{false};
  bool is_chunked_{false};
};

}  // namespace microlink::http
