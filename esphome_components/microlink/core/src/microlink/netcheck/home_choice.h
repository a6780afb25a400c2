// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/short_time.h"

namespace microlink::netcheck {

/// How well a region did.
struct RegionLatency {
  uint16_t region{0};  ///< 0 = none
  Duration latency{};
};

/// Whether the home moves from `previous` to `best`, which measured lower. A home that is still reachable is left for a
/// clearly better one only: 10 ms and a third faster (netcheck.go, addReportHistoryAndSetPreferredDERP).
///
/// `previous_latency` is empty when it gave no answer now; `previous_heard` says that its relay talks to us all the
/// same.
uint16_t choose_home(uint16_t previous, std::optional<Duration> previous_latency, bool previous_heard,
                     RegionLatency best);

/// The lowest latencies of the last 5 minutes 5 seconds in constant memory: a queue in which each entry is newer and
/// slower than the one before. Full: the slowest gives way to the newest.
class LatencyHistory {
 public:
  static constexpr Duration MEMORY = seconds(305);

  void add(Instant now, Duration latency);
  /// The lowest one of the last MEMORY.
  std::optional<Duration> best(Instant now) const;
  void clear() { this->size_ = 0; }

 private:
  struct Sample {
    Stamp at;
    uint32_t latency_us;
  };
  static constexpr uint8_t CAPACITY = 6;

  Sample samples_[CAPACITY]{};
  uint8_t size_{0};
};

}  // namespace microlink::netcheck
