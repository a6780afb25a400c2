// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/capacity.h"
#include "microlink/derp/frames.h"

namespace microlink::derp {

constexpr size_t DATA_QUEUE_BYTES = DERP_DATA_QUEUE_BYTES;
constexpr size_t DISCO_QUEUE_BYTES = DERP_DISCO_QUEUE_BYTES;
static_assert(DATA_QUEUE_BYTES >= MAX_SEND_FRAME_BYTES, "one packet must fit");

/// The SEND_PACKET frames that wait, of all relay connections together, oldest first. DISCO and data have their own
/// room. What leaves is a byte stream for each connection; a frame of which a part has left is never dropped, so that
/// the stream stays in step.
///
/// Frames lie one behind the other without gaps: taking one out moves what follows it, at most some 3 KiB, which is
/// little beside the TLS record that it left in.
class SendPool {
 public:
  /// Names a connection.
  using Owner = uint8_t;
  static constexpr size_t MAX_FRAMES = 32;

  /// Queue a packet and return how many older ones of its kind had to go, whoever's they were. The packet has at most
  /// MAX_PACKET_BYTES. When even that makes no room (frames on their way are in the way), the packet itself is the one
  /// that goes.
  size_t push(Owner owner, const crypto::PublicKey &destination, ByteView packet);
  /// What leaves next: the rest of the frame on its way, else the oldest DISCO frame, else the oldest data frame. Empty
  /// if nothing waits. Valid until the next call that is not const.
  ByteView front(Owner owner) const;
  /// The same, and what would leave behind it if it lies behind it: at most `most` bytes.
  ByteView front(Owner owner, size_t most) const;
  /// The first `n` bytes of front() have left.
  void pop(Owner owner, size_t n);
  /// A frame has left in part.
  bool is_mid_frame(Owner owner) const;
  /// The one on its way included.
  size_t frames(Owner owner) const;
  void clear(Owner owner);
  /// Drop what waits for destinations for which `stays` is false, on all connections, but for frames of which a part
  /// has left; how many went.
  template<typename Stays> size_t keep_only(const Stays &stays) {
    size_t dropped = 0;
    for (size_t i = this->entries_.size(); i-- != 0;) {
      if (this->entries_[i].is_begun || stays(this->destination_of_(i)))
        continue;
      this->remove_front_(i, this->entries_[i].size);
      dropped++;
    }
    return dropped;
  }

 private:
  struct Entry {
    uint16_t size;  ///< what has not left
    Owner owner;
    bool is_disco : 1;
    bool is_begun : 1;
  };
  static_assert(sizeof(Entry) == 4);
  static constexpr size_t NONE = MAX_FRAMES;

  size_t next_(Owner owner) const;
  bool has_disco_(Owner owner) const;
  size_t offset_of_(size_t index) const;
  crypto::PublicKey destination_of_(size_t index) const;
  void remove_front_(size_t index, size_t n);
  bool make_room_(bool is_disco, size_t needed, size_t &dropped);

  FixedVector<Entry, MAX_FRAMES> entries_;
  Bytes<DATA_QUEUE_BYTES + DISCO_QUEUE_BYTES> memory_;
};

}  // namespace microlink::derp
