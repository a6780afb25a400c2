// SPDX-License-Identifier: MIT
#include "microlink/netcheck/home_choice.h"

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
  // What is older and not faster can never be the best again.
  while (this->size_ != 0 && this->samples_[this->size_ - 1].latency >= latency)
    this->size_--;
  uint8_t expired = 0;
  while (expired != this->size_ && now - this->samples_[expired].at >= MEMORY)
    expired++;
  for (uint8_t i = expired; i != this->size_; i++)
    this->samples_[i - expired] = this->samples_[i];
  this->size_ = static_cast<uint8_t>(this->size_ - expired);
  if (this->size_ == CAPACITY)
    this->size_--;
  this->samples_[this->size_++] = {now, latency};
}

std::optional<Duration> LatencyHistory::best(Instant now) const {
  for (uint8_t i = 0; i != this->size_; i++) {
    if (now - this->samples_[i].at < MEMORY)
      return this->samples_[i].latency;
  }
  return std::nullopt;
}

}  // namespace microlink::netcheck
