// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/register.h"

namespace microlink::tailcfg {

namespace {

/// What the official client asks for at logout: Unix second 123.
constexpr std::string_view EXPIRY_LOGOUT = "1970-01-01T00:02:03Z";

}  // namespace

Result<size_t> RegisterRequest::write(ByteSpan out) const {
  json::Writer json(out);
  this->write(json);
  if (!json.is_complete())
    return Error::NO_SPACE;
  return json.size();
}

void RegisterRequest::write(json::Writer &json) const {
  json.begin_object();
  json.key("Version").integer(CAPABILITY_VERSION);
  json.key("NodeKey").string(this->node_key.to_text());
  if (this->old_node_key.is_set())
    json.key("OldNodeKey").string(this->old_node_key.to_text());
  if (!this->auth_key.empty())
    json.key("Auth").begin_object().key("AuthKey").string(this->auth_key).end_object();
  if (this->logout)
    json.key("Expiry").string(EXPIRY_LOGOUT);
  write_text(json, "Followup", this->followup);
  json.key("Hostinfo");
  this->hostinfo.write(json);
  if (this->ephemeral)
    json.key("Ephemeral").boolean(true);
  json.end_object();
}

Error RegisterResponseParser::handle_bytes(ByteView bytes) {
  this->bytes_ += bytes.size();
  if (this->bytes_ > MAX_BYTES)
    this->error_ = Error::MALFORMED;
  this->tokenizer_.feed(bytes);
  while (this->error_ == Error::NONE) {
    const json::Token token = this->tokenizer_.next();
    if (token == json::Token::NEED_MORE)
      break;
    if (token == json::Token::DONE) {
      this->done_ = true;  // a line break may follow; whatever follows does not count
      break;
    }
    this->error_ = token == json::Token::BAD ? Error::MALFORMED : this->value_(token);
  }
  return this->error_;
}

Error RegisterResponseParser::finish() {
  if (this->error_ != Error::NONE)
    return this->error_;
  return this->done_ ? Error::NONE : Error::TRUNCATED;
}

void RegisterResponseParser::key_() {
  struct Key {
    std::string_view name;
    Field field;
  };
  static constexpr Key KEYS[] = {
      {"NodeKeyExpired", Field::EXPIRED},
      {"MachineAuthorized", Field::AUTHORIZED},
      {"AuthURL", Field::AUTH_URL},
      {"NodeKeySignature", Field::SIGNATURE},
      {"Error", Field::ERROR},
  };
  this->field_ = Field::OTHER;
  for (const Key &key : KEYS) {
    if (this->tokenizer_.depth() == 1 && key.name == this->tokenizer_.text())
      this->field_ = key.field;
  }
}

Error RegisterResponseParser::value_(json::Token token) {
  const size_t depth = this->tokenizer_.depth();
  const bool opens = token == json::Token::OBJECT_BEGIN || token == json::Token::ARRAY_BEGIN;
  if (token != json::Token::OBJECT_BEGIN && this->tokenizer_.depth() == 0 && token != json::Token::OBJECT_END)
    return Error::MALFORMED;
  if (opens && depth == 1 && token != json::Token::OBJECT_BEGIN)
    return Error::MALFORMED;
  if (token == json::Token::KEY) {
    this->key_();
    return Error::NONE;
  }
  if (opens) {
    this->field_ = Field::OTHER;
    return Error::NONE;
  }
  const bool is_text = token == json::Token::STRING;
  const std::string_view text = this->tokenizer_.text();
  const Field field = this->field_;
  this->field_ = Field::OTHER;
  switch (field) {
    case Field::EXPIRED:
      this->response_.node_key_expired = token == json::Token::TRUE;
      break;
    case Field::AUTHORIZED:
      this->response_.machine_authorized = token == json::Token::TRUE;
      break;
    case Field::SIGNATURE:
      this->response_.needs_signature = is_text && !text.empty();
      break;
    case Field::AUTH_URL:
      if (is_text && !this->response_.auth_url.assign(text))
        return Error::MALFORMED;  // half a URL leads nowhere
      break;
    case Field::ERROR:
      if (is_text)
        this->response_.error.assign(text);
      break;
    case Field::OTHER:
      break;
  }
  return Error::NONE;
}

}  // namespace microlink::tailcfg
