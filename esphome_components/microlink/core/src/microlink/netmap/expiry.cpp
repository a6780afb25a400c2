// SPDX-License-Identifier: MIT
// Netmap, fourth part: node keys that end by the clock (02 §5; tailscale ipn/ipnlocal/expiry.go).
#include "microlink/netmap/netmap.h"

namespace microlink::netmap {

namespace {

/// A clock before this (2023-01-10) was never set.
constexpr WallTime EARLIEST_SANE_TIME = wall_seconds(1'673'373'066);

}  // namespace

bool Netmap::is_over_(WallTime expiry) const {
  return this->time_ >= EARLIEST_SANE_TIME && expiry != WallTime::UNKNOWN && expiry <= this->time_;
}

void Netmap::set_time(WallTime now) {
  const bool self_was_expired = this->is_self_expired();
  this->time_ = now;
  bool differs = self_was_expired != this->is_self_expired();
  for (const Slot &slot : this->slots_)
    differs = differs || (slot.used && slot.peer.expired != this->is_over_(slot.peer.key_expiry));
  if (differs)
    this->judge_all_again_();
}

WallTime Netmap::next_expiry() const {
  WallTime next = WallTime::UNKNOWN;
  if (this->time_ < EARLIEST_SANE_TIME)
    return next;
  const auto consider = [&](WallTime expiry) {
    if (expiry > this->time_ && (next == WallTime::UNKNOWN || expiry < next))
      next = expiry;
  };
  consider(this->self_.key_expiry);
  for (const Slot &slot : this->slots_) {
    if (slot.used)
      consider(slot.peer.key_expiry);
  }
  return next;
}

}  // namespace microlink::netmap
