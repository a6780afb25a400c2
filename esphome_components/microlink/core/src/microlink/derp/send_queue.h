// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/capacity.h"
#include "microlink/derp/frames.h"

namespace microlink::derp {

constexpr size_t DATA_QUEUE_BYTES = DERP_DATA_QUEUE_BYTES;
constexpr size_t DISCO_QUEUE_BYTES = DERP_DISCO_QUEUE_BYTES;
static_assert(DATA_QUEUE_BYTES >= MAX_SEND_FRAME_BYTES, "one packet must fit");

/// Ring of SEND_PACKET frames over the owner's memory. What leaves it is a byte stream; a frame of which a part has
/// left is never dropped, so that the stream stays in step.
class SendQueue {
 public:
  explicit SendQueue(ByteSpan memory) : memory_(memory) {}

  /// Queue a packet and return how many older ones had to go. The packet has at most MAX_PACKET_BYTES. When even that
  /// makes no room (the frame on its way is in the way), the packet itself is the one that goes.
  size_t push(const crypto::PublicKey &destination, ByteView packet);
  /// Move up to out.size() bytes to `out`; at most to the end of the oldest frame. How many.
  size_t pop(ByteSpan out);
  bool empty() const { return this->frames_ == 0; }
  /// A frame has left in part.
  bool is_mid_frame() const { return this->left_ != 0; }
  size_t frames() const { return this->frames_; }
  void clear();

 private:
  // A frame's own header says how long it is, so the ring needs no other bookkeeping.
  size_t frame_bytes_at_(size_t offset) const;
  void drop_oldest_();
  void append_(ByteView bytes);
  uint8_t at_(size_t offset) const { return this->memory_[(this->head_ + offset) % this->memory_.size()]; }

  ByteSpan memory_;
  size_t head_{0};    // the first byte that has not left
  size_t used_{0};    // bytes from head_
  size_t left_{0};    // bytes of the frame on its way that have not left; 0 between frames
  size_t frames_{0};  // the one on its way included
};

}  // namespace microlink::derp
