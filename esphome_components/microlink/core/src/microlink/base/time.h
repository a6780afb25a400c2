// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

namespace microlink {

/// A length of time in microseconds.
enum class Duration : int64_t { ZERO = 0 };

constexpr Duration microseconds(int64_t n) { return static_cast<Duration>(n); }
constexpr Duration milliseconds(int64_t n) { return static_cast<Duration>(n * 1'000); }
constexpr Duration seconds(int64_t n) { return static_cast<Duration>(n * 1'000'000); }
constexpr int64_t to_microseconds(Duration d) { return static_cast<int64_t>(d); }
constexpr int64_t to_milliseconds(Duration d) { return static_cast<int64_t>(d) / 1'000; }

/// Microseconds on the owner's monotonic clock. Engines are told the time; they never ask.
enum class Instant : int64_t { NEVER = INT64_MAX };

constexpr Duration operator+(Duration a, Duration b) { return microseconds(to_microseconds(a) + to_microseconds(b)); }
constexpr Duration operator-(Duration a, Duration b) { return microseconds(to_microseconds(a) - to_microseconds(b)); }
constexpr Duration operator*(Duration a, int64_t n) { return microseconds(to_microseconds(a) * n); }
constexpr Duration operator/(Duration a, int64_t n) { return microseconds(to_microseconds(a) / n); }

/// What `t + d` calls at run time: it stands in hundreds of places, and on a chip a call is a third of its length.
Instant later(Instant t, Duration d);
/// NEVER stays NEVER.
constexpr Instant operator+(Instant t, Duration d) {
  if (!std::is_constant_evaluated())
    return later(t, d);
  return t == Instant::NEVER ? t : static_cast<Instant>(static_cast<int64_t>(t) + to_microseconds(d));
}
constexpr Instant operator-(Instant t, Duration d) { return t + microseconds(-to_microseconds(d)); }
constexpr Duration operator-(Instant a, Instant b) {
  return microseconds(static_cast<int64_t>(a) - static_cast<int64_t>(b));
}
constexpr Instant earlier(Instant a, Instant b) { return a < b ? a : b; }

/// Microseconds since 1970 (UTC). A type of its own so that it cannot be mixed with Instant; UNKNOWN until a trusted
/// source told it.
enum class WallTime : int64_t { UNKNOWN = 0 };

constexpr WallTime wall_seconds(int64_t unix_seconds) { return static_cast<WallTime>(unix_seconds * 1'000'000); }
constexpr int64_t to_unix_seconds(WallTime t) { return static_cast<int64_t>(t) / 1'000'000; }
constexpr WallTime operator+(WallTime t, Duration d) {
  return static_cast<WallTime>(static_cast<int64_t>(t) + to_microseconds(d));
}
constexpr Duration operator-(WallTime a, WallTime b) {
  return microseconds(static_cast<int64_t>(a) - static_cast<int64_t>(b));
}

/// Of a date in UTC. Days of the proleptic Gregorian calendar, from year 1 on.
WallTime wall_time_of(int year, int month, int day, int hour, int minute, int second);

}  // namespace microlink
