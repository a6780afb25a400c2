// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/mailbox.h"

#include <sys/eventfd.h>

#include <utility>

namespace microlink::posix {

Mailbox::Mailbox() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

bool Mailbox::post(Command command) {
  {
    const std::lock_guard lock(this->mutex_);
    if (this->commands_.size() >= MAX_COMMANDS)
      return false;
    this->commands_.push_back(std::move(command));
  }
  const uint64_t one = 1;
  (void) !::write(this->wake_.get(), &one, sizeof(one));
  return true;
}

std::optional<Command> Mailbox::take_command() {
  uint64_t count = 0;
  const std::lock_guard lock(this->mutex_);
  if (this->commands_.empty()) {
    // Under the lock, or a command that is posted meanwhile would lose its wake-up.
    (void) !::read(this->wake_.get(), &count, sizeof(count));
    return std::nullopt;
  }
  Command out = std::move(this->commands_.front());
  this->commands_.pop_front();
  return out;
}

std::optional<OwnedEvent> Mailbox::take_event() {
  const std::lock_guard lock(this->mutex_);
  if (this->events_.empty())
    return std::nullopt;
  OwnedEvent out = std::move(this->events_.front());
  this->events_.pop_front();
  return out;
}

void Mailbox::put_event(OwnedEvent event) {
  const std::lock_guard lock(this->mutex_);
  if (this->events_.size() >= MAX_EVENTS) {
    this->events_.pop_front();
    this->lost_events_++;
  }
  this->events_.push_back(std::move(event));
}

bool Mailbox::take_snapshot(Snapshot &out) {
  const std::lock_guard lock(this->mutex_);
  if (!this->snapshot_is_new_)
    return false;
  this->snapshot_is_new_ = false;
  std::swap(out, this->snapshot_);
  return true;
}

void Mailbox::put_snapshot(Snapshot snapshot) {
  // The older one is freed after the lock.
  const std::lock_guard lock(this->mutex_);
  std::swap(this->snapshot_, snapshot);
  this->snapshot_is_new_ = true;
}

uint32_t Mailbox::take_lost_events() {
  const std::lock_guard lock(this->mutex_);
  return std::exchange(this->lost_events_, 0);
}

}  // namespace microlink::posix
#endif  // __linux__
