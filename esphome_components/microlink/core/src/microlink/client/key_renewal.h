// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/base/time.h"

namespace microlink::client {

/// When the node asks for another key: ahead of its key's end, and when it has ended.
///
/// Ahead: Config::rotate_before_expiry, or in the second half of the time that is left when the end is learnt,
/// whichever is later. So keys that live for a day only are not replaced all the time, and neither is the key of a
/// device that starts every minute. What control refuses is tried again after half of the time that is left then.
class KeyRenewal {
 public:
  /// A refused renewal is not repeated sooner, nor is a key replaced sooner by a server that gives the next no longer
  /// life.
  static constexpr Duration LEAST_PAUSE = seconds(3600);
  /// Between keys that have ended as soon as control took them.
  static constexpr Duration PAUSE_WHEN_EXPIRED = seconds(30);

  /// When the key in use ends, at control's time `now`. Only another end makes another plan.
  void plan(WallTime now, WallTime expiry, Duration ahead) {
    if (expiry == this->expiry_ || now == WallTime::UNKNOWN)
      return;
    this->expiry_ = expiry;
    this->due_ = WallTime::UNKNOWN;
    if (expiry > now && ahead > Duration::ZERO)
      this->due_ = now + std::max(expiry - now - ahead, (expiry - now) / 2);
  }
  /// UNKNOWN: never.
  WallTime due() const { return this->due_; }
  /// Whether to ask for another key now; it counts as asked.
  bool take_due(WallTime now) {
    if (this->due_ == WallTime::UNKNOWN || now < this->due_)
      return false;
    this->due_ = now + std::max((this->expiry_ - now) / 2, LEAST_PAUSE);
    if (this->due_ >= this->expiry_)
      this->due_ = WallTime::UNKNOWN;
    return true;
  }

  /// From when on another key may be asked for in place of one that has ended.
  Instant expired_due() const { return this->expired_due_; }
  void note_expired(Instant now) { this->expired_due_ = now + PAUSE_WHEN_EXPIRED; }

 private:
  WallTime expiry_{WallTime::UNKNOWN};
  WallTime due_{WallTime::UNKNOWN};
  Instant expired_due_{INT64_MIN / 2};
};

}  // namespace microlink::client
