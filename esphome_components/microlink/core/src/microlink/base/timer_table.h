// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include "microlink/base/time.h"

namespace microlink {

/// One deadline for each enumerator of `Timer`, which ends with COUNT.
///
/// next() is what to wake up for; due() is what to do now. What may come early says by how much when it is asked: then
/// a device that is awake for something else does both at once.
template<typename Timer> class TimerTable {
 public:
  TimerTable() { this->latest_.fill(Instant::NEVER); }

  void arm(Timer timer, Instant at) { this->latest_[index_(timer)] = at; }
  void stop(Timer timer) { this->arm(timer, Instant::NEVER); }
  bool is_armed(Timer timer) const { return this->latest_[index_(timer)] != Instant::NEVER; }
  Instant deadline(Timer timer) const { return this->latest_[index_(timer)]; }

  /// Whether the timer may fire at `now`, which is up to `slack` before its time; it is stopped then.
  bool due(Timer timer, Instant now, Duration slack = Duration::ZERO) {
    if (this->latest_[index_(timer)] - slack > now)
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
};

}  // namespace microlink
