// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/key_response.h"

namespace microlink::tailcfg {

Error KeyResponseParser::handle_bytes(ByteView bytes) {
  this->bytes_ += bytes.size();
  if (this->bytes_ > MAX_BYTES)
    this->error_ = Error::MALFORMED;
  this->tokenizer_.feed(bytes);
  while (this->error_ == Error::NONE && !this->done_) {
    const json::Token token = this->tokenizer_.next();
    const size_t depth = this->tokenizer_.depth();
    if (token == json::Token::NEED_MORE)
      break;
    if (token == json::Token::DONE) {
      this->done_ = true;
    } else if (token == json::Token::BAD) {
      this->error_ = Error::MALFORMED;
    } else if (token == json::Token::KEY) {
      this->is_public_key_ = depth == 1 && this->tokenizer_.text() == "publicKey";
    } else {
      if (token == json::Token::STRING && this->is_public_key_)
        this->key_ = MachinePublic::parse(this->tokenizer_.text()).value_or({});
      this->is_public_key_ = false;
    }
  }
  return this->error_;
}

Result<MachinePublic> KeyResponseParser::finish() const {
  if (this->error_ != Error::NONE)
    return this->error_;
  if (!this->done_)
    return Error::TRUNCATED;
  if (!this->key_.is_set())
    return Error::MALFORMED;
  return this->key_;
}

}  // namespace microlink::tailcfg
