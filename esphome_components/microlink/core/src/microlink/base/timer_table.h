// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include "microlink/base/time.h"

namespace microlink {

/// One deadline for each enumerator of `Timer`, which ends with COUNT.
///
/// A deadline is a range: nothing must happen before `earliest`, and it should have happened by `latest`, so that a
/// sleeping device can merge wake-ups. next() is what to wake up for; due() is what to do now.
template<typename Timer> class TimerTable {
 public:
  TimerTable() { this->latest_.fill(Instant::NEVER); }

  void arm(Timer timer, Instant at) { this->arm(timer, at, at); }
  /// The range is an hour at the most.
  void arm(Timer timer, Instant earliest, Instant latest) {
    this->latest_[index_(timer)] = latest;
    this->range_us_[index_(timer)] = static_cast<uint32_t>(to_microseconds(latest - earliest));
  }
  void stop(Timer timer) { this->arm(timer, Instant::NEVER); }
  bool is_armed(Timer timer) const { return this->latest_[index_(timer)] != Instant::NEVER; }
  Instant deadline(Timer timer) const { return this->latest_[index_(timer)]; }

  /// Whether the timer may fire at `now`; it is stopped then.
  bool due(Timer timer, Instant now) {
    if (this->latest_[index_(timer)] - microseconds(this->range_us_[index_(timer)]) > now)
      return false;
    this->stop(timer);
    return true;
  }

  Instant next() const {
    Instant soonest = Instant::NEVER;
    for (const Instant at : this->latest_)
      soonest = earlier(soonest, at);
    return soonest;
  }

 private:
  static constexpr size_t COUNT = static_cast<size_t>(Timer::COUNT);
  static constexpr size_t index_(Timer timer) { return static_cast<size_t>(timer); }

  std::array<Instant, COUNT> latest_;
  std::array<uint32_t, COUNT> range_us_{};
};

}  // namespace microlink
