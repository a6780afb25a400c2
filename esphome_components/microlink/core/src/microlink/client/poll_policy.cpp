// SPDX-License-Identifier: MIT
#include "microlink/client/poll_policy.h"

#include <algorithm>

namespace microlink::client {

bool PollPolicy::want(Instant now, const netmap::Want &want) {
  if (this->is_missing(now, want))
    return false;
  if (!want.is_by_stranger()) {
    this->want_any(now);
    return true;
  }
  this->urgent_ = true;
  this->due_at_ = earlier(this->due_at_, now + GATHER);
  return true;
}

bool PollPolicy::is_missing(Instant now, const netmap::Want &want) const {
  return std::any_of(this->missing_.begin(), this->missing_.end(),
                     [&](const Missing &each) { return each.want == want && each.noted.age(now) < FORGET_AFTER; });
}

/// The burst is refilled by one every REFILL since the last poll ended.
Instant PollPolicy::allowed_at_() const {
  if (this->used_ < (this->own_ ? BURST : BURST_FOR_STRANGERS))
    return Instant{INT64_MIN / 2};
  return this->last_end_ + REFILL;
}

bool PollPolicy::begin(Instant now) {
  if (now < this->due_at_ || this->running_)
    return false;
  if (this->used_ != 0) {
    const int64_t refills = to_microseconds(now - this->last_end_) / to_microseconds(REFILL);
    this->used_ = static_cast<uint8_t>(refills >= this->used_ ? 0 : this->used_ - refills);
  }
  if (now < this->allowed_at_())
    return false;
  this->used_++;
  this->running_ = true;
  this->urgent_ = this->own_ = false;
  this->due_at_ = Instant::NEVER;
  return true;
}

void PollPolicy::end(Instant now) {
  this->running_ = this->urgent_ = this->own_ = false;
  this->due_at_ = Instant::NEVER;
  this->last_end_ = now;
}

void PollPolicy::note_missing(Instant now, const netmap::Want &want) {
  for (size_t i = this->missing_.size(); i-- != 0;) {
    if (this->missing_[i].want == want || this->missing_[i].noted.age(now) >= FORGET_AFTER)
      this->missing_.remove(i);
  }
  const auto strangers = netmap::ByStrangers::in(this->missing_);
  if (want.is_by_stranger() && strangers.count == MAX_MISSING_STRANGERS)
    this->missing_.remove(strangers.oldest);
  if (this->missing_.full())
    this->missing_.remove(0);
  (void) this->missing_.push_back({.want = want, .noted = Stamp(now)});
}

Instant PollPolicy::next_timeout() const {
  if (this->due_at_ == Instant::NEVER || this->running_ || (this->quiet_ && !this->urgent_))
    return Instant::NEVER;
  return std::max(this->due_at_, this->allowed_at_());
}

}  // namespace microlink::client
