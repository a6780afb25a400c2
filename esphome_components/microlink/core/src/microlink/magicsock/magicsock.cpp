// SPDX-License-Identifier: MIT
#include "microlink/magicsock/magicsock.h"

#include <algorithm>
#include <utility>

namespace microlink::magicsock {

namespace {

constexpr Duration FIRST_PING_REPEAT = milliseconds(10);
/// Between two pings of one ping(), however many reasons for another there are.
constexpr Duration PING_SPACING = milliseconds(5);

}  // namespace

Magicsock::Magicsock(Random &random, const PeerKeys &keys) : random_(random), keys_(keys), netcheck_(random) {}

void Magicsock::start(Instant now, const NodePublic &self) {
  this->now_ = now;
  this->self_ = self;
  if (!this->disco_.is_set())
    this->disco_.generate(this->random_);
  this->random_.fill(this->tx_id_key_.writable());
  for (Slot &slot : this->slots_) {
    slot.box.clear();
    slot.box_state = Slot::Box::UNKNOWN;
  }
  this->state_ = this->own_.has_local() ? State::ONLINE : State::OFFLINE;
  this->link_changed(now);
}

void Magicsock::stop() {
  this->state_ = State::STOPPED;
  this->tx_id_key_.clear();
  for (Slot &slot : this->slots_) {
    slot.box.clear();
    slot.box_state = Slot::Box::UNKNOWN;
    slot.path.reset(this->now_);
    slot.tell_path = false;
  }
  this->pongs_.clear();
  this->relays_.clear();
  this->packet_.reset();
  this->ping_result_.reset();
  this->ping_ = {};
  this->update_activity_(this->now_);
  this->rearm_();
}

Error Magicsock::set_peer(Instant now, netmap::PeerId id, const PeerInfo &info) {
  if (id.slot >= MAX_PEERS || !this->keys_.node_key(id.slot).is_set())
    return Error::UNEXPECTED;
  this->now_ = now;
  Slot &slot = this->slots_[id.slot];
  const Endpoint before = slot.path.best().endpoint;
  this->claim_(slot, id.generation);
  const KeyVersions versions = this->keys_.key_versions(id.slot);
  if (slot.is_used && slot.versions.node != versions.node) {
    this->end_ping_(slot);
    slot.path.reset(now);
    slot.heard_via = 0;
  }
  if (!slot.is_used || slot.versions.disco != versions.disco) {
    slot.path.forget(now);
    slot.box.clear();
    slot.box_state = Slot::Box::UNKNOWN;
  }
  slot.is_used = true;
  slot.versions = versions;
  if (slot.allowed && !info.allowed)
    slot.path.reset(now);
  slot.allowed = info.allowed;
  if (slot.home != info.home_region)
    slot.heard_via = 0;  // it has moved: where it was heard is history
  slot.home = info.home_region;
  if (info.endpoints)
    slot.path.set_endpoints(now, *info.endpoints);
  this->hasten_ping_(slot);
  this->note_path_(slot, before);
  this->update_activity_(now);
  this->rearm_();
  return Error::NONE;
}

void Magicsock::set_endpoints(Instant now, netmap::PeerId id, std::span<const Endpoint> endpoints) {
  if (id.slot >= MAX_PEERS)
    return;
  this->now_ = now;
  Slot &slot = this->slots_[id.slot];
  this->claim_(slot, id.generation);
  slot.path.set_endpoints(now, endpoints);
  this->rearm_();
}

/// Another generation is another peer: nothing of the one before stays.
void Magicsock::claim_(Slot &slot, uint16_t generation) {
  if (slot.generation == generation)
    return;
  this->clear_(slot);
  slot.generation = generation;
}

void Magicsock::remove_peer(netmap::PeerId id) {
  Slot *slot = this->slot_of_(id);
  if (slot == nullptr)
    return;
  this->clear_(*slot);
  this->update_activity_(this->now_);
  this->rearm_();
}

/// A ping() of this peer tells that nobody answered.
void Magicsock::end_ping_(const Slot &slot) {
  if (this->ping_.runs() && this->ping_.peer == this->id_of_(slot))
    this->ping_.deadline = this->now_;
}

void Magicsock::clear_(Slot &slot) {
  this->end_ping_(slot);
  slot.path = {};
  slot.box.clear();
  slot.box_state = Slot::Box::UNKNOWN;
  slot.is_used = slot.allowed = slot.tell_path = false;
  slot.home = slot.heard_via = 0;
}

void Magicsock::set_local_endpoints(Instant now, std::span<const Endpoint> endpoints, bool fixed_port) {
  this->now_ = now;
  FixedVector<Endpoint, OwnEndpoints::MAX_LOCAL> before;
  for (const Endpoint &endpoint : this->own_.local())
    (void) before.push_back(endpoint);
  FixedVector<Endpoint, MAX_OWN_ENDPOINTS> underlay;
  for (const Endpoint &endpoint : endpoints) {
    if (!this->keys_.is_overlay_address(endpoint.address))
      (void) underlay.push_back(endpoint);  // more than are announced: ignored
  }
  this->note_endpoints_(this->own_.set_local({underlay.begin(), underlay.size()}, fixed_port));
  if (this->state_ != State::STOPPED)
    this->state_ = this->own_.has_local() ? State::ONLINE : State::OFFLINE;
  this->netcheck_.set_families(now, this->own_.has_ipv4(), this->own_.has_ipv6());
  // Another address beside those that were there voids nothing, unless it is the one that packets leave from now.
  const auto after = this->own_.local();
  bool is_other_network = !after.empty() && (before.empty() || before[0] != after[0]);
  for (const Endpoint &endpoint : before) {
    bool stays = false;
    for (const Endpoint &local : after)
      stays = stays || local == endpoint;
    is_other_network = is_other_network || !stays;
  }
  if (is_other_network)
    this->link_changed(now);
}

void Magicsock::link_changed(Instant now) {
  this->now_ = now;
  this->note_endpoints_(this->own_.forget_reflexive());
  this->refreshed_ = this->refresh_until_ = Instant{INT64_MIN / 2};
  this->pongs_.clear();
  for (Slot &slot : this->slots_) {
    const Endpoint before = slot.path.best().endpoint;
    slot.path.forget(now);
    this->note_path_(slot, before);
  }
  this->netcheck_.link_changed(now);
  this->rearm_();
}

void Magicsock::handle_relay_state(Instant now, uint16_t region, bool connected) {
  this->now_ = now;
  for (size_t i = this->relays_.size(); i-- != 0;) {
    if (this->relays_[i] == region)
      this->relays_.remove_unordered(i);
  }
  if (connected) {
    (void) this->relays_.push_back(region);
    this->netcheck_.handle_relay_heard(now, region);
    if (const Slot *slot = this->slot_of_(this->ping_.peer); slot != nullptr && this->relay_for_(*slot) == region)
      this->hasten_ping_(*slot);
    this->rearm_();
    return;
  }
  for (Slot &slot : this->slots_) {
    if (slot.heard_via == region)
      slot.heard_via = 0;
  }
}

void Magicsock::handle_peer_gone(uint16_t region, const NodePublic &key) {
  if (Slot *slot = this->find_node_(key); slot != nullptr && slot->heard_via == region)
    slot->heard_via = 0;
}

void Magicsock::handle_send_error(Instant now, const Endpoint &endpoint) {
  this->now_ = now;
  for (Slot &slot : this->slots_) {
    if (!slot.path.is_candidate(endpoint))
      continue;
    const Endpoint before = slot.path.best().endpoint;
    slot.path.handle_send_error(now, endpoint);
    this->note_path_(slot, before);
  }
  this->rearm_();
}

void Magicsock::handle_timeout(Instant now) {
  this->now_ = now;
  if (this->state_ == State::STOPPED)
    return;
  this->netcheck_.handle_timeout(now);
  if (now >= this->own_.next_expiry(now))
    this->note_endpoints_(this->own_.expire(now));
  if (now >= this->ping_.deadline) {
    this->ping_result_ = PingResult{.kind = Event::Kind::PING_TIMED_OUT, .peer = this->ping_.peer};
    this->ping_ = {};
  }
  if (Slot *slot = this->slot_of_(this->ping_.peer); slot != nullptr && now >= this->ping_.repeat_at)
    this->send_ping_(now, *slot);
  for (Slot &slot : this->slots_) {
    slot.path.sweep(now);
    if (slot.path.next_timeout(now) > now + HEARTBEAT_SLACK)
      continue;
    const Endpoint before = slot.path.best().endpoint;
    slot.path.handle_timeout(now);
    this->note_path_(slot, before);
  }
  this->update_activity_(now);
  this->rearm_();
}

Route Magicsock::route(Instant now, netmap::PeerId id) const {
  const Slot *slot = this->slot_of_(id);
  if (slot == nullptr || !slot->allowed || this->state_ == State::STOPPED)
    return {};
  Route route;
  if (const Path best = slot->path.best(); best.is_set() && this->can_reach_(best.endpoint))
    route.direct = best.endpoint;
  if (!route.direct.is_set() || !slot->path.is_trusted(now))
    route.region = this->relay_for_(*slot);
  return route;
}

void Magicsock::probe(Instant now, netmap::PeerId id, const Endpoint &from) {
  this->now_ = now;
  if (Slot *slot = this->slot_of_(id); slot != nullptr && slot->allowed && this->state_ != State::STOPPED)
    slot->path.probe(now, from);
  this->rearm_();
}

bool Magicsock::is_trusted(Instant now, netmap::PeerId id, const Endpoint &from) const {
  const Slot *slot = this->slot_of_(id);
  return slot != nullptr && slot->path.is_trusted(now) && slot->path.best().endpoint == from;
}

void Magicsock::note_sent(Instant now, netmap::PeerId id) {
  this->now_ = now;
  Slot *slot = this->slot_of_(id);
  if (slot == nullptr || !slot->allowed || this->state_ == State::STOPPED)
    return;
  if (slot->path.is_active()) {
    slot->path.note_sent(now);
    return;
  }
  const Endpoint before = slot->path.best().endpoint;
  slot->path.note_sent(now);
  this->note_path_(*slot, before);
  this->update_activity_(now);
  this->rearm_();
}

Error Magicsock::ping(Instant now, netmap::PeerId id) {
  this->now_ = now;
  Slot *slot = this->slot_of_(id);
  if (slot == nullptr || !slot->allowed || this->state_ == State::STOPPED || !this->ensure_box_(*slot))
    return Error::UNKNOWN_PEER;
  if (this->ping_.runs() && this->ping_.peer == id) {
    this->hasten_ping_(*slot);
  } else if (this->ping_.runs() || this->ping_result_) {
    return Error::NOT_READY;
  } else {
    this->ping_ = {.peer = id, .started = now, .deadline = now + PING_TIMEOUT};
    this->send_ping_(now, *slot);
  }
  this->rearm_();
  return Error::NONE;
}

void Magicsock::send_ping_(Instant now, Slot &slot) {
  this->ping_.region = this->relay_for_(slot);
  this->ping_.relay_due = this->ping_.region != 0;
  this->ping_.sent = now;
  this->ping_.repeat_at = now + std::max(FIRST_PING_REPEAT, now - this->ping_.started);
  slot.path.ping_all(now);
}

/// A ping() that runs for this peer may get through now, or the peer may know our key now.
void Magicsock::hasten_ping_(const Slot &slot) {
  if (this->ping_.runs() && this->ping_.peer == this->id_of_(slot))
    this->ping_.repeat_at = earlier(this->ping_.repeat_at, this->ping_.sent + PING_SPACING);
}

PathState Magicsock::path_state(netmap::PeerId id) const {
  const Slot *slot = this->slot_of_(id);
  return slot == nullptr ? PathState::IDLE : slot->path.state();
}

Path Magicsock::best_path(netmap::PeerId id) const {
  const Slot *slot = this->slot_of_(id);
  return slot == nullptr ? Path{} : slot->path.best();
}

std::optional<Magicsock::Event> Magicsock::poll_event() {
  if (this->packet_) {
    const Packet packet = *std::exchange(this->packet_, std::nullopt);
    return Event{.kind = Event::Kind::PACKET, .peer = packet.peer, .packet = packet.bytes, .from = packet.from};
  }
  while (const auto event = this->netcheck_.poll_event()) {
    if (const auto translated = this->translate_(*event))
      return translated;
  }
  if (this->tell_endpoints_) {
    this->tell_endpoints_ = false;
    return Event{.kind = Event::Kind::ENDPOINTS_CHANGED};
  }
  if (this->ping_result_) {
    const PingResult result = *std::exchange(this->ping_result_, std::nullopt);
    return Event{.kind = result.kind,
                 .peer = result.peer,
                 .endpoint = result.endpoint,
                 .region = result.region,
                 .latency = microseconds(result.latency_us)};
  }
  if (!this->events_wait_)
    return std::nullopt;
  for (Slot &slot : this->slots_) {
    if (!slot.tell_path)
      continue;
    slot.tell_path = false;
    return Event{.kind = Event::Kind::PATH_CHANGED, .peer = this->id_of_(slot), .endpoint = slot.path.best().endpoint};
  }
  this->events_wait_ = false;
  return std::nullopt;
}

std::optional<Magicsock::Event> Magicsock::translate_(const netcheck::Event &event) {
  using Kind = netcheck::Event::Kind;
  switch (event.kind) {
    case Kind::RESOLVE:
      return Event{.kind = Event::Kind::RESOLVE, .host = event.host};
    case Kind::HOME_CHOSEN:
      return Event{.kind = Event::Kind::HOME_CHOSEN, .region = event.region};
    case Kind::NAT:
      this->note_endpoints_(this->own_.set_nat(event.nat));
      return Event{.kind = Event::Kind::NAT_CHANGED, .nat = event.nat};
    case Kind::REFLEXIVE:
      this->refreshed_ = this->now_;
      this->note_endpoints_(this->own_.note_reflexive(this->now_, event.endpoint));
      this->rearm_();
      return std::nullopt;
    case Kind::REPORT_DONE:
      return Event{.kind = Event::Kind::REPORT_DONE};
  }
  return std::nullopt;
}

Instant Magicsock::next_timeout() const {
  return this->state_ == State::STOPPED ? Instant::NEVER : earlier(this->wake_, this->netcheck_.next_timeout());
}

void Magicsock::rearm_() {
  this->wake_ = earlier(earlier(this->ping_.deadline, this->ping_.repeat_at), this->own_.next_expiry(this->now_));
  for (const Slot &slot : this->slots_)
    this->wake_ = earlier(this->wake_, this->due_(slot));
}

Instant Magicsock::due_(const Slot &slot) const {
  Instant call = slot.path.call_due(this->now_);
  // One that waits for STUN is not due before STUN had its time.
  if (call != Instant::NEVER && this->refresh_until_ > this->now_ && !this->is_fresh_(this->now_))
    call = std::max(call, this->refresh_until_);
  return earlier(slot.path.next_timeout(this->now_), call);
}

Magicsock::Slot *Magicsock::slot_of_(netmap::PeerId id) {
  return const_cast<Slot *>(static_cast<const Magicsock *>(this)->slot_of_(id));
}

const Magicsock::Slot *Magicsock::slot_of_(netmap::PeerId id) const {
  if (id.slot >= MAX_PEERS)
    return nullptr;
  const Slot &slot = this->slots_[id.slot];
  return slot.is_used && slot.generation == id.generation ? &slot : nullptr;
}

netmap::PeerId Magicsock::id_of_(const Slot &slot) const {
  return {static_cast<uint16_t>(&slot - this->slots_.data()), slot.generation};
}

/// Null when it is another one than set_peer() saw, here and below.
const NodePublic *Magicsock::node_key_(const Slot &slot) const {
  const size_t index = this->id_of_(slot).slot;
  const bool holds = slot.is_used && slot.versions.node == this->keys_.key_versions(index).node;
  return holds ? &this->keys_.node_key(index) : nullptr;
}

const DiscoPublic *Magicsock::disco_key_(const Slot &slot) const {
  const size_t index = this->id_of_(slot).slot;
  const bool holds = slot.is_used && slot.versions == this->keys_.key_versions(index);
  return holds ? &this->keys_.disco_key(index) : nullptr;
}

/// The connection to the peer's home if there is one, else where it was heard, else its home all the same (03 §3).
uint16_t Magicsock::relay_for_(const Slot &slot) const {
  if (slot.home != 0 && this->relays_.contains(slot.home))
    return slot.home;
  return slot.heard_via != 0 ? slot.heard_via : slot.home;
}

bool Magicsock::can_reach_(const Endpoint &endpoint) const {
  return this->state_ == State::ONLINE && (endpoint.address.is_v4() ? this->own_.has_ipv4() : this->own_.has_ipv6());
}

void Magicsock::note_path_(Slot &slot, const Endpoint &before) {
  if (slot.path.best().endpoint == before)
    return;
  slot.tell_path = true;
  this->events_wait_ = true;
}

/// Peers that seek a path shall know the new ones.
void Magicsock::note_endpoints_(bool changed) {
  if (!changed)
    return;
  this->tell_endpoints_ = true;
  for (Slot &slot : this->slots_)
    slot.path.want_call();
}

void Magicsock::update_activity_(Instant now) {
  bool active = false;
  for (const Slot &slot : this->slots_)
    active = active || slot.path.is_active();
  if (active == this->active_)
    return;
  this->active_ = active;
  this->netcheck_.set_active(now, active);
}

}  // namespace microlink::magicsock
