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
  BAD,   ///< not JSON (RFC 8259) or nested deeper than JSON_MAX_DEPTH; for good, until reset()
};

/// Resumable pull tokenizer over one JSON value that arrives in arbitrary chunks; no recursion, no heap. Any split of
/// the input gives the same tokens. Numbers and strings keep their first JSON_MAX_TEXT_BYTES.
class Tokenizer {
 public:
  void reset();
  /// The chunk stays the caller's and must live until next() said NEED_MORE, DONE or BAD.
  void feed(ByteView chunk) { this->in_ = chunk; }
  Token next();

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
  // Implementation's choice; sizeof(Tokenizer) stays near JSON_MAX_TEXT_BYTES.
  ByteView in_{};
  FixedString<JSON_MAX_TEXT_BYTES> text_{};
  size_t depth_{0};
  bool cut_{false};
};

}  // namespace microlink::json
