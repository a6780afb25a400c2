// SPDX-License-Identifier: MIT
#include "microlink/base/time.h"

namespace microlink {

Instant later(Instant t, Duration d) {
  return t == Instant::NEVER ? t : static_cast<Instant>(static_cast<int64_t>(t) + to_microseconds(d));
}

WallTime wall_time_of(int year, int month, int day, int hour, int minute, int second) {
  // With years that begin in March, so that a leap day comes last.
  const int y = month <= 2 ? year - 1 : year;
  const int m = month <= 2 ? month + 9 : month - 3;
  const int days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
  return wall_seconds(int64_t{days} * 86400 + (hour * 60 + minute) * 60 + second);
}

}  // namespace microlink
