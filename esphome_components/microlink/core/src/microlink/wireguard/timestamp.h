// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/time.h"
#include "microlink/wireguard/messages.h"

namespace microlink::wireguard {

/// Strictly increasing TAI64N stamps across reboots, without a clock that is right and without wearing out flash:
/// an hour is reserved ahead in storage before any stamp of it is used (architecture decision D17).
///
///   stamp = max(wall clock, last + one step), and only while it is below the reservation
class TimestampSource {
 public:
  static constexpr Duration RESERVATION = seconds(3600);
  /// wireguard-go clears the low 24 bits of the nanoseconds so that stamps tell little about the clock: 16.8 ms steps.
  static constexpr Duration STEP = microseconds((int64_t{1} << 24) / 1000 + 1);

  /// What storage held: every stamp below it may have been used. Never lowers what is known.
  void set_floor(WallTime reserved_until);
  /// The wall clock at `now`; UNKNOWN is ignored.
  void set_wall_time(Instant now, WallTime wall);

  /// The next stamp; empty until reservation_needed() was stored and granted.
  std::optional<Timestamp> next(Instant now);
  /// What has to be stored before next() yields something; empty when nothing has to.
  std::optional<WallTime> reservation_needed(Instant now) const;
  /// Storage holds this now.
  void grant(WallTime reserved_until);

 private:
  WallTime candidate_(Instant now) const;

  WallTime last_{WallTime::UNKNOWN};
  WallTime reserved_until_{WallTime::UNKNOWN};
  WallTime wall_{WallTime::UNKNOWN};
  Instant wall_at_{};
};

}  // namespace microlink::wireguard
