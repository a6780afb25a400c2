// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/clock.h"

#include <sys/timerfd.h>

#include <cerrno>
#include <ctime>

namespace microlink::posix {

namespace {

constexpr int64_t EARLIEST_WALL_SECONDS = 1'704'067'200;  // 2024-01-01: an earlier clock was never set
constexpr time_t TELL_AGAIN_SECONDS = 3600;

int64_t read_clock(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return static_cast<int64_t>(at.tv_sec) * 1'000'000 + at.tv_nsec / 1'000;
}

}  // namespace

Instant monotonic_now() { return static_cast<Instant>(read_clock(CLOCK_BOOTTIME)); }

WallTime wall_now() {
  const int64_t now = read_clock(CLOCK_REALTIME);
  return now < EARLIEST_WALL_SECONDS * 1'000'000 ? WallTime::UNKNOWN : static_cast<WallTime>(now);
}

WallClockWatch::WallClockWatch() : fd_(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) { this->arm_(); }

void WallClockWatch::arm_() {
  itimerspec spec{};
  clock_gettime(CLOCK_REALTIME, &spec.it_value);
  spec.it_value.tv_sec += TELL_AGAIN_SECONDS;
  timerfd_settime(this->fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr);
}

bool WallClockWatch::changed() {
  uint64_t expirations = 0;
  const ssize_t n = ::read(this->fd_.get(), &expirations, sizeof(expirations));
  if (n < 0 && errno != ECANCELED)
    return false;
  this->arm_();
  return true;
}

WakeTimer::WakeTimer() : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {}

void WakeTimer::arm(Instant at) {
  itimerspec spec{};
  if (at != Instant::NEVER) {
    const int64_t us = static_cast<int64_t>(at) > 0 ? static_cast<int64_t>(at) : 1;  // zero would disarm
    spec.it_value.tv_sec = static_cast<time_t>(us / 1'000'000);
    spec.it_value.tv_nsec = static_cast<long>(us % 1'000'000) * 1'000;
  }
  timerfd_settime(this->fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace microlink::posix
#endif  // __linux__
