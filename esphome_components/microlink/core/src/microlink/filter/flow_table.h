// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"

namespace microlink::filter {

/// What an answer looks like that may come in. The own address is that of the peer's family.
struct Flow {
  IpAddress peer{};
  uint16_t peer_port{0};
  uint16_t own_port{0};
  bool is_sctp{false};  ///< else UDP
};

/// Flows that this node began and whose answers may come in. Full: the one that was silent for the longest time goes.
class FlowTable {
 public:
  static constexpr size_t CAPACITY = 32;

  void record(const Flow &flow) {
    Entry *place = &this->entries_[0];
    for (Entry &entry : this->entries_) {
      if (entry.is(flow)) {
        place = &entry;
        break;
      }
      if (entry.last_use() < place->last_use())
        place = &entry;
    }
    *place = {flow.peer, flow.peer_port, flow.own_port, this->tick_() << 1 | (flow.is_sctp ? 1U : 0U)};
  }

  bool find(const Flow &flow) {
    for (Entry &entry : this->entries_) {
      if (!entry.is(flow))
        continue;
      entry.use = this->tick_() << 1 | (flow.is_sctp ? 1U : 0U);
      return true;
    }
    return false;
  }

  void clear() { this->entries_ = {}; }

 private:
  static constexpr uint32_t MAX_TICKS = UINT32_MAX >> 1;
  struct Entry {
    IpAddress peer{};
    uint16_t peer_port{0};
    uint16_t own_port{0};
    uint32_t use{0};  ///< tick of the last use, shifted by one, and whether it is SCTP; 0 = empty
    uint32_t last_use() const { return this->use >> 1; }
    bool is(const Flow &flow) const {
      return this->last_use() != 0 && this->peer_port == flow.peer_port && this->own_port == flow.own_port &&
             ((this->use & 1) != 0) == flow.is_sctp && this->peer == flow.peer;
    }
  };
  static_assert(sizeof(Entry) == 24);
  /// The next of 2^31 ticks; when they are used up every flow counts as used equally long ago.
  uint32_t tick_() {
    if (this->ticks_ == MAX_TICKS) {
      for (Entry &entry : this->entries_)
        entry.use = entry.last_use() == 0 ? 0 : 2 | (entry.use & 1);
      this->ticks_ = 1;
    }
    return ++this->ticks_;
  }

  std::array<Entry, CAPACITY> entries_{};
  uint32_t ticks_{0};
};

}  // namespace microlink::filter
