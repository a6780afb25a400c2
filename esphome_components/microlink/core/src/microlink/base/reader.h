// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink {

/// Cursor over untrusted bytes.
///
/// A short read poisons the reader: that read and every later one yield zeros and ok() turns
/// false. A parser can therefore read every field first and ask once.
class Reader {
 public:
  explicit Reader(ByteView in) : rest_(in) {}

  bool ok() const { return this->ok_; }
  size_t left() const { return this->rest_.size(); }
  /// Everything not yet read.
  ByteView rest() const { return this->rest_; }

  uint8_t u8() { return static_cast<uint8_t>(this->be_(1)); }
  uint16_t u16be() { return static_cast<uint16_t>(this->be_(2)); }
  uint32_t u32be() { return static_cast<uint32_t>(this->be_(4)); }
  uint64_t u64be() { return this->be_(8); }
  uint32_t u32le() { return static_cast<uint32_t>(this->le_(4)); }
  uint64_t u64le() { return this->le_(8); }

  /// The next n bytes, still owned by the input; empty when there are fewer.
  ByteView take(size_t n) {
    if (n > this->rest_.size()) {
      this->ok_ = false;
      this->rest_ = {};
      return {};
    }
    const ByteView out = this->rest_.first(n);
    this->rest_ = this->rest_.subspan(n);
    return out;
  }

  template<size_t N> Bytes<N> array() {
    Bytes<N> out{};
    if (const ByteView in = this->take(N); in.size() == N)
      std::memcpy(out.data(), in.data(), N);
    return out;
  }

 private:
  uint64_t be_(size_t n) {
    uint64_t value = 0;
    for (const uint8_t byte : this->take(n))
      value = value << 8 | byte;
    return value;
  }
  uint64_t le_(size_t n) {
    uint64_t value = 0;
    unsigned shift = 0;
    for (const uint8_t byte : this->take(n)) {
      value |= static_cast<uint64_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }

  ByteView rest_;
  bool ok_{true};
};

}  // namespace microlink
