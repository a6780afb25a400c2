// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/base/random.h"
#include "microlink/base/time.h"

namespace microlink {

/// Growing pauses with jitter between attempts that failed: the ceiling of the n-th is first * ((n + slow - 1) /
/// slow)^2, with `slow` 5 so 1, 1.4, 2, 2.6, 3.2, 4 … times the first. Pauses that grow by a factor are soon as long as
/// a good part of the outage itself; these grow with the power 2/3 of its length. From 200 ms on the server is asked 10
/// times in 5 s, 28 times in a minute and 50 times in five (about as often as by the official client), and who comes
/// back waits for 0.5, 3 and 8 s in the middle. A thousand clients that have lost the same server ask it 900, 170 and
/// 60 times a second at these times.
///
/// reset() belongs where success was proven (registered, logged in), not where a connection opened.
class Backoff {
 public:
  /// `first` is a millisecond or more, `most` an hour or less, `slow` 1 to 30.
  constexpr Backoff(Duration first, Duration most, uint16_t slow = 5)
      : first_ms_(static_cast<uint32_t>(to_milliseconds(first))),
        most_ms_(static_cast<uint32_t>(to_milliseconds(most))),
        slow_(slow) {}

  /// The pause before the next attempt: between half and all of a ceiling that grows each time.
  Duration next(Random &random) {
    const uint64_t steps = this->slow_ + this->failures_;
    const uint64_t grown = steps * steps * this->first_ms_ / (uint64_t{this->slow_} * this->slow_);
    if (grown < this->most_ms_)
      this->failures_++;
    const uint32_t ceiling_ms = static_cast<uint32_t>(std::min<uint64_t>(grown, this->most_ms_));
    return microseconds(ceiling_ms * int64_t{500}) + milliseconds(random.below(ceiling_ms / 2 + 1));
  }
  void reset() { this->failures_ = 0; }

 private:
  uint32_t first_ms_;
  uint32_t most_ms_;
  uint16_t slow_;
  uint16_t failures_{0};
};

}  // namespace microlink
