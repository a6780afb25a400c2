// SPDX-License-Identifier: MIT
#include "microlink/json/tokenizer.h"

#include "microlink/base/text.h"

namespace microlink::json {

namespace {

bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
bool is_high_surrogate(uint32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

constexpr uint32_t REPLACEMENT = 0xfffd;

/// Resolved character of a one-letter escape; 0 when there is none.
char simple_escape(uint8_t c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return static_cast<char>(c);
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

int hex_digit(uint8_t c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

Token Tokenizer::next() {
  for (;;) {
    switch (this->state_) {
      case State::DONE:
        return Token::DONE;
      case State::BAD:
        return Token::BAD;
      case State::MINUS:
      case State::ZERO:
      case State::INTEGER:
      case State::POINT:
      case State::FRACTION:
      case State::EXPONENT:
      case State::EXPONENT_SIGN:
      case State::EXPONENT_DIGITS:
        return this->number_();
      case State::LITERAL:
        return this->literal_();
      case State::IN_STRING:
      case State::ESCAPE:
      case State::UNICODE:
        return this->string_();
      default:
        break;
    }
    if (this->state_ == State::AFTER_VALUE && this->depth_ == 0) {
      this->state_ = State::DONE;
      continue;
    }
    while (!this->in_.empty() && is_space(this->in_.front()))
      this->in_ = this->in_.subspan(1);
    if (this->in_.empty())
      return this->finished_ ? this->bad_() : Token::NEED_MORE;
    const uint8_t c = this->in_.front();
    this->in_ = this->in_.subspan(1);
    const Token token = this->structure_(c);
    if (token != Token::NEED_MORE)
      return token;
  }
}

Result<int64_t> Tokenizer::integer() const {
  if (this->cut_)
    return Error::MALFORMED;
  return parse_decimal(this->text());
}

Token Tokenizer::bad_() {
  this->state_ = State::BAD;
  return Token::BAD;
}

/// One character outside strings, numbers and literals. NEED_MORE: no token yet, go on.
Token Tokenizer::structure_(uint8_t c) {
  switch (this->state_) {
    case State::FIRST_VALUE:
      if (c == ']')
        return this->close_(false);
      return this->begin_value_(c);
    case State::VALUE:
      return this->begin_value_(c);
    case State::FIRST_KEY:
    case State::NEXT_KEY:
      if (c == '}' && this->state_ == State::FIRST_KEY)
        return this->close_(true);
      if (c != '"')
        return this->bad_();
      this->is_key_ = true;
      this->begin_text_(State::IN_STRING);
      return Token::NEED_MORE;
    case State::COLON:
      if (c != ':')
        return this->bad_();
      this->state_ = State::VALUE;
      return Token::NEED_MORE;
    default:
      break;
  }
  // AFTER_VALUE
  const bool object = this->in_object_();
  if (c == ',') {
    this->state_ = object ? State::NEXT_KEY : State::VALUE;
    return Token::NEED_MORE;
  }
  const uint8_t closing = object ? '}' : ']';
  return c == closing ? this->close_(object) : this->bad_();
}

Token Tokenizer::begin_value_(uint8_t c) {
  switch (c) {
    case '{':
    case '[':
      return this->open_(c == '{');
    case '"':
      this->is_key_ = false;
      this->begin_text_(State::IN_STRING);
      return Token::NEED_MORE;
    case 't':
      this->literal_left_ = "rue";
      this->literal_token_ = Token::TRUE;
      this->state_ = State::LITERAL;
      return Token::NEED_MORE;
    case 'f':
      this->literal_left_ = "alse";
      this->literal_token_ = Token::FALSE;
      this->state_ = State::LITERAL;
      return Token::NEED_MORE;
    case 'n':
      this->literal_left_ = "ull";
      this->literal_token_ = Token::NIL;
      this->state_ = State::LITERAL;
      return Token::NEED_MORE;
    default:
      break;
  }
  if (c != '-' && !is_digit(c))
    return this->bad_();
  this->begin_text_(c == '-' ? State::MINUS : c == '0' ? State::ZERO : State::INTEGER);
  const char first = static_cast<char>(c);
  this->put_({&first, 1});
  return Token::NEED_MORE;
}

Token Tokenizer::open_(bool object) {
  if (this->depth_ == MAX_DEPTH)
    return this->bad_();
  const uint32_t bit = 1U << (this->depth_ % 32);
  uint32_t &word = this->object_bits_[this->depth_ / 32];
  word = object ? word | bit : word & ~bit;
  this->depth_++;
  this->state_ = object ? State::FIRST_KEY : State::FIRST_VALUE;
  return object ? Token::OBJECT_BEGIN : Token::ARRAY_BEGIN;
}

Token Tokenizer::close_(bool object) {
  this->depth_--;
  this->end_value_();
  return object ? Token::OBJECT_END : Token::ARRAY_END;
}

bool Tokenizer::in_object_() const {
  const size_t level = this->depth_ - 1;
  return this->depth_ != 0 && (this->object_bits_[level / 32] >> (level % 32) & 1) != 0;
}

void Tokenizer::begin_text_(State state) {
  this->text_.clear();
  this->cut_ = false;
  this->high_surrogate_ = 0;
  this->state_ = state;
}

void Tokenizer::end_value_() { this->state_ = State::AFTER_VALUE; }

Token Tokenizer::number_() {
  while (!this->in_.empty()) {
    const uint8_t c = this->in_.front();
    if (!this->number_takes_(c))
      break;
    const char digit = static_cast<char>(c);
    this->put_({&digit, 1});
    this->in_ = this->in_.subspan(1);
  }
  if (this->in_.empty() && !this->finished_)
    return Token::NEED_MORE;
  switch (this->state_) {
    case State::ZERO:
    case State::INTEGER:
    case State::FRACTION:
    case State::EXPONENT_DIGITS:
      this->end_value_();
      return Token::NUMBER;
    default:
      return this->bad_();  // "-", "1." or "1e" alone
  }
}

/// Whether `c` goes on with the number (RFC 8259 §6); moves the state on if so.
bool Tokenizer::number_takes_(uint8_t c) {
  const bool exponent = c == 'e' || c == 'E';
  State next;
  switch (this->state_) {
    case State::MINUS:
      next = c == '0' ? State::ZERO : is_digit(c) ? State::INTEGER : State::MINUS;
      break;
    case State::ZERO:
      next = c == '.' ? State::POINT : exponent ? State::EXPONENT : State::ZERO;
      break;
    case State::INTEGER:
      if (is_digit(c))
        return true;
      next = c == '.' ? State::POINT : exponent ? State::EXPONENT : State::INTEGER;
      break;
    case State::POINT:
      next = is_digit(c) ? State::FRACTION : State::POINT;
      break;
    case State::FRACTION:
      if (is_digit(c))
        return true;
      next = exponent ? State::EXPONENT : State::FRACTION;
      break;
    case State::EXPONENT:
      next = is_digit(c) ? State::EXPONENT_DIGITS : c == '+' || c == '-' ? State::EXPONENT_SIGN : State::EXPONENT;
      break;
    case State::EXPONENT_SIGN:
      next = is_digit(c) ? State::EXPONENT_DIGITS : State::EXPONENT_SIGN;
      break;
    default:
      return is_digit(c);
  }
  const bool taken = next != this->state_;
  this->state_ = next;
  return taken;
}

Token Tokenizer::literal_() {
  while (*this->literal_left_ != '\0') {
    if (this->in_.empty())
      return this->finished_ ? this->bad_() : Token::NEED_MORE;
    if (this->in_.front() != static_cast<uint8_t>(*this->literal_left_))
      return this->bad_();
    this->literal_left_++;
    this->in_ = this->in_.subspan(1);
  }
  this->end_value_();
  return this->literal_token_;
}

Token Tokenizer::string_() {
  while (!this->in_.empty()) {
    const uint8_t c = this->in_.front();
    if (this->state_ == State::ESCAPE || this->state_ == State::UNICODE) {
      this->in_ = this->in_.subspan(1);
      if (this->state_ == State::ESCAPE)
        this->escape_(c);
      else
        this->unicode_digit_(c);
      if (this->state_ == State::BAD)
        return Token::BAD;
      continue;
    }
    size_t n = 0;
    while (n != this->in_.size() && this->in_[n] != '"' && this->in_[n] != '\\' && this->in_[n] >= 0x20)
      n++;
    if (n != 0) {
      this->flush_surrogate_();
      this->put_(as_text(this->in_.first(n)));
      this->in_ = this->in_.subspan(n);
      continue;
    }
    this->in_ = this->in_.subspan(1);
    if (c < 0x20)
      return this->bad_();
    if (c == '\\') {
      this->state_ = State::ESCAPE;
      continue;
    }
    this->flush_surrogate_();
    if (this->is_key_)
      this->state_ = State::COLON;
    else
      this->end_value_();
    return this->is_key_ ? Token::KEY : Token::STRING;
  }
  return this->finished_ ? this->bad_() : Token::NEED_MORE;
}

void Tokenizer::escape_(uint8_t c) {
  if (c == 'u') {
    this->state_ = State::UNICODE;
    this->unicode_ = 0;
    this->unicode_digits_ = 0;
    return;
  }
  const char resolved = simple_escape(c);
  if (resolved == 0) {
    this->state_ = State::BAD;
    return;
  }
  this->flush_surrogate_();
  this->put_({&resolved, 1});
  this->state_ = State::IN_STRING;
}

void Tokenizer::unicode_digit_(uint8_t c) {
  const int digit = hex_digit(c);
  if (digit < 0) {
    this->state_ = State::BAD;
    return;
  }
  this->unicode_ = static_cast<uint16_t>(this->unicode_ << 4 | digit);
  if (++this->unicode_digits_ != 4)
    return;
  this->state_ = State::IN_STRING;
  if (is_low_surrogate(this->unicode_) && this->high_surrogate_ != 0) {
    const uint32_t high = this->high_surrogate_ - 0xd800U;
    this->high_surrogate_ = 0;
    this->put_code_point_(0x10000 + (high << 10) + (this->unicode_ - 0xdc00U));
    return;
  }
  this->flush_surrogate_();
  if (is_high_surrogate(this->unicode_))
    this->high_surrogate_ = this->unicode_;
  else
    this->put_code_point_(is_low_surrogate(this->unicode_) ? REPLACEMENT : this->unicode_);
}

/// A first half that was not followed by its second one.
void Tokenizer::flush_surrogate_() {
  if (this->high_surrogate_ == 0)
    return;
  this->high_surrogate_ = 0;
  this->put_code_point_(REPLACEMENT);
}

void Tokenizer::put_code_point_(uint32_t code_point) {
  char out[4];
  size_t n = 0;
  if (code_point < 0x80) {
    out[n++] = static_cast<char>(code_point);
  } else {
    const unsigned tail = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
    const unsigned lead = 0xff00U >> (tail + 1) & 0xff;  // 110xxxxx, 1110xxxx, 11110xxx
    out[n++] = static_cast<char>(lead | code_point >> (6 * tail));
    for (unsigned left = tail; left != 0; left--)
      out[n++] = static_cast<char>(0x80 | (code_point >> (6 * (left - 1)) & 0x3f));
  }
  this->put_({out, n});
}

void Tokenizer::put_(std::string_view piece) {
  if (!this->cut_ && !this->text_.append(piece))
    this->cut_ = true;
}

}  // namespace microlink::json
