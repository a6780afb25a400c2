// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "lwip/pbuf.h"
#include "microlink/base/ip.h"
#include "microlink/port/lwip/overlay_netif.h"
#include "microlink/ports.h"

namespace microlink::lwip {

/// Packets on their way from lwIP to the client, first in, first out, each with the room around it that the client
/// wants. One thread. Full: what comes is refused.
class PacketQueue {
 public:
  /// The room is touched when it is needed: zeroing it took a seventh of the time to the first pong after a restart.
  explicit PacketQueue(size_t slots) : slots_(std::make_unique_for_overwrite<Slot[]>(slots)), count_(slots) {}

  /// One copy, whatever the packet's pieces.
  bool push(const pbuf &packet) {
    if (this->used_ == this->count_ || packet.tot_len > OverlayNetif::MTU)
      return false;
    Slot &slot = this->slots_[(this->first_ + this->used_) % this->count_];
    slot.size = pbuf_copy_partial(&packet, slot.bytes + OVERLAY_HEADROOM, packet.tot_len, 0);
    this->used_++;
    return true;
  }
  bool empty() const { return this->used_ == 0; }
  size_t size() const { return this->used_; }
  /// The eldest; may be sealed in place until pop(). Not empty.
  ByteSpan front() { return {this->slots_[this->first_].bytes + OVERLAY_HEADROOM, this->slots_[this->first_].size}; }
  void pop() {
    this->first_ = (this->first_ + 1) % this->count_;
    this->used_--;
  }

 private:
  struct Slot {
    size_t size;
    alignas(uint32_t) uint8_t bytes[OVERLAY_HEADROOM + OverlayNetif::MTU + OVERLAY_TAILROOM];
  };

  std::unique_ptr<Slot[]> slots_;
  const size_t count_;
  size_t first_{0};
  size_t used_{0};
};

}  // namespace microlink::lwip
