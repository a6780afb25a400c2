// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/userspace_stack.h"

#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "microlink/port/posix/clock.h"

namespace microlink::lwip {

namespace {

/// lwIP is told the time like everybody else.
Instant told_time{};

void start_lwip() {
  static bool started = false;
  if (started)
    return;
  started = true;
  told_time = posix::monotonic_now();
  lwip_init();
}

}  // namespace

UserspaceStack::UserspaceStack() {
  start_lwip();
  this->netif_.open(*this);
  this->inbound_.reserve(MAX_INBOUND);
}

UserspaceStack::~UserspaceStack() {
  for (pbuf *packet : this->inbound_)
    pbuf_free(packet);
  this->netif_.close();
}

void UserspaceStack::join(posix::Runner &runner) {
  this->runner_ = &runner;
  runner.add(this);
}

void UserspaceStack::tell(Instant now) { told_time = std::max(told_time, now); }

Instant UserspaceStack::now() const { return told_time; }

void UserspaceStack::write(ByteView packet) {
  if (this->inbound_.size() == MAX_INBOUND)
    return;
  if (pbuf *copy = OverlayNetif::copy(packet); copy != nullptr)
    this->inbound_.push_back(copy);
}

void UserspaceStack::set_addresses(std::span<const Endpoint> addresses) {
  this->addresses_.assign(addresses.begin(), addresses.end());
  this->addresses_are_new_ = true;
}

void UserspaceStack::serve(Instant now, std::span<const pollfd>) {
  this->tell(now);
  if (this->addresses_are_new_)
    this->netif_.set_addresses(this->addresses_);
  this->addresses_are_new_ = false;
  this->flush_();
  // By index: sending may bring new packets, which wait for the next turn.
  const size_t count = this->inbound_.size();
  for (size_t i = 0; i != count; i++) {
    this->netif_.input(this->inbound_[i]);
    if ((i + 1) % BATCH == 0)
      this->flush_();
  }
  this->inbound_.erase(this->inbound_.begin(), this->inbound_.begin() + static_cast<ptrdiff_t>(count));
  sys_check_timeouts();
  this->flush_();
  const u32_t sleep = sys_timeouts_sleeptime();
  this->wake_at_ = sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? Instant::NEVER : told_time + milliseconds(sleep);
}

void UserspaceStack::flush_() {
  while (this->runner_ != nullptr && !this->outbound_.empty()) {
    this->runner_->feed({.kind = Input::Kind::OVERLAY, .bytes = this->outbound_.front()});
    this->outbound_.pop();
  }
}

Instant UserspaceStack::next_timeout() const {
  const bool waiting = !this->inbound_.empty() || !this->outbound_.empty() || this->addresses_are_new_;
  return waiting ? static_cast<Instant>(0) : this->wake_at_;
}

IpAddress UserspaceStack::own_address(const IpAddress &like) const {
  if (this->addresses_are_new_)
    return {};
  for (const Endpoint &each : this->addresses_) {
    if (each.address.is_v4() == like.is_v4())
      return each.address;
  }
  return {};
}

}  // namespace microlink::lwip

/// Milliseconds for lwIP's timers.
extern "C" u32_t sys_now() { return static_cast<u32_t>(static_cast<int64_t>(microlink::lwip::told_time) / 1000); }
#endif  // MICROLINK_LWIP
