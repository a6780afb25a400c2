// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <random>

#include "microlink/port/lwip/userspace_stack.h"

namespace microlink::lwip {

/// Two stacks and a cable between them, in virtual time.
class BackToBack {
 public:
  explicit BackToBack(unsigned seed = 1) : random_(seed), now_(a.now()) {
    this->a.set_addresses(std::vector<Endpoint>{{*parse_ip("100.64.0.1"), 0}, {*parse_ip("fd7a:115c:a1e0::1"), 0}});
    this->b.set_addresses(std::vector<Endpoint>{{*parse_ip("100.64.0.2"), 0}, {*parse_ip("fd7a:115c:a1e0::2"), 0}});
    this->turn();
  }

  /// Time passes; packets get through or do not.
  void turn(Duration step = milliseconds(5)) {
    this->now_ = this->now_ + step;
    for (UserspaceStack *each : {&this->a, &this->b})
      each->serve(this->now_, {});
    this->carry_(this->a, this->b, this->to_b_);
    this->carry_(this->b, this->a, this->to_a_);
  }
  /// Turns until `done`, at most `limit` of virtual time.
  bool run(const std::function<bool()> &done, Duration limit = seconds(120)) {
    for (const Instant end = this->now_ + limit; this->now_ < end; this->turn()) {
      if (done())
        return true;
    }
    return done();
  }

  Instant now() const { return this->now_; }

  UserspaceStack a;
  UserspaceStack b;
  unsigned loss_percent{0};
  unsigned reorder_percent{0};
  size_t carried{0};

 private:
  void carry_(UserspaceStack &from, UserspaceStack &to, std::deque<std::vector<uint8_t>> &late) {
    for (; !from.outbound().empty(); from.outbound().pop()) {
      const ByteSpan packet = from.outbound().front();
      this->carried++;
      if (this->random_() % 100 < this->loss_percent)
        continue;
      if (this->random_() % 100 < this->reorder_percent)
        late.emplace_back(packet.begin(), packet.end());
      else
        to.write(packet);
    }
    for (; !late.empty(); late.pop_front())
      to.write(late.front());
  }

  std::mt19937 random_;
  Instant now_;
  std::deque<std::vector<uint8_t>> to_a_;
  std::deque<std::vector<uint8_t>> to_b_;
};

}  // namespace microlink::lwip
