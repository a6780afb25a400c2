// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"

namespace microlink::http {

/// Reads the head of an HTTP/1.x response byte by byte: status line, fields, blank line (RFC 9112 §2, §4, §5).
///
/// One line is held at a time. A line longer than MAX_LINE_BYTES keeps its front and is marked as cut; a bare LF ends a
/// line as CRLF does. Obsolete folding is refused.
class HeadParser {
 public:
  static constexpr size_t MAX_LINE_BYTES = 64;

  enum class Progress : uint8_t {
    MORE,   ///< nothing yet
    FIELD,  ///< name() and value() are a field; valid until the next push()
    END,    ///< the blank line was read; status() is final
    BAD,    ///< not HTTP, for good
  };
  Progress push(uint8_t byte);

  /// 100 … 599 once the status line was read, 0 before.
  uint16_t status() const { return this->status_; }
  std::string_view name() const { return this->name_; }
  std::string_view value() const { return this->value_; }
  /// Whether the line was longer than what is kept of it.
  bool is_cut() const { return this->cut_; }

 private:
  Progress end_of_line_();
  Progress bad_() {
    this->is_bad_ = true;
    return Progress::BAD;
  }

  FixedString<MAX_LINE_BYTES> line_;
  std::string_view name_;
  std::string_view value_;
  uint16_t status_{0};
  bool cut_{false};
  bool is_bad_{false};
  bool line_done_{false};
};

}  // namespace microlink::http
