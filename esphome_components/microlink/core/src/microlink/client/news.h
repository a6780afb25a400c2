// SPDX-License-Identifier: MIT
#pragma once

#include <bitset>

#include "microlink/base/ring_buffer.h"
#include "microlink/client.h"

namespace microlink::client {

/// What the owner was not told yet. Most news is that something has changed: one bit, however often it happened, and
/// how things are now is looked up when the owner asks. Only what cannot be looked up later is kept. An owner that does
/// not ask loses the oldest of that; Client::status() always tells how things are.
class News {
 public:
  using Kind = Event::Kind;
  struct Pong {
    NodePublic peer;
    Endpoint path;
    uint16_t region;
    Duration latency;
  };

  /// One that says nothing but its kind; LOGIN_URL, MESSAGE, …: the text is the owner's to look up.
  void raise(Kind kind) { this->raised_.set(static_cast<size_t>(kind)); }
  void peer_changed(size_t slot) { this->changed_.set(slot); }
  /// What there was to say of it is not said any more; that it has gone is the netmap's to say.
  void peer_gone(size_t slot) {
    this->changed_.reset(slot);
    this->timed_out_.reset(slot);
  }
  void ping_timed_out(size_t slot) { this->timed_out_.set(slot); }
  void pong(const Pong &pong) { this->pongs_.push_dropping_oldest(pong); }

  bool is_empty() const {
    return this->raised_.none() && this->changed_.none() && this->timed_out_.none() && this->pongs_.empty();
  }
  /// The next, in Kind's order. PEER_CHANGED and PING_TIMED_OUT say whom
  /// they concern in `slot` alone; it is not touched otherwise.
  std::optional<Event> take(size_t &slot);

 private:
  static constexpr size_t KINDS = static_cast<size_t>(Kind::STOPPED) + 1;
  static bool take_first_(std::bitset<MAX_PEERS> &slots, size_t &slot);

  std::bitset<KINDS> raised_;
  std::bitset<MAX_PEERS> changed_;
  std::bitset<MAX_PEERS> timed_out_;
  RingBuffer<Pong, 2> pongs_;  ///< a pong is a packet, and there is a turn for each
};

}  // namespace microlink::client
