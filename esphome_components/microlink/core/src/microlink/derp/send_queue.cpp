// SPDX-License-Identifier: MIT
#include "microlink/derp/send_queue.h"

#include <algorithm>
#include <cassert>

namespace microlink::derp {

size_t SendQueue::push(const crypto::PublicKey &destination, ByteView packet) {
  assert(packet.size() <= MAX_PACKET_BYTES);
  const size_t needed = FRAME_HEADER_BYTES + destination.size() + packet.size();
  if (needed > this->memory_.size() - this->left_)
    return 1;
  size_t dropped = 0;
  while (needed > this->memory_.size() - this->used_) {
    this->drop_oldest_();
    dropped++;
  }
  Bytes<FRAME_HEADER_BYTES + crypto::KEY_BYTES> head;
  Writer out(head);
  out.u8(static_cast<uint8_t>(FrameType::SEND_PACKET));
  out.u32be(static_cast<uint32_t>(destination.size() + packet.size())).bytes(destination);
  this->append_(head);
  this->append_(packet);
  this->frames_++;
  return dropped;
}

size_t SendQueue::pop(ByteSpan out) {
  if (this->frames_ == 0 || out.empty())
    return 0;
  if (this->left_ == 0)
    this->left_ = this->frame_bytes_at_(0);
  const size_t n = std::min(this->left_, out.size());
  const size_t front = std::min(n, this->memory_.size() - this->head_);
  copy(this->memory_.subspan(this->head_, front), out);
  copy(this->memory_.first(n - front), out.subspan(front));
  this->head_ = (this->head_ + n) % this->memory_.size();
  this->used_ -= n;
  this->left_ -= n;
  if (this->left_ == 0)
    this->frames_--;
  return n;
}

void SendQueue::clear() { this->head_ = this->used_ = this->left_ = this->frames_ = 0; }

size_t SendQueue::frame_bytes_at_(size_t offset) const {
  size_t size = 0;
  for (size_t i = 1; i != FRAME_HEADER_BYTES; i++)
    size = size << 8 | this->at_(offset + i);
  return FRAME_HEADER_BYTES + size;
}

void SendQueue::drop_oldest_() {
  const size_t size = this->frame_bytes_at_(this->left_);
  // What is left of the frame on its way moves up to the frame that stays behind it.
  for (size_t i = this->left_; i-- != 0;)
    this->memory_[(this->head_ + i + size) % this->memory_.size()] = this->at_(i);
  this->head_ = (this->head_ + size) % this->memory_.size();
  this->used_ -= size;
  this->frames_--;
}

void SendQueue::append_(ByteView bytes) {
  const size_t tail = (this->head_ + this->used_) % this->memory_.size();
  const size_t front = std::min(bytes.size(), this->memory_.size() - tail);
  copy(bytes.first(front), this->memory_.subspan(tail));
  copy(bytes.subspan(front), this->memory_);
  this->used_ += bytes.size();
}

}  // namespace microlink::derp
