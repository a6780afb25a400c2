// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"

namespace microlink::filter {

/// Addresses and ports of a packet as it would come in.
struct Flow {
  IpAddress source{};
  IpAddress destination{};
  uint16_t source_port{0};
  uint16_t destination_port{0};
  uint8_t protocol{0};
  bool operator==(const Flow &) const = default;
};

/// Flows that this node began and whose answers may come in. Full: the one that was silent for the longest time goes.
class FlowTable {
 public:
  static constexpr size_t CAPACITY = 32;

  void record(const Flow &flow) {
    Entry *oldest = &this->entries_[0];
    for (Entry &entry : this->entries_) {
      if (entry.used_at != 0 && entry.flow == flow) {
        entry.used_at = this->tick_();
        return;
      }
      if (entry.used_at < oldest->used_at)
        oldest = &entry;
    }
    *oldest = {flow, this->tick_()};
  }

  bool find(const Flow &flow) {
    for (Entry &entry : this->entries_) {
      if (entry.used_at == 0 || !(entry.flow == flow))
        continue;
      entry.used_at = this->tick_();
      return true;
    }
    return false;
  }

  void clear() { this->entries_ = {}; }

 private:
  struct Entry {
    Flow flow;
    uint64_t used_at{0};  ///< 0 = empty
  };
  uint64_t tick_() { return ++this->ticks_; }

  std::array<Entry, CAPACITY> entries_{};
  uint64_t ticks_{0};
};

}  // namespace microlink::filter
