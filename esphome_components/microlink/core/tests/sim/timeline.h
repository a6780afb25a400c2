// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <functional>
#include <queue>

#include "microlink/base/time.h"

namespace microlink::sim {

/// A virtual clock and what is to happen on it; what is due at the same time happens in the order in which it was told.
class Timeline {
 public:
  void at(Instant when, std::function<void()> what) { this->queue_.push({when, this->order_++, std::move(what)}); }

  void run_for(Duration duration) {
    const Instant end = this->now + duration;
    while (!this->queue_.empty() && this->queue_.top().at <= end)
      this->step_();
    this->now = end;
  }

  /// Until `done`, at most for so long.
  bool run_until(Duration limit, const std::function<bool()> &done) {
    const Instant end = this->now + limit;
    while (!done()) {
      if (this->queue_.empty() || this->queue_.top().at > end) {
        this->now = end;
        return false;
      }
      this->step_();
    }
    return true;
  }

  Instant now{1'000'000};

 private:
  struct Happening {
    Instant at;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Happening &other) const {
      return this->at != other.at ? this->at > other.at : this->order > other.order;
    }
  };

  void step_() {
    const Happening next = this->queue_.top();
    this->queue_.pop();
    this->now = std::max(this->now, next.at);
    next.what();
  }

  std::priority_queue<Happening> queue_;
  uint64_t order_{0};
};

}  // namespace microlink::sim
