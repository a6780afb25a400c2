// SPDX-License-Identifier: MIT
#include "microlink/netcheck/home_choice.h"

#include <algorithm>

namespace microlink::netcheck {

namespace {

constexpr Duration MIN_GAIN = milliseconds(10);

}  // namespace

uint16_t choose_home(uint16_t previous, std::optional<Duration> previous_latency, bool previous_heard,
                     RegionLatency best) {
  if (best.region == 0 || previous == 0 || best.region == previous)
    return best.region == 0 ? previous : best.region;
  if (!previous_latency)
    return previous_heard ? previous : best.region;
  if (*previous_latency - best.latency < MIN_GAIN || best.latency > *previous_latency * 2 / 3)
    return previous;
  return best.region;
}

void LatencyHistory::add(Instant now, Duration latency) {
  const auto latency_us = static_cast<uint32_t>(std::min<int64_t>(to_microseconds(latency), UINT32_MAX));
  // What is older and not faster can never be the best again.
  while (this->size_ != 0 && this->samples_[this->size_ - 1].latency_us >= latency_us)
    this->size_--;
  uint8_t expired = 0;
  while (expired != this->size_ && this->samples_[expired].at.age(now) >= MEMORY)
    expired++;
  for (uint8_t i = expired; i != this->size_; i++)
    this->samples_[i - expired] = this->samples_[i];
  this->size_ = static_cast<uint8_t>(this->size_ - expired);
  if (this->size_ == CAPACITY)
    this->size_--;
  this->samples_[this->size_++] = {Stamp(now), latency_us};
}

std::optional<Duration> LatencyHistory::best(Instant now) const {
  for (uint8_t i = 0; i != this->size_; i++) {
    if (this->samples_[i].at.age(now) < MEMORY)
      return microseconds(this->samples_[i].latency_us);
  }
  return std::nullopt;
}

}  // namespace microlink::netcheck
