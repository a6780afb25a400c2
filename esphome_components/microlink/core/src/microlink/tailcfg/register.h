// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/json/tokenizer.h"
#include "microlink/tailcfg/hostinfo.h"

namespace microlink::tailcfg {

/// Body of POST /machine/register (tailcfg.RegisterRequest). Views must live until write() returns.
struct RegisterRequest {
  NodePublic node_key{};
  NodePublic old_node_key{};  ///< set when node_key replaces it
  std::string_view auth_key;  ///< secret; empty = none
  std::string_view followup;  ///< AuthURL that was visited: control answers when the person is done
  bool ephemeral{false};
  bool logout{false};  ///< asks for an expiry in the past: node_key is over
  Hostinfo hostinfo;

  /// JSON into `out`: how many bytes. NO_SPACE if it does not fit; 1,536 bytes are enough for the limits of Config.
  Result<size_t> write(ByteSpan out) const;
  void write(json::Writer &json) const;
};

/// What of tailcfg.RegisterResponse counts. Order of evaluation: error, node_key_expired, auth_url, success.
struct RegisterResponse {
  FixedString<200> error;               ///< not empty: refused, for a person to read; cut
  FixedString<MAX_URL_BYTES> auth_url;  ///< not empty: a person must open it
  bool node_key_expired{false};
  bool machine_authorized{false};
  bool needs_signature{false};  ///< NodeKeySignature is set: tailnet lock asks for a new signature
};

/// Reads a RegisterResponse as it arrives.
class RegisterResponseParser {
 public:
  static constexpr size_t MAX_BYTES = 1U << 20;

  void reset() { *this = RegisterResponseParser{}; }
  /// A piece of the body. MALFORMED (not a JSON object, above MAX_BYTES, a URL longer than MAX_URL_BYTES) is for good,
  /// until reset().
  Error handle_bytes(ByteView bytes);
  /// The body ended. TRUNCATED if its object is not complete, MALFORMED as above.
  Error finish();
  /// Meaningful after finish() said NONE.
  const RegisterResponse &response() const { return this->response_; }

 private:
  enum class Field : uint8_t { OTHER, EXPIRED, AUTHORIZED, AUTH_URL, SIGNATURE, ERROR };

  void key_();
  Error value_(json::Token token);

  json::Tokenizer tokenizer_;
  RegisterResponse response_;
  size_t bytes_{0};
  Field field_{Field::OTHER};
  Error error_{Error::NONE};
  bool done_{false};
};

}  // namespace microlink::tailcfg
