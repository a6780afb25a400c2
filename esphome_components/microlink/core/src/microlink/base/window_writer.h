// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/base/bytes.h"

namespace microlink {

/// Writes one window of a text that is made again for each: what lies before `from` is passed over, what lies behind
/// the end of `out` is only counted. So a text can leave in pieces although there is room for one piece alone; it must
/// be made of the same values each time.
class WindowWriter {
 public:
  explicit WindowWriter(ByteSpan out, size_t from = 0) : out_(out), from_(from) {}

  /// Of the whole text so far, inside the window or not.
  size_t total() const { return this->total_; }
  /// How much of the window is filled.
  size_t size() const { return std::min(this->total_ - std::min(this->total_, this->from_), this->out_.size()); }
  ByteSpan written() const { return this->out_.first(this->size()); }

  WindowWriter &u8(uint8_t value) { return this->bytes({&value, 1}); }
  WindowWriter &text(std::string_view value) { return this->bytes(as_bytes(value)); }
  WindowWriter &bytes(ByteView in) {
    const size_t skipped = this->from_ - std::min(this->total_, this->from_);  // of `in`, before the window
    if (skipped < in.size())
      copy(in.subspan(skipped), this->out_.subspan(this->size()));
    this->total_ += in.size();
    return *this;
  }

 private:
  ByteSpan out_;
  size_t from_;
  size_t total_{0};
};

}  // namespace microlink
