// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"

namespace microlink::posix {

/// Microseconds since boot, time asleep included (CLOCK_BOOTTIME): timers of a laptop that slept are due at once.
Instant monotonic_now();
/// The system's clock; UNKNOWN while it is obviously not set (before 2024).
WallTime wall_now();

/// Says when the system's clock was set anew, and once an hour.
class WallClockWatch {
 public:
  WallClockWatch();
  int fd() const { return this->fd_.get(); }
  /// When fd() is readable: whether wall_now() should be told again.
  bool changed();

 private:
  void arm_();
  Fd fd_;
};

/// Wakes a poll() at a monotonic time, also when the machine slept meanwhile.
class WakeTimer {
 public:
  WakeTimer();
  int fd() const { return this->fd_.get(); }
  /// NEVER disarms it.
  void arm(Instant at);

 private:
  Fd fd_;
};

}  // namespace microlink::posix
