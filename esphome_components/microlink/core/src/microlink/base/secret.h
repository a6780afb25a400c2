// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink {

/// Overwrite bytes in a way the compiler may not drop.
inline void wipe(ByteSpan bytes) {
  volatile uint8_t *p = bytes.data();
  for (size_t i = 0; i != bytes.size(); i++)
    p[i] = 0;
}

/// Compare in time that depends on the lengths only.
inline bool ct_equal(ByteView a, ByteView b) {
  if (a.size() != b.size())
    return false;
  uint8_t difference = 0;
  for (size_t i = 0; i != a.size(); i++)
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

/// N bytes that must not be seen: wiped when they go, never copied or compared by accident, never printed.
template<size_t N> class Secret {
 public:
  static constexpr size_t SIZE = N;

  Secret() = default;
  explicit Secret(ByteView bytes) { copy(bytes, this->bytes_); }
  ~Secret() { wipe(this->bytes_); }
  Secret(const Secret &) = delete;
  Secret &operator=(const Secret &) = delete;
  bool operator==(const Secret &) const = delete;

  /// An intended copy.
  void copy_from(const Secret &other) { this->bytes_ = other.bytes_; }
  void clear() { wipe(this->bytes_); }

  ByteView bytes() const { return this->bytes_; }
  ByteSpan writable() { return this->bytes_; }

 private:
  Bytes<N> bytes_{};
};

}  // namespace microlink
