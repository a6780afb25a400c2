// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/time.h"

namespace microlink {

/// Doubling pauses with full jitter between attempts that failed.
///
/// reset() belongs where success was proven (registered, logged in), not where a connection opened.
class Backoff {
 public:
  constexpr Backoff(Duration first, Duration most) : first_(first), most_(most), ceiling_(first) {}

  /// The pause before the next attempt: between half and all of a ceiling that doubles each time.
  Duration next(Random &random) {
    const int64_t ceiling = to_microseconds(this->ceiling_);
    const Duration doubled = this->ceiling_ * 2;
    this->ceiling_ = doubled < this->most_ ? doubled : this->most_;
    const uint32_t half_ms = static_cast<uint32_t>(ceiling / 2'000);
    return microseconds(ceiling / 2) + milliseconds(random.below(half_ms + 1));
  }
  void reset() { this->ceiling_ = this->first_; }

 private:
  Duration first_;
  Duration most_;
  Duration ceiling_;
};

}  // namespace microlink
