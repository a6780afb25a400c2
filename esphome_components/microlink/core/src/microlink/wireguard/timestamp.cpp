// SPDX-License-Identifier: MIT
#include "microlink/wireguard/timestamp.h"

#include <algorithm>

#include "microlink/base/writer.h"

namespace microlink::wireguard {

namespace {

constexpr uint64_t TAI64_BASE = 0x400000000000000a;
constexpr int64_t MICROSECONDS = 1'000'000;

Timestamp to_tai64n(WallTime stamp) {
  const int64_t us = static_cast<int64_t>(stamp);
  Timestamp out{};
  Writer(out)
      .u64be(TAI64_BASE + static_cast<uint64_t>(us / MICROSECONDS))
      .u32be(static_cast<uint32_t>(us % MICROSECONDS * 1000) & ~uint32_t{0xffffff});
  return out;
}

}  // namespace

void TimestampSource::set_floor(WallTime reserved_until) { this->last_ = std::max(this->last_, reserved_until); }

void TimestampSource::set_wall_time(Instant now, WallTime wall) {
  if (wall == WallTime::UNKNOWN)
    return;
  this->wall_ = wall;
  this->wall_at_ = now;
}

WallTime TimestampSource::candidate_(Instant now) const {
  const WallTime at_least = this->last_ + STEP;
  if (this->wall_ == WallTime::UNKNOWN)
    return at_least;
  return std::max(at_least, this->wall_ + (now - this->wall_at_));
}

std::optional<Timestamp> TimestampSource::next(Instant now) {
  const WallTime stamp = this->candidate_(now);
  if (stamp >= this->reserved_until_)
    return std::nullopt;
  this->last_ = stamp;
  return to_tai64n(stamp);
}

std::optional<WallTime> TimestampSource::reservation_needed(Instant now) const {
  const WallTime stamp = this->candidate_(now);
  if (stamp < this->reserved_until_)
    return std::nullopt;
  return stamp + RESERVATION;
}

void TimestampSource::grant(WallTime reserved_until) {
  this->reserved_until_ = std::max(this->reserved_until_, reserved_until);
}

}  // namespace microlink::wireguard
