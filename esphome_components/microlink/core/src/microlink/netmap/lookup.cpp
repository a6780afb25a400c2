// SPDX-License-Identifier: MIT
// Netmap, third part: finding peers.
#include "microlink/netmap/netmap.h"

namespace microlink::netmap {

std::string_view Netmap::suffix() const {
  const std::string_view own = this->self_.name;
  const size_t dot = own.find('.');
  return dot == std::string_view::npos ? this->suffix_.view() : own.substr(dot + 1);
}

const Peer *Netmap::peer(PeerId id) const {
  if (id.slot >= this->slots_.size())
    return nullptr;
  const Slot &slot = this->slots_[id.slot];
  return slot.used && slot.generation == id.generation ? &slot.peer : nullptr;
}

PeerId Netmap::at(size_t slot) const {
  return slot < this->slots_.size() && this->slots_[slot].used ? this->id_of_(this->slots_[slot]) : PeerId{};
}

size_t Netmap::peer_count() const {
  size_t count = 0;
  for (const Slot &slot : this->slots_)
    count += slot.used ? 1 : 0;
  return count;
}

PeerId Netmap::find(tailcfg::NodeId id) const {
  for (const Slot &slot : this->slots_) {
    if (slot.used && slot.peer.id == id)
      return this->id_of_(slot);
  }
  return {};
}

PeerId Netmap::find_by_key(const NodePublic &key) const {
  for (const Slot &slot : this->slots_) {
    if (slot.used && slot.peer.key == key)
      return this->id_of_(slot);
  }
  return {};
}

PeerId Netmap::find_by_disco(const DiscoPublic &key) const {
  for (const Slot &slot : this->slots_) {
    if (slot.used && slot.peer.disco_key == key)
      return this->id_of_(slot);
  }
  return {};
}

PeerId Netmap::find_by_name(std::string_view name) const {
  for (const Slot &slot : this->slots_) {
    if (slot.used && is_name_of(name, this->name_of_(slot), this->suffix()))
      return this->id_of_(slot);
  }
  return {};
}

PeerId Netmap::find_by_address(const IpAddress &address) const {
  const ByteView raw = address.raw();
  const int all_bits = static_cast<int>(8 * raw.size());
  const Slot *best = nullptr;
  int best_bits = -1;
  for (const Slot &slot : this->slots_) {
    if (!slot.used)
      continue;
    const int bits = slot.peer.prefixes.match(raw, this->accept_routes_);
    if (bits <= best_bits)
      continue;
    best = &slot;
    best_bits = bits;
    if (bits == all_bits)
      break;
  }
  return best == nullptr ? PeerId{} : this->id_of_(*best);
}

bool Netmap::is_overlay_address(const IpAddress &address) const {
  if (std::equal(TAILNET_V6.begin(), TAILNET_V6.end(), address.bytes.begin()))
    return true;
  for (const Prefix &own : this->self_.addresses) {
    // Asked for each datagram: all IPv4 addresses of a tailnet begin like ours, and few others do.
    if (own.address.is_v4() && address.is_v4() && own.address.raw()[0] != address.raw()[0])
      return false;
    if (own.address == address)
      return true;
  }
  const ByteView raw = address.raw();
  return std::any_of(this->slots_.begin(), this->slots_.end(),
                     [raw](const Slot &slot) { return slot.used && slot.peer.prefixes.match(raw, false) >= 0; });
}

Netmap::Slot *Netmap::slot_of_(PeerId id) { return this->peer(id) == nullptr ? nullptr : &this->slots_[id.slot]; }

Netmap::Slot *Netmap::slot_with_(tailcfg::NodeId id) { return this->slot_of_(this->find(id)); }

PeerId Netmap::id_of_(const Slot &slot) const {
  return {static_cast<uint16_t>(&slot - this->slots_.data()), slot.generation};
}

bool Netmap::is_home_of_peer_(uint16_t region) const {
  for (const Slot &slot : this->slots_) {
    if (slot.used && slot.peer.home_derp == region)
      return true;
  }
  return false;
}

}  // namespace microlink::netmap
