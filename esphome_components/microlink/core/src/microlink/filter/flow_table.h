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
    const uint32_t now = this->tick_();
    for (Entry &entry : this->entries_) {
      if (entry.used_at != 0 && entry.flow == flow) {
        entry.used_at = now;
        return;
      }
      if (entry.used_at < oldest->used_at)
        oldest = &entry;
    }
    *oldest = {flow, now};
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
    uint32_t used_at{0};  ///< 0 = empty
  };
  /// The next of 2^32 ticks; when they are used up every flow counts as used equally long ago.
  uint32_t tick_() {
    if (this->ticks_ == UINT32_MAX) {
      for (Entry &entry : this->entries_)
        entry.used_at = entry.used_at == 0 ? 0 : 1;
      this->ticks_ = 1;
    }
    return ++this->ticks_;
  }

  std::array<Entry, CAPACITY> entries_{};
  uint32_t ticks_{0};
};

}  // namespace microlink::filter
