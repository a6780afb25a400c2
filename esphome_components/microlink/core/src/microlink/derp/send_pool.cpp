// SPDX-License-Identifier: MIT
#include "microlink/derp/send_pool.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace microlink::derp {

size_t SendPool::push(Owner owner, const crypto::PublicKey &destination, ByteView packet) {
  assert(packet.size() <= MAX_PACKET_BYTES);
  const bool is_disco = looks_like_disco(packet);
  const size_t size = FRAME_HEADER_BYTES + destination.size() + packet.size();
  size_t dropped = 0;
  if (!this->make_room_(is_disco, size, dropped))
    return 1;
  Writer out(ByteSpan(this->memory_).subspan(this->offset_of_(this->entries_.size())));
  write_send_packet(out, destination, packet);
  (void) this->entries_.push_back({static_cast<uint16_t>(size), owner, is_disco, false});
  return dropped;
}

/// Drops the oldest of its kind until there is room; drops nothing when that cannot help.
bool SendPool::make_room_(bool is_disco, size_t needed, size_t &dropped) {
  const size_t limit = is_disco ? DISCO_QUEUE_BYTES : DATA_QUEUE_BYTES;
  size_t begun = 0;
  size_t used = 0;
  size_t others = 0;
  for (const Entry &entry : this->entries_) {
    others += entry.is_disco != is_disco || entry.is_begun ? 1 : 0;
    if (entry.is_disco != is_disco)
      continue;
    used += entry.size;
    begun += entry.is_begun ? entry.size : 0;
  }
  if (begun + needed > limit || others == MAX_FRAMES)
    return false;
  for (size_t i = 0; used + needed > limit || this->entries_.full();) {
    const Entry entry = this->entries_[i];
    if (entry.is_disco != is_disco || entry.is_begun) {
      i++;
      continue;
    }
    this->remove_front_(i, entry.size);
    used -= entry.size;
    dropped++;
  }
  return true;
}

size_t SendPool::next_(Owner owner) const {
  size_t disco = NONE;
  size_t data = NONE;
  for (size_t i = this->entries_.size(); i-- != 0;) {
    const Entry &entry = this->entries_[i];
    if (entry.owner != owner)
      continue;
    if (entry.is_begun)
      return i;
    (entry.is_disco ? disco : data) = i;
  }
  return disco != NONE ? disco : data;
}

/// Of one that has not left in part.
crypto::PublicKey SendPool::destination_of_(size_t index) const {
  crypto::PublicKey out;
  copy(ByteView(this->memory_).subspan(this->offset_of_(index) + FRAME_HEADER_BYTES, out.size()), out);
  return out;
}

size_t SendPool::offset_of_(size_t index) const {
  size_t offset = 0;
  for (size_t i = 0; i != index; i++)
    offset += this->entries_[i].size;
  return offset;
}

ByteView SendPool::front(Owner owner) const {
  const size_t index = this->next_(owner);
  if (index == NONE)
    return {};
  return ByteView(this->memory_).subspan(this->offset_of_(index), this->entries_[index].size);
}

bool SendPool::has_disco_(Owner owner) const {
  for (const Entry &entry : this->entries_) {
    if (entry.owner == owner && entry.is_disco && !entry.is_begun)
      return true;
  }
  return false;
}

ByteView SendPool::front(Owner owner, size_t most) const {
  const size_t index = this->next_(owner);
  if (index == NONE)
    return {};
  const Entry &first = this->entries_[index];
  size_t size = first.size;
  const bool data_is_next = !first.is_disco && !this->has_disco_(owner);
  for (size_t i = index + 1; data_is_next && i != this->entries_.size() && this->entries_[i].owner == owner; i++)
    size += this->entries_[i].size;
  return ByteView(this->memory_).subspan(this->offset_of_(index), std::min(size, most));
}

void SendPool::pop(Owner owner, size_t n) {
  while (n != 0) {
    const size_t index = this->next_(owner);
    if (index == NONE)
      return;
    const size_t part = std::min<size_t>(n, this->entries_[index].size);
    this->entries_[index].is_begun = true;
    this->remove_front_(index, part);
    n -= part;
  }
}

void SendPool::remove_front_(size_t index, size_t n) {
  assert(n <= this->entries_[index].size);
  const size_t begin = this->offset_of_(index);
  const size_t end = this->offset_of_(this->entries_.size());
  std::memmove(this->memory_.data() + begin, this->memory_.data() + begin + n, end - begin - n);
  this->entries_[index].size = static_cast<uint16_t>(this->entries_[index].size - n);
  if (this->entries_[index].size == 0)
    this->entries_.remove(index);
}

bool SendPool::is_mid_frame(Owner owner) const {
  const size_t index = this->next_(owner);
  return index != NONE && this->entries_[index].is_begun;
}

size_t SendPool::frames(Owner owner) const {
  size_t n = 0;
  for (const Entry &entry : this->entries_)
    n += entry.owner == owner ? 1 : 0;
  return n;
}

void SendPool::clear(Owner owner) {
  for (size_t i = this->entries_.size(); i-- != 0;) {
    if (this->entries_[i].owner == owner)
      this->remove_front_(i, this->entries_[i].size);
  }
}

}  // namespace microlink::derp
