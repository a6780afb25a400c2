// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/time.h"

namespace microlink {

/// Growing pauses with jitter between attempts that failed. Half as long again each time, not doubled: who comes back
/// after an outage waits for a third of its length at most, and the server is asked three times in ten seconds.
///
/// reset() belongs where success was proven (registered, logged in), not where a connection opened.
class Backoff {
 public:
  constexpr Backoff(Duration first, Duration most) : first_(first), most_(most), ceiling_(first) {}

  /// The pause before the next attempt: between half and all of a ceiling that grows each time.
  Duration next(Random &random) {
    const int64_t ceiling = to_microseconds(this->ceiling_);
    const Duration longer = this->ceiling_ + this->ceiling_ / 2;
    this->ceiling_ = longer < this->most_ ? longer : this->most_;
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
