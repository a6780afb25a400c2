// SPDX-License-Identifier: MIT
#include "microlink/wireguard/tunnel.h"

#include <algorithm>

namespace microlink::wireguard {

static_assert(Engine<Tunnel>);
static_assert(sizeof(Tunnel) <= 640 + MAX_PEERS * 321 + MAX_HANDSHAKES * 512 + PACKET_QUEUE_BYTES,
              "docs/memory.md tells what a peer costs");

Tunnel::Tunnel(Random &random, const PeerKeys &keys) : random_(random), keys_(keys) {}

void Tunnel::set_identity(const NodePrivate &self) {
  this->self_.copy_from(self);
  this->checker_.set_identity(self.public_key());
  this->replies_.clear();
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    Peer &peer = this->peers_[slot];
    if (!peer.is_used)
      continue;
    const bool relayed = peer.relayed;
    if (this->key_of_(slot) == nullptr) {
      this->remove_peer(slot);  // it is about to be told who is there now
      continue;
    }
    (void) this->add_peer(slot);
    this->set_relayed(slot, relayed);
  }
}

Error Tunnel::add_peer(Slot slot) {
  if (slot >= MAX_PEERS || !this->keys_.node_key(slot).is_set())
    return Error::UNEXPECTED;
  this->remove_peer(slot);
  Peer &peer = this->peers_[slot];
  if (!crypto::x25519(this->self_.secret(), this->keys_.node_key(slot).bytes, peer.static_shared))
    return Error::MALFORMED;
  peer.key_version = this->keys_.key_versions(slot).node;
  peer.is_used = true;
  return Error::NONE;
}

void Tunnel::remove_peer(Slot slot) {
  if (slot >= MAX_PEERS)
    return;
  Peer &peer = this->peers_[slot];
  this->end_handshake_(peer);
  this->wipe_sessions_(peer);
  this->queue_.drop(static_cast<uint8_t>(slot));
  this->drop_replies_(slot);
  this->slot_events_[slot] = 0;
  peer.static_shared.clear();
  peer.is_used = false;
  peer.newest_timestamp = {};
  peer.rx_bytes = peer.tx_bytes = {};
  peer.initiation_sent = peer.initiation_seen = peer.last_data = Stamp();
  peer.relayed = false;
}

void Tunnel::reset_session(Slot slot) {
  Peer *peer = this->peer_in_(slot);
  if (peer == nullptr)
    return;
  const bool wanted =
      peer->handshake != NO_HANDSHAKE || peer->wants_handshake || this->queue_.has(static_cast<uint8_t>(slot));
  this->end_handshake_(*peer);
  this->wipe_sessions_(*peer);
  this->drop_replies_(slot);
  peer->initiation_sent.clear();
  peer->wants_handshake = wanted;  // next_timeout() is due if a place is free
}

void Tunnel::set_relayed(Slot slot, bool relayed) {
  Peer *peer = this->peer_in_(slot);
  if (peer == nullptr)
    return;
  peer->relayed = relayed;
  if (!relayed)
    peer->relayed_due.clear();
}

Tunnel::Peer *Tunnel::peer_in_(Slot slot) {
  return slot < MAX_PEERS && this->peers_[slot].is_used ? &this->peers_[slot] : nullptr;
}

/// Null when it is another one than add_peer() saw: nobody may call or be called with it before it was told.
const NodePublic *Tunnel::key_of_(Slot slot) const {
  const Peer &peer = this->peers_[slot];
  return peer.is_used && peer.key_version == this->keys_.key_versions(slot).node ? &this->keys_.node_key(slot)
                                                                                 : nullptr;
}

/// The low byte names the slot, so that a packet finds its keys without a search; the rest is random and never zero.
uint32_t Tunnel::new_index_(Slot slot) {
  const Peer &peer = this->peers_[slot];
  const NextSession *next = this->next_of_(slot);
  const LateSession *late = this->late_of_(slot);
  while (true) {
    const uint32_t index = (this->random_.u32() & ~SLOT_MASK) | slot;
    const bool taken = index == peer.current.receive.local_index ||
                       (late != nullptr && index == late->receive.local_index) ||
                       (next != nullptr && index == next->receive.local_index) ||
                       (peer.handshake != NO_HANDSHAKE && index == this->handshakes_[peer.handshake].local_index);
    if ((index & ~SLOT_MASK) != 0 && !taken)
      return index;
  }
}

