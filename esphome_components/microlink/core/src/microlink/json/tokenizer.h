// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"
#include "microlink/capacity.h"

namespace microlink::json {

enum class Token : uint8_t {
  NEED_MORE,  ///< the chunk is used up; feed the next one
  OBJECT_BEGIN,
  OBJECT_END,
  ARRAY_BEGIN,
  ARRAY_END,
  KEY,
  STRING,
  NUMBER,
  TRUE,
  FALSE,
  NIL,
  DONE,  ///< one whole value was read; rest() is what follows it
  BAD,   ///< not JSON (RFC 8259) or nested deeper than Tokenizer::MAX_DEPTH; for good, until reset()
};

/// Resumable pull tokenizer over one JSON value that arrives in arbitrary chunks; no recursion, no heap. Any split of
/// the input gives the same tokens. Numbers and strings keep their first JSON_MAX_TEXT_BYTES.
///
/// Strict in grammar, lax in encoding: bytes that are not UTF-8 pass as they are, and half of a surrogate pair becomes
/// U+FFFD, as in Go's decoder.
class Tokenizer {
 public:
  /// Nesting that is accepted. It costs a bit a level, so that a value that the caller only skips may be deeper than
  /// JSON_MAX_DEPTH.
  static constexpr size_t MAX_DEPTH = 256;

  void reset() { *this = Tokenizer{}; }
  /// The chunk stays the caller's and must live until next() said NEED_MORE, DONE or BAD.
  void feed(ByteView chunk) { this->in_ = chunk; }
  Token next();
  /// No chunk follows, call next() until DONE or BAD: only this ends a number that stands alone.
  void finish() { this->finished_ = true; }

  /// Of the last KEY, STRING (escapes resolved, UTF-8) or NUMBER (as written); valid until next().
  std::string_view text() const { return this->text_.view(); }
  /// Whether text() was cut.
  bool is_cut() const { return this->cut_; }
  /// NUMBER as an integer; MALFORMED if it has a fraction, an exponent or does not fit.
  Result<int64_t> integer() const;
  /// How many objects and arrays are open after the last token.
  size_t depth() const { return this->depth_; }
  ByteView rest() const { return this->in_; }

 private:
  enum class State : uint8_t {
    VALUE,          ///< a value must come
    FIRST_VALUE,    ///< after "[": a value or "]"
    FIRST_KEY,      ///< after "{": a key or "}"
    NEXT_KEY,       ///< after "," in an object: a key
    COLON,          ///< after a key
    AFTER_VALUE,    ///< "," or the end of the container
    IN_STRING,      ///< inside quotes; is_key_ says of what
    ESCAPE,         ///< after a backslash
    UNICODE,        ///< in the four digits after \u
    LITERAL,        ///< inside true, false or null
    MINUS,          ///< number: after "-"
    ZERO,           ///< number: after a leading 0
    INTEGER,        ///< number: in its integer digits
    POINT,          ///< number: after "."
    FRACTION,       ///< number: in its fraction digits
    EXPONENT,       ///< number: after "e"
    EXPONENT_SIGN,  ///< number: after the sign of the exponent
    EXPONENT_DIGITS,
    DONE,  ///< exit: reset()
    BAD,   ///< exit: reset()
  };

  Token bad_();
  Token structure_(uint8_t c);
  Token begin_value_(uint8_t c);
  Token open_(bool object);
  Token close_(bool object);
  void begin_text_(State state);
  void end_value_();
  Token number_();
  bool number_takes_(uint8_t c);
  Token literal_();
  Token string_();
  void escape_(uint8_t c);
  void unicode_digit_(uint8_t c);
  void put_(std::string_view piece);
  void put_code_point_(uint32_t code_point);
  void flush_surrogate_();
  bool in_object_() const;

  ByteView in_{};
  FixedString<JSON_MAX_TEXT_BYTES> text_{};
  std::array<uint32_t, MAX_DEPTH / 32> object_bits_{};
  size_t depth_{0};
  const char *literal_left_{nullptr};
  Token literal_token_{Token::NIL};
  State state_{State::VALUE};
  bool is_key_{false};
  bool cut_{false};
  bool finished_{false};
  uint8_t unicode_digits_{0};
  uint16_t unicode_{0};
  uint16_t high_surrogate_{0};
};

}  // namespace microlink::json
