// SPDX-License-Identifier: MIT
#include "microlink/netmap/netmap.h"

#include <utility>

namespace microlink::netmap {

namespace {

/// Whether a session with the node may become possible (02 §4, "which peers to configure"). The disco key of a node
/// that has just registered comes as a patch a moment later. WireGuard-only nodes are exit nodes, which this node does
/// not use.
bool is_usable(const tailcfg::Node &node) { return node.key.is_set() && !node.expired && !node.is_wireguard_only; }

/// Everything that PEER_CHANGED is about, but the name.
bool differs(const Peer &a, const Peer &b) {
  return a.id != b.id || !(a.prefixes == b.prefixes) || a.key_expiry != b.key_expiry || a.home_derp != b.home_derp ||
         a.cap != b.cap || a.online != b.online || a.is_jailed != b.is_jailed || a.allowed != b.allowed ||
         a.expired != b.expired;
}

}  // namespace

void Netmap::message_begin() {
  for (Slot &slot : this->slots_)
    slot.touched = slot.online_patched = false;
}

/// A full map counts as applied when its message is complete: what else stands in it belongs to it, the rules above
/// all.
void Netmap::message_end([[maybe_unused]] bool keep_alive) {
  if (std::exchange(this->full_map_waits_, false))
    this->emit_(Event::Kind::FULL_MAP_APPLIED, nullptr);
}

void Netmap::aborted() {
  this->in_full_map_ = false;
  if (this->regions_.abort())
    this->emit_(Event::Kind::DERP_MAP_CHANGED, nullptr);
}

void Netmap::self_node(const tailcfg::Node &node) {
  Self self;
  self.id = node.id;
  self.key = node.key;
  self.name = node.name;
  self.addresses = node.addresses;
  self.key_expiry = node.key_expiry;
  self.expired = node.expired;
  self.machine_authorized = node.machine_authorized;
  if (self == this->self_)
    return;
  const bool renamed = !(self.name == this->self_.name);
  const bool was_expired = this->is_self_expired();
  this->self_ = self;
  if (renamed || was_expired != this->is_self_expired())
    this->judge_all_again_();  // short names count in the own tailnet
  this->emit_(Event::Kind::SELF_CHANGED, nullptr);
}

void Netmap::peers_begin() {
  this->in_full_map_ = true;
  this->full_is_sorted_ = true;
  this->last_full_id_ = 0;
  this->full_count_ = 0;
  this->refused_ = false;
  this->wants_.begin_map();
  for (Slot &slot : this->slots_)
    slot.seen = false;
}

void Netmap::peer(const tailcfg::Node &node) {
  if (this->in_full_map_) {
    this->full_count_++;
    this->full_is_sorted_ &= node.id > this->last_full_id_;
    this->last_full_id_ = node.id;
  }
  Slot *slot = this->slot_with_(node.id);
  if (slot == nullptr)
    slot = this->slot_of_(this->find_by_key(node.key));  // the same device, registered anew
  if (slot != nullptr && is_usable(node)) {
    this->update_(*slot, node);
    return;
  }
  const bool table_was_complete = this->peers_in_tailnet_ == this->peer_count();
  if (slot != nullptr)
    this->release_(*slot);
  else if (!this->in_full_map_ && table_was_complete)
    this->peers_in_tailnet_++;
  if (is_usable(node))
    this->admit_(node);
}

void Netmap::peers_end() {
  if (!this->in_full_map_)
    return;
  this->in_full_map_ = false;
  this->had_full_map_ = true;
  this->tags_unknown_ = false;
  this->peers_in_tailnet_ = this->full_count_;
  for (Slot &slot : this->slots_) {
    slot.idle_s = 0;
    if (slot.used && !slot.seen)
      this->release_(slot);
  }
  this->full_map_waits_ = true;
}

void Netmap::peer_removed(tailcfg::NodeId id) {
  Slot *const slot = this->slot_with_(id);
  if (slot != nullptr && slot->touched)
    return;  // PeersRemoved counts before PeersChanged, which came first in the text
  if (this->peers_in_tailnet_ != 0)
    this->peers_in_tailnet_--;
  if (slot != nullptr)
    this->release_(*slot);
}

void Netmap::peer_patched(const tailcfg::PeerChange &change) {
  Slot *const slot = this->slot_with_(change.id);
  if (slot == nullptr)
    return;
  const Peer before = slot->peer;
  Peer &peer = slot->peer;
  if (change.home_derp)
    peer.home_derp = *change.home_derp;
  if (change.cap)
    peer.cap = *change.cap;
  if (change.key)
    peer.key = *change.key;
  if (change.disco_key)
    peer.disco_key = *change.disco_key;
  if (change.key_expiry)
    peer.key_expiry = *change.key_expiry;
  if (change.online) {
    peer.online = change.online;
    slot->online_patched = true;
  }
  if (!peer.key.is_set()) {
    peer.key = before.key;
    peer.disco_key = before.disco_key;
    this->release_(*slot);
    return;
  }
  const tailcfg::NodeName name = this->name_of_(*slot);
  this->judge_(*slot, this->subject_of_(peer, name));  // by its new key, which may be over
  this->refresh_claim_(*slot);
  this->release_twins_(*slot);
  this->emit_peer_change_(*slot, before);
}

void Netmap::peer_online(tailcfg::NodeId id, bool online) {
  Slot *const slot = this->slot_with_(id);
  if (slot == nullptr || slot->online_patched)
    return;  // OnlineChange counts before PeersChangedPatch
  const Peer before = slot->peer;
  slot->peer.online = online;
  this->refresh_claim_(*slot);
  this->emit_peer_change_(*slot, before);
}

void Netmap::derp_region(const tailcfg::DerpRegion &region) {
  this->regions_.add(region, this->is_home_of_peer_(region.id));
}

void Netmap::derp_regions_end() {
  if (this->regions_.end())
    this->emit_(Event::Kind::DERP_MAP_CHANGED, nullptr);
}

void Netmap::dns_config(bool magic_dns, std::string_view suffix) {
  this->magic_dns_ = magic_dns;
  if (this->suffix_ == suffix)
    return;
  this->suffix_.assign(suffix);
  this->judge_all_again_();
}

void Netmap::clear() {
  for (Slot &slot : this->slots_) {
    if (slot.used)
      this->release_(slot);
  }
  if (this->has_self()) {
    this->self_ = {};
    this->emit_(Event::Kind::SELF_CHANGED, nullptr);
  }
  if (!this->regions_.all().empty())
    this->emit_(Event::Kind::DERP_MAP_CHANGED, nullptr);
  this->regions_.clear();
  this->suffix_.clear();
  this->magic_dns_ = false;
  this->in_full_map_ = false;
  this->had_full_map_ = this->full_map_waits_ = false;
  this->refused_ = false;
  this->peers_in_tailnet_ = 0;
}

std::optional<Event> Netmap::poll_event() {
  const auto event = this->events_.pop();
  if (!event)
    return event;
  if (event->kind == Event::Kind::RESYNC) {
    for (Slot &slot : this->slots_)
      slot.told = slot.used;
  } else if (Slot *const slot = this->slot_of_(event->peer); slot != nullptr) {
    slot->told = true;
  }
  return event;
}

void Netmap::emit_(Event::Kind kind, const Slot *slot) {
  this->emit_({kind, slot == nullptr ? PeerId{} : this->id_of_(*slot)});
}

void Netmap::emit_(const Event &event) {
  if (event.kind == Event::Kind::PEER_CHANGED) {
    for (size_t i = 0; i != this->events_.size(); i++) {
      if (this->events_[i].kind == event.kind && this->events_[i].peer == event.peer)
        return;
    }
  }
  if (this->events_.push(event))
    return;
  this->events_.clear();
  (void) this->events_.push({Event::Kind::RESYNC, {}});
}

void Netmap::emit_peer_change_(Slot &slot, const Peer &before, bool renamed) {
  const PeerId id = this->id_of_(slot);
  if (slot.peer.key != before.key)
    slot.versions.node++;
  if (slot.peer.disco_key != before.disco_key)
    slot.versions.disco++;
  if (slot.peer.key != before.key)
    this->emit_({Event::Kind::PEER_KEY_CHANGED, id});
  else if (slot.peer.disco_key != before.disco_key)
    this->emit_({Event::Kind::PEER_RESTARTED, id});
  else if (renamed || differs(slot.peer, before))
    this->emit_(Event::Kind::PEER_CHANGED, &slot);
}

}  // namespace microlink::netmap
