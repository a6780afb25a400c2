// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/time.h"

namespace microlink {

/// Growing pauses with jitter between attempts that failed. A part longer each time, not doubled: half as long again,
/// or a quarter with `part` 4. Who comes back after an outage waits for a quarter of its length then, or for an eighth,
/// on the average; from 250 ms on the server is asked 8 or 10 times in 5 s, and 14 or 21 times in a minute.
///
/// reset() belongs where success was proven (registered, logged in), not where a connection opened.
class Backoff {
 public:
  /// `most` is an hour or less.
  constexpr Backoff(Duration first, Duration most)
      : first_(static_cast<uint32_t>(to_microseconds(first))),
        most_(static_cast<uint32_t>(to_microseconds(most))),
        ceiling_(this->first_) {}

  /// The pause before the next attempt: between half and all of a ceiling that grows each time, by that part of it.
  Duration next(Random &random, uint32_t part = 2) {
    const uint32_t ceiling = this->ceiling_;
    this->ceiling_ = this->most_ - ceiling > ceiling / part ? ceiling + ceiling / part : this->most_;
    const uint32_t half_ms = ceiling / 2'000;
    return microseconds(ceiling / 2) + milliseconds(random.below(half_ms + 1));
  }
  void reset() { this->ceiling_ = this->first_; }

 private:
  // Microseconds.
  uint32_t first_;
  uint32_t most_;
  uint32_t ceiling_;
};

}  // namespace microlink
