// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/time.h"
#include "microlink/capacity.h"

namespace microlink::client {

/// When to poll control again for a peer that is not in the table (architecture decision D13): one poll at a time,
/// three in a burst, then 30 s from the end of the last; a want that was not answered is not asked again for a minute.
class PollPolicy {
 public:
  static constexpr uint8_t BURST = 3;
  static constexpr Duration REFILL = seconds(30);
  static constexpr Duration FORGET_AFTER = seconds(60);

  /// Somebody is missing. False when it was asked for lately, without an answer.
  bool want(Instant now, std::string_view selector);
  /// The table or the filter would be better after a poll, whoever is in it.
  void want_any() { this->due_ = true; }

  /// Whether to poll now; it counts as begun.
  bool begin(Instant now);
  /// A poll that begin() allowed could not be made: it does not count.
  void cancel() { this->running_ = false; }
  /// A full map was applied: what is still missing is remembered for a while.
  void end(Instant now);
  void note_missing(Instant now, std::string_view selector);
  bool is_running() const { return this->running_; }
  /// When begin() may say yes; NEVER if nothing is due.
  Instant next_timeout() const;

 private:
  struct Missing {
    FixedString<72> selector;
    Instant until{};
  };
  Instant allowed_at_() const;

  FixedVector<Missing, 4> missing_;
  Instant last_end_{INT64_MIN / 2};
  uint8_t used_{0};  ///< of the burst
  bool due_{false};
  bool running_{false};
};

}  // namespace microlink::client
