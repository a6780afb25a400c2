// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/time.h"

namespace microlink::client {

/// What time it is, by the port's clock and by control's. Both are kept as the time at Instant{0}, so that whichever is
/// set later corrects what was thought before.
class Clock {
 public:
  /// Control's clock counts when it differs by more. Less is what clocks and networks do (ipnlocal/expiry.go).
  static constexpr Duration TOLERANCE = seconds(60);

  /// `is_trusted`: SNTP or an RTC told it; else control did.
  void set(Instant now, WallTime wall, bool is_trusted) {
    this->epoch_ = at_(wall, -static_cast<int64_t>(now));
    this->is_trusted_ = is_trusted;
  }
  void hear_control(Instant now, WallTime control) { this->control_epoch_ = at_(control, -static_cast<int64_t>(now)); }

  bool is_trusted() const { return this->is_trusted_; }
  /// UNKNOWN until it is known.
  WallTime now(Instant now) const { return at_(this->epoch_, static_cast<int64_t>(now)); }
  /// By which node keys end: who sets a key's end and who looks at it agree about the time then, even where this device
  /// was told a wrong one.
  WallTime control_now(Instant now) const {
    const Duration ahead = this->control_epoch_ - this->epoch_;
    const bool agree = ahead <= TOLERANCE && ahead >= Duration::ZERO - TOLERANCE;
    const bool by_control = this->control_epoch_ != WallTime::UNKNOWN && !agree;
    return at_(by_control ? this->control_epoch_ : this->epoch_, static_cast<int64_t>(now));
  }

 private:
  static constexpr WallTime at_(WallTime base, int64_t after_us) {
    return base == WallTime::UNKNOWN ? base : base + microseconds(after_us);
  }

  WallTime epoch_{WallTime::UNKNOWN};
  WallTime control_epoch_{WallTime::UNKNOWN};
  bool is_trusted_{false};
};

}  // namespace microlink::client
