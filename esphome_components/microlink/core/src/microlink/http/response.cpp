// SPDX-License-Identifier: MIT
#include "microlink/http/response.h"

#include <algorithm>

#include "microlink/base/text.h"

namespace microlink::http {

namespace {

constexpr uint64_t MAX_CHUNK_BYTES = 1U << 30;

int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  const int lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

size_t Response::handle_bytes(ByteView in, ByteView &body) {
  body = {};
  size_t used = 0;
  while (used != in.size() && (this->state_ == State::HEAD || this->state_ == State::BODY)) {
    const bool is_data = this->framing_ == Framing::UNTIL_CLOSED || this->framing_ == Framing::LENGTH ||
                         this->framing_ == Framing::CHUNK_DATA;
    if (this->state_ == State::BODY && is_data) {
      size_t n = in.size() - used;
      if (this->framing_ != Framing::UNTIL_CLOSED)
        n = static_cast<size_t>(std::min<uint64_t>(n, this->length_));
      if (n > this->body_left_) {
        this->state_ = State::BAD;
        break;
      }
      this->body_left_ -= n;
      this->length_ -= this->framing_ == Framing::UNTIL_CLOSED ? 0 : n;
      if (this->framing_ == Framing::LENGTH && this->length_ == 0)
        this->state_ = State::DONE;
      if (this->framing_ == Framing::CHUNK_DATA && this->length_ == 0)
        this->framing_ = Framing::CHUNK_END;
      body = in.subspan(used, n);
      return used + n;
    }
    if (++this->framing_bytes_ > MAX_HEAD_BYTES) {
      this->state_ = State::BAD;
      break;
    }
    if (this->state_ == State::HEAD) {
      this->head_byte_(in[used++]);
    } else {
      this->framing_byte_(in[used++]);
    }
  }
  return used;
}

void Response::handle_closed() {
  const bool complete =
      this->state_ == State::DONE || (this->state_ == State::BODY && this->framing_ == Framing::UNTIL_CLOSED);
  this->state_ = complete ? State::DONE : State::BAD;
}

void Response::head_byte_(uint8_t byte) {
  switch (this->head_.push(byte)) {
    case HeadParser::Progress::MORE:
      return;
    case HeadParser::Progress::FIELD:
      this->field_();
      return;
    case HeadParser::Progress::END:
      this->head_end_();
      return;
    case HeadParser::Progress::BAD:
      this->state_ = State::BAD;
      return;
  }
}

void Response::field_() {
  if (equal_ignoring_case(this->head_.name(), "Content-Length")) {
    const auto length = parse_decimal(this->head_.value());
    // RFC 9112 §6.3: lengths that contradict each other are an error, never a choice.
    const bool contradicts = this->has_length_ && length && static_cast<uint64_t>(*length) != this->length_;
    if (!length || *length < 0 || this->head_.is_cut() || contradicts) {
      this->state_ = State::BAD;
      return;
    }
    this->length_ = static_cast<uint64_t>(*length);
    this->has_length_ = true;
  } else if (equal_ignoring_case(this->head_.name(), "Transfer-Encoding")) {
    if (!equal_ignoring_case(this->head_.value(), "chunked") || this->is_chunked_) {
      this->state_ = State::BAD;  // no other coding was asked for
      return;
    }
    this->is_chunked_ = true;
  }
}

void Response::head_end_() {
  const uint16_t status = this->head_.status();
  if (status < 200 && status != 101) {
    this->head_ = HeadParser{};
    this->has_length_ = this->is_chunked_ = false;
    return;
  }
  this->state_ = State::BODY;
  if (status == 101 || (this->is_chunked_ && this->has_length_)) {
    this->state_ = State::BAD;  // nothing was upgraded; a length beside chunks is an attempt at smuggling
  } else if (status == 204 || status == 304) {
    this->state_ = State::DONE;
  } else if (this->is_chunked_) {
    this->framing_ = Framing::CHUNK_SIZE;
    this->length_ = 0;
  } else if (this->has_length_) {
    this->framing_ = Framing::LENGTH;
    if (this->length_ == 0)
      this->state_ = State::DONE;
  }
}

void Response::framing_byte_(uint8_t byte) {
  switch (this->framing_) {
    case Framing::CHUNK_SIZE:
      if (const int digit = hex_digit(byte); digit >= 0) {
        this->length_ = this->length_ * 16 + static_cast<uint64_t>(digit);
        if (++this->line_bytes_ > 16 || this->length_ > MAX_CHUNK_BYTES)
          this->state_ = State::BAD;
        return;
      }
      if (this->line_bytes_ == 0) {
        this->state_ = State::BAD;
        return;
      }
      this->framing_ = Framing::CHUNK_EXTENSION;
      [[fallthrough]];
    case Framing::CHUNK_EXTENSION:
      if (byte == '\n')
        this->chunk_size_end_();
      return;
    case Framing::CHUNK_END:
      if (byte == '\n') {
        this->framing_ = Framing::CHUNK_SIZE;
        this->line_bytes_ = 0;
      } else if (byte != '\r') {
        this->state_ = State::BAD;
      }
      return;
    case Framing::TRAILER:
      if (byte == '\n') {
        if (this->line_bytes_ == 0)
          this->state_ = State::DONE;
        this->line_bytes_ = 0;
      } else if (byte != '\r') {
        this->line_bytes_++;
      }
      return;
    case Framing::UNTIL_CLOSED:
    case Framing::LENGTH:
    case Framing::CHUNK_DATA:
      return;
  }
}

void Response::chunk_size_end_() {
  this->framing_ = this->length_ == 0 ? Framing::TRAILER : Framing::CHUNK_DATA;
  this->line_bytes_ = 0;
}

}  // namespace microlink::http
