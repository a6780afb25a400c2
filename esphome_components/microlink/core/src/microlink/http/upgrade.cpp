// SPDX-License-Identifier: MIT
#include "microlink/http/upgrade.h"

#include "microlink/base/text.h"

namespace microlink::http {

size_t UpgradeResponse::handle_bytes(ByteView in) {
  size_t used = 0;
  while (this->state_ == State::HEAD && used != in.size()) {
    this->push_(in[used++]);
    if (this->state_ == State::HEAD && ++this->size_ == MAX_HEAD_BYTES)
      this->state_ = State::BAD;
  }
  return used;
}

void UpgradeResponse::push_(uint8_t byte) {
  switch (this->head_.push(byte)) {
    case HeadParser::Progress::MORE:
      return;
    case HeadParser::Progress::BAD:
      this->state_ = State::BAD;
      return;
    case HeadParser::Progress::FIELD:
      if (equal_ignoring_case(this->head_.name(), "Upgrade"))
        this->protocol_matches_ = !this->head_.is_cut() && equal_ignoring_case(this->head_.value(), this->protocol_);
      return;
    case HeadParser::Progress::END:
      break;
  }
  const uint16_t status = this->head_.status();
  if (status == 101) {
    this->state_ = this->protocol_matches_ ? State::UPGRADED : State::REFUSED;
  } else if (status >= 200) {
    this->state_ = State::REFUSED;
  } else {
    // RFC 9110 §15.2: interim responses may come before the final one.
    this->head_ = HeadParser{};
    this->protocol_matches_ = false;
  }
}

}  // namespace microlink::http
