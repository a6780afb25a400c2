// SPDX-License-Identifier: MIT
// Which region is the home.
#include <algorithm>
#include <tuple>

#include "microlink/netcheck/netcheck.h"

namespace microlink::netcheck {

namespace {

constexpr Duration HEARD_RECENTLY = seconds(8);
constexpr Duration HEARD_LATELY = seconds(120);

}  // namespace

void Netcheck::handle_relay_failed(Instant now, uint16_t region, uint16_t instead) {
  Region *failed = this->find_(region);
  if (failed == nullptr)
    return;
  failed->failed = Stamp(now);
  if (region == this->home_)
    this->set_home_(now, this->find_(instead) != nullptr ? instead : this->fallback_region_(now, region));
}

Duration Netcheck::since_failure(Instant now, uint16_t region) const {
  const Region *found = this->find_(region);
  return (found == nullptr ? Stamp() : found->failed).age(now);
}

/// Home from what was measured in this report, see 04 §5: lowest latency of the last minutes times its score, regions
/// to avoid only if there is no other, and no move without a reason.
void Netcheck::choose_(Instant now) {
  if (this->home_ != 0 && !this->control_connected_)
    return;
  const RegionLatency best = this->best_region_(now);
  if (best.region != 0) {
    const Region *home = this->find_(this->home_);
    std::optional<Duration> home_latency;
    if (home != nullptr && home->latest_us != NOT_SET)
      home_latency = scaled_(*home, microseconds(home->latest_us));
    const bool heard = this->home_heard_ >= this->report_started_ || now - this->home_heard_ < HEARD_RECENTLY;
    this->set_home_(now, choose_home(this->home_, home_latency, heard, best));
  } else if (this->home_ == 0) {
    this->set_home_(now, this->fallback_region_(now, 0));
  } else if (now - std::max(this->home_heard_, this->home_since_) >= HEARD_LATELY) {
    this->set_home_(now, this->fallback_region_(now, this->home_));
  }
}

RegionLatency Netcheck::best_region_(Instant now) const {
  RegionLatency best;
  bool best_is_avoided = false;
  for (const Region &region : this->regions_) {
    const auto measured = region.history.best(now);
    if (region.no_home || region.latest_us == NOT_SET || !measured || region.failed.age(now) < FAILED_LATELY)
      continue;
    const RegionLatency candidate{region.id, scaled_(region, *measured)};
    const bool wins = best.region == 0 || (best_is_avoided && !region.avoid) ||
                      (best_is_avoided == region.avoid && candidate.latency < best.latency);
    if (!wins)
      continue;
    best = candidate;
    best_is_avoided = region.avoid;
  }
  return best;
}

/// The nearest as far as it is known, else the fastest to connect, else the first in the map; regions to avoid after
/// others, and those that failed lately last, the one that failed first before the others. Not `except` if there is
/// another one.
uint16_t Netcheck::fallback_region_(Instant now, uint16_t except) const {
  const auto rank = [&](const Region &region) {
    const Duration since = region.failed.age(now);
    const Duration still_failed = since < FAILED_LATELY ? FAILED_LATELY - since : Duration::ZERO;
    const auto measured = region.history.best(now);
    const bool connected = region.connect_us != NOT_SET;
    const Duration time = measured ? scaled_(region, *measured) : microseconds(connected ? region.connect_us : 0);
    return std::tuple(region.id == except, still_failed, region.avoid, measured ? 0 : connected ? 1 : 2, time);
  };
  const Region *best = nullptr;
  for (const Region &region : this->regions_) {
    if (!region.no_home && !region.servers.empty() && (best == nullptr || rank(region) < rank(*best)))
      best = &region;
  }
  return best == nullptr ? uint16_t{0} : best->id;
}

size_t Netcheck::usable_regions_() const {
  size_t count = 0;
  for (const Region &region : this->regions_)
    count += region.no_home ? 0 : 1;
  return count;
}

void Netcheck::set_home_(Instant now, uint16_t region) {
  if (region == this->home_)
    return;
  this->home_ = region;
  this->home_since_ = now;
  this->home_event_ = true;
}

Duration Netcheck::scaled_(const Region &region, Duration latency) {
  return microseconds(to_microseconds(latency) * region.score / 1000);
}

}  // namespace microlink::netcheck
