// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>

#include "microlink/base/ip.h"
#include "microlink/capacity.h"

namespace microlink::filter {

/// What an answer looks like that may come in. The own address is that of the peer's family.
struct Flow {
  IpAddress peer{};
  uint16_t peer_port{0};
  uint16_t own_port{0};
  bool is_sctp{false};  ///< else UDP
};

/// Flows of packets that this node sent, whose answers may come in. What it sends may itself be an answer, to somebody
/// whom a rule lets in: such a flow stands there only as long as nobody else needs the place, so that a peer that may
/// ask here cannot push out what this node asked others.
///
/// A flow has its place among WAYS, so that looking for one takes equally long however many there are. Full: the one
/// that was silent for longest goes.
class FlowTable {
 public:
  static constexpr size_t CAPACITY = MAX_RETURN_FLOWS;
  static constexpr size_t WAYS = CAPACITY < 32 ? CAPACITY : 32;
  static_assert(CAPACITY % WAYS == 0);

  /// Whether it is there; that counts as a use of it.
  bool find(const Flow &flow) {
    const uint32_t ports = ports_of_(flow);
    for (Entry &entry : this->places_of_(flow)) {
      if (entry.ports != ports || !entry.is_used() || entry.is_sctp() != flow.is_sctp || entry.peer != flow.peer)
        continue;
      entry.use = this->tick_() | (entry.use & FLAGS);
      return true;
    }
    return false;
  }

  /// One that is not there. `by_rule`: a rule lets its answers in.
  void record(const Flow &flow, bool by_rule) {
    const std::span<Entry> places = this->places_of_(flow);
    Entry &place = *std::min_element(places.begin(), places.end(),
                                     [](const Entry &a, const Entry &b) { return a.worth() < b.worth(); });
    if (by_rule && place.is_used() && !place.is_by_rule())
      return;
    place = {flow.peer, ports_of_(flow), this->tick_() | (by_rule ? BY_RULE : 0) | (flow.is_sctp ? IS_SCTP : 0)};
  }

  /// The rules are others now: whom they let in is theirs to say.
  void forget_by_rule() {
    for (Entry &entry : this->entries_) {
      if (entry.is_by_rule())
        entry = {};
    }
  }

  void clear() { this->entries_ = {}; }

 private:
  static constexpr uint32_t IS_SCTP = 1;
  static constexpr uint32_t BY_RULE = 2;
  static constexpr uint32_t FLAGS = IS_SCTP | BY_RULE;
  static constexpr uint32_t TICK = FLAGS + 1;
  struct Entry {
    IpAddress peer{};
    uint32_t ports{0};
    uint32_t use{0};  ///< tick of the last use, a multiple of TICK, and flags; 0 = empty
    bool is_used() const { return this->use != 0; }
    bool is_sctp() const { return (this->use & IS_SCTP) != 0; }
    bool is_by_rule() const { return (this->use & BY_RULE) != 0; }
    /// The less, the sooner it goes: empty ones first, then by rule, the rest by their last use.
    uint32_t worth() const {
      return this->use / TICK | (this->is_used() && !this->is_by_rule() ? uint32_t{1} << 31 : 0);
    }
  };
  static_assert(sizeof(Entry) == 24);

  static uint32_t ports_of_(const Flow &flow) { return uint32_t{flow.peer_port} << 16 | flow.own_port; }
  /// A peer chooses the port from which it asks here, and so where flows by rule crowd; those make room.
  std::span<Entry> places_of_(const Flow &flow) {
    const size_t mixed = flow.own_port + size_t{7} * flow.peer_port + size_t{13} * flow.peer.bytes[15];
    return std::span(this->entries_).subspan(mixed % (CAPACITY / WAYS) * WAYS, WAYS);
  }
  /// The next of 2^30 ticks; when they are used up every flow counts as used equally long ago.
  uint32_t tick_() {
    if (this->ticks_ >= UINT32_MAX - 2 * TICK) {
      for (Entry &entry : this->entries_)
        entry.use = entry.is_used() ? TICK | (entry.use & FLAGS) : 0;
      this->ticks_ = TICK;
    }
    return this->ticks_ += TICK;
  }

  std::array<Entry, CAPACITY> entries_{};
  uint32_t ticks_{0};
};

}  // namespace microlink::filter
