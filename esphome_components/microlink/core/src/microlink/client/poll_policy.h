// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_vector.h"
#include "microlink/base/short_time.h"
#include "microlink/netmap/wants.h"

namespace microlink::client {

/// When to poll control again for a peer that is not in the table (architecture decision D13): one poll at a time,
/// three in a burst, then 30 s from the end of the last; a want that was not answered is not asked again for a minute.
/// Strangers who call get two of the burst at most: who is wanted here does not wait because somebody invents keys.
class PollPolicy {
 public:
  static constexpr uint8_t BURST = 3;
  static constexpr uint8_t BURST_FOR_STRANGERS = 2;
  static constexpr Duration REFILL = seconds(30);
  static constexpr Duration FORGET_AFTER = seconds(60);
  /// Who is missing is seldom alone: one poll serves all that come in this time.
  static constexpr Duration GATHER = milliseconds(100);

  /// Somebody is missing. False when it was asked for lately, without an answer.
  bool want(Instant now, const netmap::Want &want);
  bool is_missing(Instant now, const netmap::Want &want) const;
  /// The table or the filter would be better after a poll, whoever is in it.
  void want_any(Instant now) {
    this->urgent_ = this->own_ = true;
    this->want_later(now + GATHER);
  }
  /// A poll makes sense from `at` on, not earlier.
  void want_later(Instant at) {
    this->own_ = true;
    this->due_at_ = earlier(this->due_at_, at);
  }
  /// Whether nothing but want_later() made the poll due that may begin now.
  bool only_later() const { return !this->urgent_; }
  /// It does not make sense now either.
  void put_off() { this->due_at_ = Instant::NEVER; }
  /// While true, polls that are not urgent wait.
  void set_quiet(bool quiet) { this->quiet_ = quiet; }

  /// Whether to poll now; it counts as begun.
  bool begin(Instant now);
  /// A poll that begin() allowed could not be made: it does not count.
  void cancel() {
    this->running_ = false;
    this->used_--;
  }
  /// A full map was applied, polled for or not: whatever made a poll due is over.
  void end(Instant now);
  /// Remember that somebody was not in it. Full: the one that is forgotten soonest goes; a stranger takes the place of
  /// another one when there are MAX_MISSING_STRANGERS.
  void note_missing(Instant now, const netmap::Want &want);
  bool is_running() const { return this->running_; }
  /// When begin() may say yes; NEVER if nothing is due.
  Instant next_timeout() const;

 private:
  struct Missing {
    netmap::Want want;
    Stamp noted;  ///< wrapped, somebody is missing for a minute more
  };
  static constexpr size_t MAX_MISSING_STRANGERS = 6;
  Instant allowed_at_() const;

  FixedVector<Missing, 12> missing_;
  Instant last_end_{INT64_MIN / 2};
  Instant due_at_{Instant::NEVER};
  uint8_t used_{0};  ///< of the burst
  bool quiet_{false};
  bool urgent_{false};
  bool own_{false};  ///< not only strangers made it due
  bool running_{false};
};

}  // namespace microlink::client