void Tunnel::wipe_sessions_(Peer &peer) {
  const auto slot = static_cast<Slot>(&peer - this->peers_.data());
  peer.current.clear();
  if (LateSession *late = this->late_of_(slot))
    late->receive.clear();
  if (NextSession *next = this->next_of_(slot))
    next->clear();
  peer.keepalive_due = peer.answer_due = peer.relayed_due = Deadline();
  peer.send_keepalive = false;
}

void Tunnel::want_handshake_(Instant now, Slot slot) {
  Peer &peer = this->peers_[slot];
  if (peer.calls_once)
    peer.attempt_started = Stamp(now);
  peer.calls_once = false;
  if (peer.handshake != NO_HANDSHAKE)
    return;
  if (!peer.wants_handshake) {
    peer.wants_handshake = true;
    peer.attempt_started = Stamp(now);
  }
  this->start_waiting_handshakes_(now);
}

void Tunnel::connect(Instant now, Slot slot, bool once) {
  this->now_ = now;
  Peer *peer = this->peer_in_(slot);
  const bool calls = peer != nullptr && (peer->handshake != NO_HANDSHAKE || peer->wants_handshake);
  if (peer == nullptr || (once && (calls || peer->initiation_sent.age(now) < REKEY_TIMEOUT)))
    return;
  this->want_handshake_(now, slot);
  peer->calls_once = once;
}

void Tunnel::handle_new_path(Instant now, Slot slot) {
  this->now_ = now;
  const Peer *peer = this->peer_in_(slot);
  if (peer == nullptr || peer->handshake == NO_HANDSHAKE)
    return;
  Handshake &handshake = this->handshakes_[peer->handshake];
  if (handshake.sent == 0 || handshake.was_hastened)
    return;
  handshake.was_hastened = true;
  handshake.retransmit_due =
      earlier(handshake.retransmit_due, std::max(now, peer->initiation_sent.at(now) + NEW_PATH_RETRY));
}

/// Give free places of the pool to peers that wait: who has not called for longest comes first. At most one initiation
/// per REKEY_TIMEOUT and peer.
void Tunnel::start_waiting_handshakes_(Instant now) {
  for (size_t place = 0; place != MAX_HANDSHAKES; place++) {
    Handshake &handshake = this->handshakes_[place];
    if (handshake.in_use)
      continue;
    Peer *first = nullptr;
    for (Peer &peer : this->peers_) {
      if (peer.wants_handshake && (first == nullptr || peer.initiation_sent.age(now) > first->initiation_sent.age(now)))
        first = &peer;
    }
    if (first == nullptr)
      return;
    handshake.in_use = true;
    handshake.slot = static_cast<Slot>(first - this->peers_.data());
    handshake.sent = 0;
    handshake.local_index = 0;
    handshake.was_hastened = false;
    handshake.cookies = {};
    handshake.retransmit_due = earliest_initiation_(now, *first);
    first->handshake = static_cast<uint8_t>(place);
    first->wants_handshake = false;
    this->ask_for_reservation_(now);
  }
}

Instant Tunnel::earliest_initiation_(Instant now, const Peer &peer) {
  return peer.initiation_sent.is_set() ? std::max(now, peer.initiation_sent.at(now) + REKEY_TIMEOUT) : now;
}

void Tunnel::end_handshake_(Peer &peer) {
  peer.wants_handshake = peer.calls_once = false;
  if (peer.handshake == NO_HANDSHAKE)
    return;
  Handshake &handshake = this->handshakes_[peer.handshake];
  handshake.noise.clear();
  handshake.in_use = false;
  handshake.local_index = 0;
  peer.handshake = NO_HANDSHAKE;
}

bool Tunnel::can_send_(Instant now, const Peer &peer) const {
  return peer.current.receive.is_set() && peer.current.created.age(now) < REJECT_AFTER_TIME &&
         peer.current.send_counter < REJECT_AFTER_MESSAGES;
}

void Tunnel::note_sent_(Instant now, Peer &peer, bool data) {
  peer.keepalive_due.clear();
  if (peer.relayed)
    peer.relayed_due = Deadline(now + RELAYED_KEEPALIVE);
  if (!data)
    return;
  peer.last_data = Stamp(now);
  if (peer.answer_due.is_set())
    return;
  // The index is random, and another one on either side. A draw for each question would cost as much as a block of it.
  const uint32_t random = peer.current.receive.local_index / (SLOT_MASK + 1);
  const Duration jitter = milliseconds(random % REKEY_JITTER_MS);
  peer.answer_due = Deadline(now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter);
}

