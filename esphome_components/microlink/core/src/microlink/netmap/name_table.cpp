// SPDX-License-Identifier: MIT
#include "microlink/netmap/name_table.h"

#include <algorithm>
#include <cstring>

namespace microlink::netmap {

bool NameTable::set(size_t slot, std::string_view name) {
  const tailcfg::NodeName before = this->get(slot);
  if (before == name)
    return false;
  this->replace_(this->offset_of_(slot), this->own_size_(slot), {});
  this->sizes_[slot] = 0;
  if (name.empty())
    return true;
  const std::string_view tail = name.substr(std::min(name.find('.'), name.size()));
  if (!this->is_tail_used_() && tail.size() <= this->room_() + this->tail_size_) {
    this->replace_(0, this->tail_size_, tail);
    this->tail_size_ = static_cast<uint8_t>(tail.size());
  }
  const bool has_tail = !tail.empty() && tail == this->tail_();
  const std::string_view own = has_tail ? name.substr(0, name.size() - tail.size()) : name;
  const size_t at = this->offset_of_(slot);
  if (own.size() <= this->room_()) {
    this->replace_(at, 0, own);
    this->sizes_[slot] = static_cast<uint8_t>(own.size() | (has_tail ? HAS_TAIL : 0));
  } else if (const size_t room = this->room_(); room != 0) {
    this->replace_(at, 0, "~");
    this->replace_(at, 0, own.substr(0, room - 1));
    this->sizes_[slot] = static_cast<uint8_t>(room);
  }
  return !(this->get(slot) == before);
}

tailcfg::NodeName NameTable::get(size_t slot) const {
  tailcfg::NodeName out(as_text(ByteView(this->bytes_).subspan(this->offset_of_(slot), this->own_size_(slot))));
  if ((this->sizes_[slot] & HAS_TAIL) != 0)
    out.append(this->tail_());
  return out;
}

size_t NameTable::offset_of_(size_t slot) const {
  size_t at = this->tail_size_;
  for (size_t i = 0; i != slot; i++)
    at += this->own_size_(i);
  return at;
}

bool NameTable::is_tail_used_() const {
  return std::any_of(this->sizes_.begin(), this->sizes_.end(), [](uint8_t size) { return (size & HAS_TAIL) != 0; });
}

/// The caller has seen that there is room.
void NameTable::replace_(size_t at, size_t size, std::string_view with) {
  std::memmove(this->bytes_.data() + at + with.size(), this->bytes_.data() + at + size, this->used_ - at - size);
  std::copy(with.begin(), with.end(), this->bytes_.begin() + static_cast<ptrdiff_t>(at));
  this->used_ = static_cast<uint16_t>(this->used_ - size + with.size());
}

}  // namespace microlink::netmap
