// SPDX-License-Identifier: MIT
#include "microlink/http/hpack.h"

#include "microlink/base/text.h"
#include "microlink/http/date.h"
#include "microlink/http/hpack_huffman.h"

namespace microlink::http {

namespace {

constexpr uint32_t STATIC_ENTRIES = 61;
/// A literal longer than this cannot be inside a field section that we accept.
constexpr uint32_t MAX_INTEGER = 1U << 24;
constexpr uint16_t STATIC_STATUS[] = {200, 204, 206, 304, 400, 404, 500};  // entries 8 … 14

/// Until a date in Retry-After; one that is further away is a mistake.
constexpr Duration MAX_WAIT = seconds(86'400);

}  // namespace

int huffman_symbol(uint32_t code, unsigned bits) {
  uint32_t first = 0;
  uint32_t passed = 0;
  for (unsigned length = HUFFMAN_MIN_BITS; length <= bits; length++) {
    const uint32_t count = HUFFMAN_COUNT[length - HUFFMAN_MIN_BITS];
    if (length == bits && code - first < count) {
      const uint32_t index = passed + (code - first);
      return index < HUFFMAN_SYMBOLS ? HUFFMAN_SYMBOL[index] : HUFFMAN_EOS;
    }
    passed += count;
    first = (first + count) << 1;
  }
  return -1;
}

void HpackDecoder::begin() { *this = HpackDecoder{}; }

Error HpackDecoder::handle_bytes(ByteView in) {
  for (const uint8_t byte : in) {
    if (!this->is_bad_ && this->byte_(byte) != Error::NONE)
      this->is_bad_ = true;
    if (this->is_bad_)
      return Error::MALFORMED;
  }
  return Error::NONE;
}

Error HpackDecoder::finish() {
  if (this->is_bad_ || this->expect_ != Expect::FIELD)
    return Error::MALFORMED;
  const Duration wait = this->retry_at_ - this->date_;
  const bool is_wait = this->date_ != WallTime::UNKNOWN && wait >= Duration::ZERO && wait <= MAX_WAIT;
  if (!this->fields_.retry_after_seconds && is_wait)
    this->fields_.retry_after_seconds = static_cast<uint32_t>(to_milliseconds(wait) / 1000);
  return this->has_bad_field_ ? Error::UNEXPECTED : Error::NONE;
}

Error HpackDecoder::byte_(uint8_t byte) {
  switch (this->expect_) {
    case Expect::FIELD:
      return this->first_byte_(byte);
    case Expect::INTEGER:
      return this->integer_byte_(byte);
    case Expect::NAME_LENGTH:
      this->is_huffman_ = (byte & 0x80) != 0;
      return this->start_integer_(byte, 7, Use::NAME_LENGTH);
    case Expect::VALUE_LENGTH:
      this->is_huffman_ = (byte & 0x80) != 0;
      return this->start_integer_(byte, 7, Use::VALUE_LENGTH);
    case Expect::NAME:
    case Expect::VALUE:
      return this->text_byte_(byte);
  }
  return Error::MALFORMED;
}

/// RFC 7541 §6: the leading bits say what the representation is.
Error HpackDecoder::first_byte_(uint8_t byte) {
  if ((byte & 0x80) != 0)
    return this->start_integer_(byte, 7, Use::INDEXED);
  if ((byte & 0x40) != 0)  // with incremental indexing: into a table of size 0, so the entry vanishes (§4.4)
    return this->start_integer_(byte, 6, Use::NAME_INDEX);
  if ((byte & 0x20) != 0)
    return this->start_integer_(byte, 5, Use::TABLE_SIZE);
  return this->start_integer_(byte, 4, Use::NAME_INDEX);
}

Error HpackDecoder::start_integer_(uint8_t byte, unsigned prefix_bits, Use use) {
  const uint32_t most = (1U << prefix_bits) - 1;
  this->use_ = use;
  this->integer_ = byte & most;
  this->integer_shift_ = 0;
  if (this->integer_ != most)
    return this->integer_done_();
  this->expect_ = Expect::INTEGER;
  return Error::NONE;
}

Error HpackDecoder::integer_byte_(uint8_t byte) {
  if (this->integer_shift_ > 21)
    return Error::MALFORMED;
  this->integer_ += static_cast<uint32_t>(byte & 0x7F) << this->integer_shift_;
  this->integer_shift_ = static_cast<uint8_t>(this->integer_shift_ + 7);
  if (this->integer_ > MAX_INTEGER)
    return Error::MALFORMED;
  return (byte & 0x80) != 0 ? Error::NONE : this->integer_done_();
}

Error HpackDecoder::integer_done_() {
  switch (this->use_) {
    case Use::INDEXED:
      return this->indexed_field_();
    case Use::NAME_INDEX:
      if (this->integer_ > STATIC_ENTRIES)
        return Error::MALFORMED;
      this->name_ = static_name_(this->integer_);
      this->expect_ = this->integer_ == 0 ? Expect::NAME_LENGTH : Expect::VALUE_LENGTH;
      return Error::NONE;
    case Use::TABLE_SIZE:
      // §4.2: only at the beginning of a section, and never above what was announced, which is 0.
      this->expect_ = Expect::FIELD;
      return this->integer_ == 0 && !this->seen_field_ ? Error::NONE : Error::MALFORMED;
    case Use::NAME_LENGTH:
      return this->begin_text_(Expect::NAME);
    case Use::VALUE_LENGTH:
      return this->begin_text_(Expect::VALUE);
  }
  return Error::MALFORMED;
}

Error HpackDecoder::indexed_field_() {
  if (this->integer_ == 0 || this->integer_ > STATIC_ENTRIES)
    return Error::MALFORMED;
  this->name_ = static_name_(this->integer_);
  this->text_.clear();
  this->is_cut_ = false;
  if (this->name_ == Name::STATUS) {
    const uint16_t status = STATIC_STATUS[this->integer_ - 8];
    const char digits[3] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                            static_cast<char>('0' + status % 10)};
    (void) this->text_.append({digits, 3});
  }
  this->field_done_();
  return Error::NONE;
}

Error HpackDecoder::begin_text_(Expect what) {
  this->expect_ = what;
  this->left_ = this->integer_;
  this->text_.clear();
  this->is_cut_ = false;
  this->code_ = 0;
  this->code_bits_ = 0;
  return this->left_ == 0 ? this->text_done_() : Error::NONE;
}

Error HpackDecoder::text_byte_(uint8_t byte) {
  this->left_--;
  if (!this->is_huffman_) {
    this->keep_(byte);
  } else if (this->huffman_byte_(byte) != Error::NONE) {
    return Error::MALFORMED;
  }
  return this->left_ == 0 ? this->text_done_() : Error::NONE;
}

Error HpackDecoder::huffman_byte_(uint8_t byte) {
  for (int bit = 7; bit >= 0; bit--) {
    this->code_ = this->code_ << 1 | ((byte >> bit) & 1U);
    this->code_bits_++;
    const int symbol = huffman_symbol(this->code_, this->code_bits_);
    if (symbol == HUFFMAN_EOS || (symbol < 0 && this->code_bits_ >= HUFFMAN_MAX_BITS))
      return Error::MALFORMED;
    if (symbol >= 0) {
      this->keep_(static_cast<uint8_t>(symbol));
      this->code_ = 0;
      this->code_bits_ = 0;
    }
  }
  return Error::NONE;
}

Error HpackDecoder::text_done_() {
  // §5.2: padding is the front of EOS, that is ones, and shorter than a byte.
  if (this->is_huffman_ && (this->code_bits_ > 7 || this->code_ != (1U << this->code_bits_) - 1))
    return Error::MALFORMED;
  if (this->expect_ == Expect::NAME) {
    this->name_ =
        this->is_cut_ ? (this->text_.view().starts_with(':') ? Name::PSEUDO : Name::OTHER) : name_of_(this->text_);
    this->expect_ = Expect::VALUE_LENGTH;
    return Error::NONE;
  }
  this->field_done_();
  return Error::NONE;
}

void HpackDecoder::keep_(uint8_t symbol) {
  const char c = static_cast<char>(symbol);
  if (!this->text_.append({&c, 1}))
    this->is_cut_ = true;
}

void HpackDecoder::field_done_() {
  this->expect_ = Expect::FIELD;
  this->seen_field_ = true;
  const auto number = this->is_cut_ ? Result<int64_t>(Error::MALFORMED) : parse_decimal(this->text_);
  const auto date = [this] {
    return this->is_cut_ ? WallTime::UNKNOWN : parse_date(this->text_).value_or(WallTime::UNKNOWN);
  };
  switch (this->name_) {
    case Name::STATUS:
      if (this->fields_.status || this->seen_regular_ || !number || this->text_.size() != 3 || *number < 100 ||
          *number > 599) {
        this->has_bad_field_ = true;
      } else {
        this->fields_.status = static_cast<uint16_t>(*number);
      }
      return;
    case Name::PSEUDO:
      this->has_bad_field_ = true;
      return;
    case Name::CONTENT_LENGTH:
      if (!number || *number < 0 || (this->fields_.content_length && *this->fields_.content_length != *number)) {
        this->has_bad_field_ = true;
      } else {
        this->fields_.content_length = *number;
      }
      break;
    case Name::RETRY_AFTER:
      if (number && *number >= 0 && *number <= INT32_MAX)
        this->fields_.retry_after_seconds = static_cast<uint32_t>(*number);
      else
        this->retry_at_ = date();
      break;
    case Name::DATE:
      this->date_ = date();
      break;
    case Name::OTHER:
      break;
  }
  this->seen_regular_ = true;
}

HpackDecoder::Name HpackDecoder::static_name_(uint32_t index) {
  if (index >= 8 && index <= 14)
    return Name::STATUS;
  if (index >= 1 && index <= 7)
    return Name::PSEUDO;  // of requests; not allowed in a response
  if (index == 28)
    return Name::CONTENT_LENGTH;
  if (index == 33)
    return Name::DATE;
  return index == 53 ? Name::RETRY_AFTER : Name::OTHER;
}

HpackDecoder::Name HpackDecoder::name_of_(std::string_view text) {
  if (text == ":status")
    return Name::STATUS;
  if (text == "content-length")
    return Name::CONTENT_LENGTH;
  if (text == "retry-after")
    return Name::RETRY_AFTER;
  if (text == "date")
    return Name::DATE;
  return text.starts_with(':') ? Name::PSEUDO : Name::OTHER;
}

namespace {

void write_integer(Writer &out, uint8_t first, unsigned prefix_bits, size_t value) {
  const size_t most = (size_t{1} << prefix_bits) - 1;
  if (value < most) {
    out.u8(static_cast<uint8_t>(first | value));
    return;
  }
  out.u8(static_cast<uint8_t>(first | most));
  for (value -= most; value >= 0x80; value >>= 7)
    out.u8(static_cast<uint8_t>(0x80 | (value & 0x7F)));
  out.u8(static_cast<uint8_t>(value));
}

}  // namespace

void hpack_indexed(Writer &out, StaticField field) { write_integer(out, 0x80, 7, static_cast<size_t>(field)); }

void hpack_literal(Writer &out, StaticField name, std::string_view value) {
  write_integer(out, 0x00, 4, static_cast<size_t>(name));
  write_integer(out, 0x00, 7, value.size());
  out.text(value);
}

}  // namespace microlink::http
