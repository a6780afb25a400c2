// SPDX-License-Identifier: MIT
#include "microlink/json/writer.h"

#include <cinttypes>
#include <cstdio>

namespace microlink::json {

Writer &Writer::key(std::string_view name) {
  if (!this->is_object_[this->depth_] || this->after_key_) {
    this->ok_ = false;
    return *this;
  }
  if (this->has_items_[this->depth_])
    this->out_.text(",");
  this->has_items_[this->depth_] = true;
  this->quoted_(name);
  this->out_.text(":");
  this->after_key_ = true;
  return *this;
}

Writer &Writer::string(std::string_view text) {
  if (this->before_value_())
    this->quoted_(text);
  return *this;
}

Writer &Writer::integer(int64_t value) {
  char digits[24];
  const int n = std::snprintf(digits, sizeof(digits), "%" PRId64, value);
  return this->raw({digits, static_cast<size_t>(n)});
}

Writer &Writer::raw(std::string_view json) {
  if (this->before_value_())
    this->out_.text(json);
  return *this;
}

Writer &Writer::begin_(bool object) {
  if (!this->before_value_() || this->depth_ == MAX_DEPTH) {
    this->ok_ = false;
    return *this;
  }
  this->depth_++;
  this->is_object_[this->depth_] = object;
  this->has_items_[this->depth_] = false;
  this->out_.text(object ? "{" : "[");
  return *this;
}

Writer &Writer::end_(bool object) {
  if (this->depth_ == 0 || this->is_object_[this->depth_] != object || this->after_key_) {
    this->ok_ = false;
    return *this;
  }
  this->depth_--;
  this->out_.text(object ? "}" : "]");
  return *this;
}

/// Whether a value may stand here; writes the comma before it.
bool Writer::before_value_() {
  const bool in_object = this->is_object_[this->depth_];
  const bool second_at_top = this->depth_ == 0 && this->has_items_[0];
  if (!this->ok() || (in_object && !this->after_key_) || second_at_top) {
    this->ok_ = false;
    return false;
  }
  if (!in_object && this->has_items_[this->depth_])
    this->out_.text(",");
  this->has_items_[this->depth_] = true;
  this->after_key_ = false;
  return true;
}

void Writer::quoted_(std::string_view text) {
  this->out_.text("\"");
  for (const char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      this->out_.text("\\").u8(byte);
    } else if (byte < 0x20) {
      char escape[8];
      const int n = std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(byte));
      this->out_.text({escape, static_cast<size_t>(n)});
    } else {
      this->out_.u8(byte);
    }
  }
  this->out_.text("\"");
}

}  // namespace microlink::json
