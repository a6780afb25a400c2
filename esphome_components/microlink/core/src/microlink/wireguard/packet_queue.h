// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/bytes.h"
#include "microlink/capacity.h"

namespace microlink::wireguard {

/// Packets that wait for a session, of all peers together, one behind the other. Full: the oldest go.
///
///   slot u8 | size u16 little-endian | packet …
class PacketQueue {
 public:
  static constexpr size_t HEADER_BYTES = 3;
  /// How many packets of this size there is room for.
  static constexpr size_t room_for(size_t size) { return PACKET_QUEUE_BYTES / (HEADER_BYTES + size); }

  /// Packets of more than OVERLAY_MTU bytes are not taken.
  void push(uint8_t slot, ByteView packet) {
    const size_t size = HEADER_BYTES + packet.size();
    if (packet.size() > OVERLAY_MTU)
      return;
    while (size > this->bytes_.size() - this->used_)
      this->remove_(0);
    const ByteSpan to = ByteSpan(this->bytes_).subspan(this->used_, size);
    to[0] = slot;
    to[1] = static_cast<uint8_t>(packet.size());
    to[2] = static_cast<uint8_t>(packet.size() >> 8);
    copy(packet, to.subspan(HEADER_BYTES));
    this->used_ = static_cast<uint16_t>(this->used_ + size);
  }

  struct Taken {
    uint8_t slot;
    uint16_t size;
  };
  /// The oldest packet of a slot that `may_go` goes into `out`, which must hold OVERLAY_MTU bytes.
  template<typename MayGo> std::optional<Taken> take(MayGo may_go, ByteSpan out) {
    for (size_t at = 0; at != this->used_; at += HEADER_BYTES + this->size_at_(at)) {
      const Taken taken{this->bytes_[at], this->size_at_(at)};
      if (!may_go(taken.slot))
        continue;
      copy(ByteView(this->bytes_).subspan(at + HEADER_BYTES, taken.size), out);
      this->remove_(at);
      return taken;
    }
    return std::nullopt;
  }

  void drop(uint8_t slot) {
    for (size_t at = 0; at != this->used_;) {
      if (this->bytes_[at] == slot)
        this->remove_(at);
      else
        at += HEADER_BYTES + this->size_at_(at);
    }
  }
  bool has(uint8_t slot) const {
    for (size_t at = 0; at != this->used_; at += HEADER_BYTES + this->size_at_(at)) {
      if (this->bytes_[at] == slot)
        return true;
    }
    return false;
  }

 private:
  uint16_t size_at_(size_t at) const { return static_cast<uint16_t>(this->bytes_[at + 1] | this->bytes_[at + 2] << 8); }
  void remove_(size_t at) {
    const size_t size = HEADER_BYTES + this->size_at_(at);
    copy(ByteView(this->bytes_).first(this->used_).subspan(at + size), ByteSpan(this->bytes_).subspan(at));
    this->used_ = static_cast<uint16_t>(this->used_ - size);
  }

  Bytes<PACKET_QUEUE_BYTES> bytes_{};
  uint16_t used_{0};
};
static_assert(PACKET_QUEUE_BYTES >= PacketQueue::HEADER_BYTES + OVERLAY_MTU && PACKET_QUEUE_BYTES <= UINT16_MAX,
              "a packet of full length fits");

}  // namespace microlink::wireguard
