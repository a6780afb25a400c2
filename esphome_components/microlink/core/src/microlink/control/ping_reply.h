// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_string.h"
#include "microlink/capacity.h"
#include "microlink/control/server_url.h"

namespace microlink::control {

/// A PingRequest and how it is answered (02 §6): HEAD, a c2n response, or what a ping of a peer found out, which the
/// owner tells. Over Noise, or as an ordinary request to the control server itself and to nobody else: control must not
/// make the nodes knock on other people's doors.
class PingReply {
 public:
  enum class Kind : uint8_t {
    OWNER,     ///< a ping of TSMP, disco or ICMP: set_result() → POST
    HEAD,      ///< HEAD path()
    POST,      ///< POST path(), with body()
    UNUSABLE,  ///< nothing that could be answered
  };

  /// `payload` is base64 of an HTTP/1 request, perhaps cut: for c2n only.
  void assign(std::string_view url, bool is_noise, std::string_view types, std::string_view ip,
              std::string_view payload);
  bool is_for(std::string_view url) const { return !this->url_.empty() && this->url_ == url; }
  /// What the owner's ping found out, in JSON (tailcfg.PingResponse). UNEXPECTED unless OWNER, NO_SPACE.
  Error set_result(std::string_view json);
  bool is_noise() const { return this->is_noise_; }
  /// Whether the URL leads to that server.
  bool is_at(const ServerUrl &server) const;
  /// The ordinary request, HTTP/1.1 with `Connection: close`; 0 when it does not fit.
  size_t write_request(std::string_view authority, ByteSpan out) const;
  /// Path, host with port, body, and what stands around them.
  static constexpr size_t MAX_REQUEST_BYTES = MAX_URL_BYTES + MAX_HOST_BYTES + 256 + 120;

  Kind kind() const { return this->kind_; }
  std::string_view url() const { return this->url_; }
  // Of an OWNER's, until set_result().
  std::string_view types() const { return this->body_.view().substr(0, this->types_size_); }
  std::string_view ip() const { return this->body_.view().substr(this->types_size_); }
  /// Path and query of the URL; the host means nothing over Noise.
  std::string_view path() const;
  /// c2n: the raw HTTP/1.1 response. /echo gives its body back, anything else is 404.
  std::string_view body() const { return this->body_; }

 private:
  static constexpr size_t MAX_TYPES_BYTES = 64;
  static constexpr size_t MAX_IP_BYTES = 45;
  static constexpr size_t MAX_PAYLOAD_BYTES = JSON_MAX_TEXT_BYTES / 4 * 3;

  void answer_c2n_(std::string_view request);

  FixedString<MAX_URL_BYTES> url_;
  bool is_noise_{false};
  uint8_t types_size_{0};
  /// The body; before there is one, what the owner is asked: types ‖ address.
  FixedString<MAX_PAYLOAD_BYTES + 64> body_;
  Kind kind_{Kind::UNUSABLE};
};

}  // namespace microlink::control