void Tunnel::note_received_(Instant now, Peer &peer, bool data) {
  peer.answer_due.clear();
  if (peer.relayed)
    peer.relayed_due = Deadline(now + RELAYED_KEEPALIVE);
  if (!data)
    return;
  peer.last_data = Stamp(now);
  if (!peer.keepalive_due.is_set())
    peer.keepalive_due = Deadline(now + KEEPALIVE_TIMEOUT);
}

void Tunnel::handle_timeout(Instant now) {
  this->now_ = now;
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    Peer &peer = this->peers_[slot];
    if (!peer.is_used)
      continue;
    if (peer.handshake != NO_HANDSHAKE || peer.wants_handshake)
      this->handle_handshake_timeout_(now, slot);
    if (peer.answer_due.is_due(now)) {
      peer.answer_due.clear();
      this->want_handshake_(now, slot);
    }
    const Instant early = now + KEEPALIVE_SLACK;
    if (peer.keepalive_due.is_due(early) || peer.relayed_due.is_due(early)) {
      const bool wanted = peer.keepalive_due.is_due(early) || peer.last_data.age(now) <= RELAYED_ACTIVE;
      peer.keepalive_due = peer.relayed_due = Deadline();
      peer.send_keepalive = (peer.send_keepalive || wanted) && this->can_send_(now, peer);
      this->keepalives_wait_ = this->keepalives_wait_ || peer.send_keepalive;
    }
    this->expire_session_(now, slot);
  }
  this->expire_side_sessions_(now);
  this->start_waiting_handshakes_(now);
}

/// Repeats, gives the place to somebody else, or gives up.
void Tunnel::handle_handshake_timeout_(Instant now, Slot slot) {
  Peer &peer = this->peers_[slot];
  const Handshake *call = peer.handshake == NO_HANDSHAKE ? nullptr : &this->handshakes_[peer.handshake];
  const bool is_over = peer.calls_once && call != nullptr && call->sent != 0 && now >= call->retransmit_due;
  if (is_over || peer.attempt_started.age(now) >= REKEY_ATTEMPT_TIME) {
    this->end_handshake_(peer);
    this->queue_.drop(static_cast<uint8_t>(slot));
    this->push_event_(Event::Kind::HANDSHAKE_FAILED, slot);
    return;
  }
  if (call == nullptr)
    return;
  this->ask_for_reservation_(now);
  const bool others_wait =
      std::any_of(this->peers_.begin(), this->peers_.end(), [](const Peer &other) { return other.wants_handshake; });
  if (now >= call->retransmit_due && call->sent > 1 && others_wait) {
    this->end_handshake_(peer);
    this->start_waiting_handshakes_(now);  // whoever waited goes first
    peer.wants_handshake = true;
  }
}

void Tunnel::expire_side_sessions_(Instant now) {
  for (LateSession &late : this->late_) {
    if (late.receive.is_set() && late.created.age(now) >= REJECT_AFTER_TIME)
      late.receive.clear();
  }
  for (NextSession &next : this->next_) {
    if (next.receive.is_set() && next.created.age(now) >= REJECT_AFTER_TIME)
      next.clear();
  }
}

void Tunnel::expire_session_(Instant now, Slot slot) {
  Peer &peer = this->peers_[slot];
  if (peer.current.receive.is_set() && peer.current.created.age(now) >= REJECT_AFTER_TIME) {
    peer.current.clear();  // not the next one, which may be confirmed yet
    peer.keepalive_due = peer.relayed_due = peer.answer_due = Deadline();
    peer.send_keepalive = false;
    this->push_event_(Event::Kind::SESSION_EXPIRED, slot);
  }
}

