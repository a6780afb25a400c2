// SPDX-License-Identifier: MIT
// Netmap, second part: who gets a slot of the table, and why (architecture D13).
#include "microlink/netmap/netmap.h"

#include <algorithm>

namespace microlink::netmap {

namespace {

/// Claims leave a place below each for those that yield to it.
constexpr unsigned rank_of(Claim claim) { return 2 + 2 * static_cast<unsigned>(claim); }
constexpr unsigned RANK_WANTED = rank_of(Claim::WANTED);

}  // namespace

Subject Netmap::subject_of_(const tailcfg::Node &node) const {
  return {node.name,
          this->suffix(),
          node.key,
          node.addresses,
          this->accept_routes_ ? node.allowed_ips : tailcfg::AllowedIps{},
          {node.tags.begin(), node.tags.size()}};
}

/// `name` must live as long as what is returned.
Subject Netmap::subject_of_(const Peer &peer, std::string_view name) const {
  return {name,
          this->suffix(),
          peer.key,
          peer.prefixes.own(),
          this->accept_routes_ ? peer.prefixes.allowed() : tailcfg::AllowedIps{},
          {}};
}

void Netmap::admit_(const tailcfg::Node &node) {
  Slot candidate;
  this->fill_(candidate, node);
  candidate.wanted = candidate.peer.allowed && this->wants_.selects(this->subject_of_(node));
  this->refresh_claim_(candidate);
  Slot *const slot = this->room_for_(rank_(candidate), node.id);
  if (slot == nullptr) {
    this->refused_ |= candidate.peer.allowed;
    if (candidate.wanted)
      this->wants_.note_no_room(this->subject_of_(node));
    return;
  }
  if (candidate.wanted)
    this->wants_.take(this->subject_of_(node));
  candidate.seen = candidate.touched = true;
  this->fill_slot_(*slot, candidate, node.name);
}

/// A newcomer takes an empty slot.
void Netmap::fill_slot_(Slot &slot, const Slot &with, std::string_view name) {
  const uint16_t generation = slot.generation;
  const KeyVersions versions = slot.versions;
  slot = with;
  slot.used = true;
  slot.generation = static_cast<uint16_t>(generation + 1);
  slot.versions = {static_cast<uint16_t>(versions.node + 1), static_cast<uint16_t>(versions.disco + 1)};
  (void) this->names_.set(this->id_of_(slot).slot, name);
  this->emit_(Event::Kind::PEER_ADDED, &slot);
}

/// A slot that is empty or was made so for a newcomer of this rank; null if nobody yields.
Netmap::Slot *Netmap::room_for_(unsigned rank, tailcfg::NodeId id) {
  for (Slot &slot : this->slots_) {
    if (!slot.used)
      return &slot;
  }
  Slot *weakest = &this->slots_.front();
  for (Slot &slot : this->slots_) {
    // Full maps are sorted by id: who should have come before this one has gone, and the sweep would say so later.
    const bool has_gone = this->in_full_map_ && this->full_is_sorted_ && !slot.seen && slot.peer.id < id;
    if (has_gone && !slot.live && !slot.pinned) {
      this->release_(slot);
      return &slot;
    }
    if (rank_(slot) < rank_(*weakest) || (rank_(slot) == rank_(*weakest) && slot.idle_s > weakest->idle_s))
      weakest = &slot;
  }
  if (rank_(*weakest) >= rank)
    return nullptr;
  this->refused_ = true;  // who yields passes by again only with the next full map
  this->release_(*weakest);
  return weakest;
}

/// Peers that may not talk with this node come last, whatever else speaks for them.
unsigned Netmap::rank_(const Slot &slot) {
  if (!slot.peer.allowed)
    return 0;
  const bool yields = slot.peer.claim == Claim::WANTED || slot.peer.claim == Claim::LIVE;
  return yields && seconds(slot.idle_s) >= IDLE_YIELDS ? RANK_WANTED - 1 : rank_of(slot.peer.claim);
}

void Netmap::fill_(Slot &slot, const tailcfg::Node &node) {
  const Subject subject = this->subject_of_(node);
  Peer &peer = slot.peer;
  peer.id = node.id;
  peer.key = node.key;
  peer.disco_key = node.disco_key;
  peer.prefixes.set(node.addresses, node.allowed_ips);
  peer.key_expiry = node.key_expiry;
  peer.home_derp = node.home_derp;
  peer.cap = node.cap;
  peer.online = node.online;
  peer.is_jailed = node.is_jailed;
  peer.from_cache = false;
  slot.no_access = node.unsigned_peerapi_only;
  slot.tags = this->allowlist_.match({node.tags.begin(), node.tags.size()});
  this->judge_(slot, subject);
  slot.pinned = any_selects(this->pinned_, subject);
  this->refresh_claim_(slot);
}

void Netmap::update_(Slot &slot, const tailcfg::Node &node) {
  const Peer before = slot.peer;
  this->fill_(slot, node);
  slot.seen = slot.touched = true;
  slot.online_patched = false;
  if (this->wants_.take(this->subject_of_(node)))
    slot.wanted = true;
  this->refresh_claim_(slot);
  this->release_twins_(slot);
  this->emit_peer_change_(slot, before, this->names_.set(this->id_of_(slot).slot, node.name));
}

void Netmap::release_(Slot &slot) {
  this->emit_(Event::Kind::PEER_REMOVED, &slot);
  if (slot.told)
    this->gone_.push_dropping_oldest(slot.peer.key);
  (void) this->names_.set(this->id_of_(slot).slot, {});
  const uint16_t generation = slot.generation;
  const KeyVersions versions = slot.versions;
  slot = Slot{};
  slot.generation = static_cast<uint16_t>(generation + 1);
  slot.versions = {static_cast<uint16_t>(versions.node + 1), static_cast<uint16_t>(versions.disco + 1)};
}

/// A node key belongs to one peer: who else had it is out of date.
void Netmap::release_twins_(const Slot &slot) {
  for (Slot &other : this->slots_) {
    if (other.used && &other != &slot && other.peer.key == slot.peer.key)
      this->release_(other);
  }
}

void Netmap::refresh_claim_(Slot &slot) {
  Peer &peer = slot.peer;
  if (!peer.allowed)
    peer.claim = Claim::NONE;
  else if (slot.pinned)
    peer.claim = Claim::PINNED;
  else if (slot.live)
    peer.claim = Claim::LIVE;
  else if (slot.wanted)
    peer.claim = Claim::WANTED;
  else if (slot.was_cached)
    peer.claim = Claim::CACHED;
  else
    peer.claim = peer.online.value_or(false) ? Claim::ONLINE : Claim::NONE;
}

void Netmap::judge_(Slot &slot, const Subject &subject) const {
  slot.peer.expired = this->is_over_(slot.peer.key_expiry);
  slot.peer.allowed =
      !slot.no_access && !slot.peer.expired && !this->is_self_expired() && this->allowlist_.admits(subject, slot.tags);
}

/// After the allowlist, the own tailnet's name or the time changed. Tags are not kept: whom one of them pins stays so.
void Netmap::judge_again_(Slot &slot) {
  const Peer before = slot.peer;
  const tailcfg::NodeName name = this->name_of_(slot);
  const Subject subject = this->subject_of_(slot.peer, name);
  slot.pinned = slot.pinned || any_selects(this->pinned_, subject);
  this->judge_(slot, subject);
  this->refresh_claim_(slot);
  this->emit_peer_change_(slot, before);
}

void Netmap::judge_all_again_() {
  for (Slot &slot : this->slots_) {
    if (slot.used)
      this->judge_again_(slot);
  }
}

void Netmap::set_allowlist(const Allowlist &list) {
  const bool has_tags = list.has_new_tag(Allowlist::nobody());
  this->tags_unknown_ = has_tags && (this->tags_unknown_ || list.has_new_tag(this->allowlist_));
  // Why a cached peer was let in is not known.
  for (Slot &slot : this->slots_)
    slot.tags = slot.peer.from_cache ? Allowlist::Tags{0} : list.carry(this->allowlist_, slot.tags);
  this->allowlist_ = list;
  this->judge_all_again_();
}

void Netmap::set_live(PeerId id, bool live) {
  Slot *const slot = this->slot_of_(id);
  if (slot == nullptr)
    return;
  slot->live = live;
  slot->wanted = false;
  this->refresh_claim_(*slot);
}

void Netmap::want(const Want &want) {
  for (Slot &slot : this->slots_) {
    const tailcfg::NodeName name = this->name_of_(slot);
    if (!slot.used || !want.selects(this->subject_of_(slot.peer, name)))
      continue;
    slot.wanted = !slot.live;
    this->refresh_claim_(slot);
    return;
  }
  this->wants_.add(want);
}

void Netmap::set_idle(PeerId id, Duration idle) {
  if (Slot *const slot = this->slot_of_(id); slot != nullptr)
    slot->idle_s = static_cast<uint16_t>(std::clamp<int64_t>(to_milliseconds(idle) / 1000, 0, UINT16_MAX));
}

bool Netmap::has_room_for_wanted() const {
  return std::any_of(this->slots_.begin(), this->slots_.end(),
                     [](const Slot &slot) { return !slot.used || rank_(slot) < RANK_WANTED; });
}

bool Netmap::needs_full_map() const {
  if (!this->had_full_map_)
    return false;
  if (this->tags_unknown_ || (this->refused_ && this->peer_count() < MAX_PEERS))
    return true;
  if (this->regions_.count_in_map() <= this->regions_.all().size())
    return false;
  for (const Slot &slot : this->slots_) {
    const bool has_home = slot.used && slot.peer.allowed && slot.peer.home_derp != 0;
    if (has_home && this->regions_.find(slot.peer.home_derp) == nullptr)
      return true;
  }
  return false;
}

}  // namespace microlink::netmap
