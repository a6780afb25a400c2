// SPDX-License-Identifier: MIT
#include "microlink/client/poll_policy.h"

namespace microlink::client {

bool PollPolicy::want(Instant now, std::string_view selector) {
  for (size_t i = 0; i != this->missing_.size(); i++) {
    if (this->missing_[i].selector != selector)
      continue;
    if (now < this->missing_[i].until)
      return false;
    this->missing_.remove(i);
    break;
  }
  this->due_ = true;
  return true;
}

/// The burst is refilled by one every REFILL since the last poll ended.
Instant PollPolicy::allowed_at_() const {
  if (this->used_ < BURST)
    return Instant{INT64_MIN / 2};
  return this->last_end_ + REFILL;
}

bool PollPolicy::begin(Instant now) {
  if (!this->due_ || this->running_)
    return false;
  if (this->used_ != 0) {
    const int64_t refills = to_microseconds(now - this->last_end_) / to_microseconds(REFILL);
    this->used_ = static_cast<uint8_t>(refills >= this->used_ ? 0 : this->used_ - refills);
  }
  if (now < this->allowed_at_())
    return false;
  this->used_++;
  this->running_ = true;
  this->due_ = false;
  return true;
}

void PollPolicy::end(Instant now) {
  this->running_ = false;
  this->last_end_ = now;
}

void PollPolicy::note_missing(Instant now, std::string_view selector) {
  if (this->missing_.full())
    this->missing_.remove(0);
  (void) this->missing_.push_back({.selector = selector, .until = now + FORGET_AFTER});
}

Instant PollPolicy::next_timeout() const {
  return this->due_ && !this->running_ ? this->allowed_at_() : Instant::NEVER;
}

}  // namespace microlink::client