Instant Tunnel::next_timeout() const {
  Instant soonest = Instant::NEVER;
  bool place_is_free = false;
  for (const Handshake &handshake : this->handshakes_) {
    place_is_free = place_is_free || !handshake.in_use;
    if (handshake.in_use)
      soonest = earlier(soonest, handshake.retransmit_due);
  }
  for (const Peer &peer : this->peers_) {
    if (!peer.is_used)
      continue;
    for (const Deadline &due : {peer.answer_due, peer.keepalive_due, peer.relayed_due})
      soonest = earlier(soonest, due.at(this->now_));
    if (peer.handshake != NO_HANDSHAKE || peer.wants_handshake)
      soonest = earlier(soonest, peer.attempt_started.at(this->now_) + REKEY_ATTEMPT_TIME);
    if (peer.wants_handshake && place_is_free)
      soonest = earlier(soonest, this->now_);  // the place's last holder was removed or reset
    if (peer.current.receive.is_set())
      soonest = earlier(soonest, peer.current.created.at(this->now_) + REJECT_AFTER_TIME);
  }
  for (const LateSession &late : this->late_) {
    if (late.receive.is_set())
      soonest = earlier(soonest, late.created.at(this->now_) + REJECT_AFTER_TIME);
  }
  for (const NextSession &next : this->next_) {
    if (next.receive.is_set())
      soonest = earlier(soonest, next.created.at(this->now_) + REJECT_AFTER_TIME);
  }
  return soonest;
}

namespace {

constexpr uint8_t bit_of(Tunnel::Event::Kind kind) { return static_cast<uint8_t>(1U << static_cast<unsigned>(kind)); }

}  // namespace

std::optional<Tunnel::Event> Tunnel::poll_event() {
  using Kind = Event::Kind;
  if (!this->events_wait_)
    return std::nullopt;
  if (this->reservation_event_) {
    this->reservation_event_ = false;
    return Event{.kind = Kind::RESERVE_TIMESTAMP, .reserve_until = this->reservation_asked_};
  }
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    for (const Kind kind : {Kind::SESSION_EXPIRED, Kind::HANDSHAKE_FAILED, Kind::HANDSHAKE_DONE}) {
      if ((this->slot_events_[slot] & bit_of(kind)) == 0)
        continue;
      this->slot_events_[slot] = static_cast<uint8_t>(this->slot_events_[slot] & ~bit_of(kind));
      return Event{.kind = kind, .slot = slot};
    }
  }
  this->events_wait_ = false;
  if (!this->unknown_initiator_.is_set())
    return std::nullopt;
  const NodePublic key = this->unknown_initiator_;
  this->unknown_initiator_ = {};
  return Event{.kind = Kind::UNKNOWN_INITIATOR, .key = key};
}

/// The same news twice is one, and news that was overtaken is none.
void Tunnel::push_event_(Event::Kind kind, Slot slot) {
  uint8_t &events = this->slot_events_[slot];
  const bool up = kind == Event::Kind::HANDSHAKE_DONE;
  const uint8_t kept = up ? 0 : static_cast<uint8_t>(events & ~bit_of(Event::Kind::HANDSHAKE_DONE));
  events = static_cast<uint8_t>(kept | bit_of(kind));
  this->events_wait_ = true;
}

void Tunnel::ask_for_reservation_(Instant now) {
  const auto until = this->timestamps_.reservation_needed(now);
  if (!until || now < this->reservation_retry_)
    return;
  this->reservation_retry_ = now + RESERVATION_RETRY;
  this->reservation_asked_ = *until;
  this->reservation_event_ = this->events_wait_ = true;
}

void Tunnel::handle_reserved(Instant now, WallTime reserved_until) {
  this->now_ = now;
  this->timestamps_.grant(reserved_until);
  this->reservation_retry_ = Instant{INT64_MIN};
  for (Handshake &handshake : this->handshakes_) {
    if (handshake.in_use && handshake.sent == 0)
      handshake.retransmit_due = earliest_initiation_(now, this->peers_[handshake.slot]);
  }
}

Tunnel::PeerInfo Tunnel::info(Instant now, Slot slot) const {
  if (slot >= MAX_PEERS)
    return {.state = SessionState::IDLE, .handshake_age = {}, .rx_bytes = 0, .tx_bytes = 0};
  const Peer &peer = this->peers_[slot];
  PeerInfo out{.state = SessionState::IDLE, .handshake_age = {}, .rx_bytes = peer.rx_bytes, .tx_bytes = peer.tx_bytes};
  if (peer.handshake != NO_HANDSHAKE || peer.wants_handshake)
    out.state = SessionState::HANDSHAKE;
  if (this->can_send_(now, peer)) {
    out.state = SessionState::ESTABLISHED;
    out.handshake_age = peer.current.created.age(now);
  }
  return out;
}

}  // namespace microlink::wireguard
