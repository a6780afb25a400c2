// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/time.h"

namespace microlink {

/// Times in 4 bytes instead of 8, for what exists once for each peer: milliseconds modulo 2^32, which is 49.7 days.

namespace short_time_detail {
constexpr uint32_t low_milliseconds(int64_t microseconds) {
  return static_cast<uint32_t>(static_cast<uint64_t>(microseconds / 1'000));
}
}  // namespace short_time_detail

/// When something happened. After 49.7 days it looks as if it had happened just now: only for what a false "just now"
/// does no harm to.
class Stamp {
 public:
  Stamp() = default;
  explicit Stamp(Instant at) : value_(short_time_detail::low_milliseconds(static_cast<int64_t>(at))) {
    if (this->value_ == 0)
      this->value_--;  // zero is "not set"
  }

  bool is_set() const { return this->value_ != 0; }
  void clear() { this->value_ = 0; }
  /// How long ago; for ever when it is not set.
  Duration age(Instant now) const {
    if (!this->is_set())
      return FOREVER;
    return milliseconds(short_time_detail::low_milliseconds(static_cast<int64_t>(now)) - this->value_);
  }
  /// The moment itself.
  Instant at(Instant now) const { return now - this->age(now); }

 private:
  static constexpr Duration FOREVER = seconds(int64_t{1} << 40);
  uint32_t value_{0};
};

/// When something is to happen, rounded up to whole milliseconds; up to 24 days from now, and looked at when it is due.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(Instant at) {
    if (at == Instant::NEVER)
      return;
    this->value_ = short_time_detail::low_milliseconds(static_cast<int64_t>(at) + 999);
    if (this->value_ == 0)
      this->value_++;  // zero is "not set"
  }

  bool is_set() const { return this->value_ != 0; }
  void clear() { this->value_ = 0; }
  bool is_due(Instant now) const { return this->is_set() && this->left_ms_(now) <= 0; }
  /// NEVER when it is not set.
  Instant at(Instant now) const {
    if (!this->is_set())
      return Instant::NEVER;
    return static_cast<Instant>((static_cast<int64_t>(now) / 1'000 + this->left_ms_(now)) * 1'000);
  }

 private:
  int32_t left_ms_(Instant now) const {
    return static_cast<int32_t>(this->value_ - short_time_detail::low_milliseconds(static_cast<int64_t>(now)));
  }
  uint32_t value_{0};
};

}  // namespace microlink
