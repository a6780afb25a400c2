// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::netmap {

/// The names of the peers in the table, packed: one behind the other in the order of their slots, without gaps. What
/// short names leave, long ones have. The end that names of one tailnet share, from the first dot on, is kept once.
///
///   bytes   tail ‖ name of slot 0 ‖ name of slot 1 ‖ …     without the tail where it ends with it
///
/// Setting a name moves what follows it: at most NAME_TABLE_BYTES.
class NameTable {
 public:
  /// Whether the name is another one now. Full: what finds no room is cut and ends in "~", so that nobody is found by
  /// it; without any room it is empty.
  bool set(size_t slot, std::string_view name);
  tailcfg::NodeName get(size_t slot) const;

 private:
  static constexpr uint8_t HAS_TAIL = 0x80;
  static_assert(MAX_NODE_NAME_BYTES < HAS_TAIL && NAME_TABLE_BYTES > MAX_NODE_NAME_BYTES);

  size_t own_size_(size_t slot) const { return this->sizes_[slot] & ~HAS_TAIL; }
  size_t offset_of_(size_t slot) const;
  bool is_tail_used_() const;
  size_t room_() const { return this->bytes_.size() - this->used_; }
  std::string_view tail_() const { return as_text(ByteView(this->bytes_).first(this->tail_size_)); }
  void replace_(size_t at, size_t size, std::string_view with);

  std::array<uint8_t, MAX_PEERS> sizes_{};  ///< in bytes_, and HAS_TAIL
  uint8_t tail_size_{0};
  uint16_t used_{0};
  Bytes<NAME_TABLE_BYTES> bytes_{};
};

}  // namespace microlink::netmap
