// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink {

/// Cursor over the caller's buffer, the mirror of Reader.
///
/// What does not fit poisons the writer: nothing more is written and ok() turns false, so a
/// message can be written field by field and checked once.
class Writer {
 public:
  explicit Writer(ByteSpan out) : out_(out) {}

  bool ok() const { return this->ok_; }
  size_t size() const { return this->size_; }
  size_t left() const { return this->out_.size() - this->size_; }
  /// What was written so far; meaningless once ok() is false.
  ByteSpan written() const { return this->out_.first(this->size_); }

  Writer &u8(uint8_t value) { return this->be_(value, 1); }
  Writer &u16be(uint16_t value) { return this->be_(value, 2); }
  Writer &u32be(uint32_t value) { return this->be_(value, 4); }
  Writer &u64be(uint64_t value) { return this->be_(value, 8); }
  Writer &u32le(uint32_t value) { return this->le_(value, 4); }
  Writer &u64le(uint64_t value) { return this->le_(value, 8); }
  Writer &text(std::string_view value) { return this->bytes(as_bytes(value)); }

  Writer &bytes(ByteView in) {
    const ByteSpan room = this->claim(in.size());
    if (room.size() == in.size())
      copy(in, room);
    return *this;
  }

  /// The next n bytes to fill in place (for sealing or for a length that is known later); empty when they do not fit.
  ByteSpan claim(size_t n) {
    if (!this->ok_ || n > this->left()) {
      this->ok_ = false;
      return {};
    }
    const ByteSpan room = this->out_.subspan(this->size_, n);
    this->size_ += n;
    return room;
  }

 private:
  Writer &be_(uint64_t value, size_t n) {
    for (uint8_t &byte : this->claim(n))
      byte = static_cast<uint8_t>(value >> (8 * --n));
    return *this;
  }
  Writer &le_(uint64_t value, size_t n) {
    for (uint8_t &byte : this->claim(n)) {
      byte = static_cast<uint8_t>(value);
      value >>= 8;
    }
    return *this;
  }

  ByteSpan out_;
  size_t size_{0};
  bool ok_{true};
};

}  // namespace microlink
