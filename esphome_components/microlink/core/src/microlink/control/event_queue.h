// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/event.h"

namespace microlink::control {

/// Events that wait to be polled, one bit each: the same event twice is one event, and nothing can overflow. CLOSE
/// comes out before OPEN, and both before everything else; what the others say is the state at the time of polling.
class EventQueue {
 public:
  using Kind = Event::Kind;

  void raise(Kind kind) { this->bits_ |= bit_(kind); }
  void take_back(Kind kind) { this->bits_ &= ~bit_(kind); }
  void open(Link link) { this->opens_ = static_cast<uint8_t>(this->opens_ | link_bit_(link)); }
  /// A connection whose OPEN was not polled yet is not closed either.
  void close(Link link) {
    if ((this->opens_ & link_bit_(link)) != 0) {
      this->opens_ = static_cast<uint8_t>(this->opens_ & ~link_bit_(link));
    } else {
      this->closes_ = static_cast<uint8_t>(this->closes_ | link_bit_(link));
    }
  }

  bool is_empty() const { return (this->bits_ | this->opens_ | this->closes_) == 0; }
  /// The next kind, taken out; `link` is set for OPEN and CLOSE. COUNT when there is none.
  Kind next(Link &link) {
    if (take_link_(this->closes_, link))
      return Kind::CLOSE;
    if (take_link_(this->opens_, link))
      return Kind::OPEN;
    for (unsigned i = 0; i != static_cast<unsigned>(Kind::COUNT); i++) {
      const auto kind = static_cast<Kind>(i);
      if ((this->bits_ & bit_(kind)) != 0) {
        this->take_back(kind);
        return kind;
      }
    }
    return Kind::COUNT;
  }

 private:
  static uint32_t bit_(Kind kind) { return 1U << static_cast<unsigned>(kind); }
  static uint8_t link_bit_(Link link) { return static_cast<uint8_t>(1U << static_cast<unsigned>(link)); }
  static bool take_link_(uint8_t &bits, Link &link) {
    for (unsigned i = 0; i != static_cast<unsigned>(Link::COUNT); i++) {
      if ((bits & (1U << i)) != 0) {
        bits = static_cast<uint8_t>(bits & ~(1U << i));
        link = static_cast<Link>(i);
        return true;
      }
    }
    return false;
  }

  uint32_t bits_{0};
  uint8_t opens_{0};
  uint8_t closes_{0};
};

}  // namespace microlink::control
