// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/window_writer.h"

namespace microlink::json {

/// Writes one JSON value into the caller's buffer; commas and colons come by themselves.
///
/// Sticky like microlink::Writer: what does not fit, nests deeper than MAX_DEPTH or makes no sense where it stands (a
/// value without a key in an object, an end without its begin) poisons the writer; ask ok() once at the end.
class Writer {
 public:
  static constexpr size_t MAX_DEPTH = 16;

  explicit Writer(ByteSpan out) : out_(out), room_(out.size()) {}
  /// One window of the text, from byte `from` on, of which all is made and counted.
  Writer(ByteSpan out, size_t from) : out_(out, from), room_(SIZE_MAX) {}

  Writer &begin_object() { return this->begin_(true); }
  Writer &end_object() { return this->end_(true); }
  Writer &begin_array() { return this->begin_(false); }
  Writer &end_array() { return this->end_(false); }

  /// The next value's name; only inside an object.
  Writer &key(std::string_view name);
  /// Escapes what must be escaped; other bytes pass as they are.
  Writer &string(std::string_view text);
  Writer &integer(int64_t value);
  Writer &boolean(bool value) { return this->raw(value ? "true" : "false"); }
  Writer &null() { return this->raw("null"); }
  /// A value that is JSON already; taken as it is.
  Writer &raw(std::string_view json);

  /// Whether everything so far was written.
  bool ok() const { return this->ok_ && this->out_.total() <= this->room_; }
  /// Whether one whole value stands in the buffer.
  bool is_complete() const { return this->ok() && this->depth_ == 0 && this->out_.total() != 0; }
  /// What was written so far; meaningless once ok() is false.
  std::string_view text() const { return as_text(this->out_.written()); }
  /// Of the whole text so far, the window aside.
  size_t size() const { return this->out_.total(); }

 private:
  Writer &begin_(bool object);
  Writer &end_(bool object);
  bool before_value_();
  void quoted_(std::string_view text);

  WindowWriter out_;
  size_t room_;
  std::array<bool, MAX_DEPTH + 1> is_object_{};
  std::array<bool, MAX_DEPTH + 1> has_items_{};
  uint8_t depth_{0};
  bool after_key_{false};
  bool ok_{true};
};

}  // namespace microlink::json
