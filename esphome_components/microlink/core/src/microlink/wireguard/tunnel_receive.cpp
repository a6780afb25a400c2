// SPDX-License-Identifier: MIT
#include <algorithm>

#include "microlink/base/reader.h"
#include "microlink/crypto/aead.h"
#include "microlink/wireguard/tunnel.h"

namespace microlink::wireguard {

namespace {

constexpr uint32_t HANDSHAKES_BEFORE_LOAD = 20;  // a second; beyond it callers must show where they are
constexpr Duration LOAD_WINDOW = seconds(1);
constexpr Duration UNDER_LOAD_HOLD = seconds(1);
constexpr Duration INITIATION_SPACING = milliseconds(20);
constexpr Duration LAST_MINUTE = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;

/// The length that the inner IP header claims, or 0 when it is not IP or claims more than there is.
size_t inner_size(ByteView packet) {
  const uint8_t *const at = packet.data();
  size_t size = 0;
  if (packet.size() >= 4 && at[0] >> 4 == 4) {
    size = static_cast<size_t>(at[2] << 8 | at[3]);
    if (size < 20)
      return 0;
  } else if (packet.size() >= 6 && at[0] >> 4 == 6) {
    size = size_t{40} + static_cast<size_t>(at[4] << 8 | at[5]);
  }
  return size <= packet.size() ? size : 0;
}

}  // namespace

Result<Tunnel::Received> Tunnel::handle_datagram(Instant now, const Source &from, ByteSpan message, Slot relayed_from) {
  this->now_ = now;
  const auto type = classify(message);
  if (!type)
    return type.error();
  switch (*type) {
    case MessageType::INITIATION:
      return this->handle_initiation_(now, from, message, relayed_from);
    case MessageType::RESPONSE:
      return this->handle_response_(now, message);
    case MessageType::COOKIE_REPLY:
      return this->handle_cookie_reply_(now, message);
    case MessageType::TRANSPORT:
      return this->handle_transport_(now, message);
  }
  return Error::MALFORMED;
}

bool Tunnel::is_under_load_(Instant now) {
  if (now - this->load_window_start_ >= LOAD_WINDOW) {
    this->load_window_start_ = now;
    this->load_count_ = 0;
  }
  if (++this->load_count_ > HANDSHAKES_BEFORE_LOAD)
    this->under_load_until_ = now + UNDER_LOAD_HOLD;
  return now < this->under_load_until_;
}

/// Of an initiation: mac1 always, mac2 under load. NOT_READY when a cookie reply was sent instead.
Error Tunnel::check_macs_(Instant now, const Source &from, ByteView message, Slot relayed_from) {
  if (!this->checker_.has_valid_mac1(message))
    return Error::AUTH_FAILED;
  if (!this->is_under_load_(now) || this->checker_.has_valid_mac2(now, this->random_, message, from))
    return Error::NONE;
  Reply reply{.bytes = {}, .size = COOKIE_REPLY_BYTES, .to_source = true, .slot = relayed_from, .source = from};
  this->checker_.write_reply(now, this->random_, message, from, ByteSpan(reply.bytes).first(COOKIE_REPLY_BYTES));
  this->queue_reply_(reply);
  return Error::NOT_READY;
}

/// Replies that do not fit are dropped: the caller tries again.
void Tunnel::queue_reply_(const Reply &reply) { (void) this->replies_.push(reply); }

Result<Slot> Tunnel::find_caller_(const NodePublic &caller) {
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    if (const NodePublic *key = this->key_of_(slot); key != nullptr && *key == caller)
      return slot;
  }
  this->unknown_initiator_ = caller;
  this->events_wait_ = true;
  return Error::UNKNOWN_PEER;
}

Result<Tunnel::Received> Tunnel::handle_initiation_(Instant now, const Source &from, ByteView message,
                                                    Slot relayed_from) {
  if (const Error error = this->check_macs_(now, from, message, relayed_from); error != Error::NONE)
    return error;
  Responder responder;
  if (const Error error = responder.read_static(this->self_, message); error != Error::NONE)
    return error;
  const auto slot = this->find_caller_(responder.caller());
  if (!slot)
    return slot.error();
  Peer &peer = this->peers_[*slot];
  Timestamp timestamp;
  if (const Error error = responder.read_timestamp(message, peer.static_shared, timestamp); error != Error::NONE)
    return error;
  if (timestamp <= peer.newest_timestamp)
    return Error::REPLAYED;
  NextSession *const next = this->room_for_next_(now, *slot);
  if (peer.initiation_seen.age(now) < INITIATION_SPACING || next == nullptr)
    return Error::NOT_READY;

  Reply reply{.bytes = {}, .size = RESPONSE_BYTES, .to_source = false, .slot = *slot, .source = from};
  const uint32_t index = this->new_index_(*slot);
  TransportKeys keys;
  if (!responder.write_response(this->random_, index, message, reply.bytes, keys))
    return Error::AUTH_FAILED;
  next->cookies.write_macs(now, responder.caller(), reply.bytes);

  peer.newest_timestamp = timestamp;
  peer.initiation_seen = Stamp(now);
  next->created = Stamp(now);
  next->send_key.copy_from(keys.send);
  next->receive.key.copy_from(keys.receive);
  next->receive.local_index = index;
  Reader in(message);
  in.u32le();
  next->remote_index = in.u32le();
  peer.rx_bytes += message.size();
  peer.tx_bytes += reply.size;
  this->queue_reply_(reply);
  this->note_received_(now, peer, false);
  this->note_sent_(now, peer, false);
  return Received{*slot, {}};
}

NextSession *Tunnel::next_of_(Slot slot) {
  for (NextSession &next : this->next_) {
    if (next.receive.is_set() && (next.receive.local_index & SLOT_MASK) == slot)
      return &next;
  }
  return nullptr;
}

/// Where the keys of an answer to `slot` go: over its last ones, else where none are. Null if all places are taken:
/// nobody's fresh keys are dropped, as that peer would send with them for 15 s before it called again; who calls now
/// does so again after 5 s.
NextSession *Tunnel::room_for_next_(Instant now, Slot slot) {
  if (NextSession *own = this->next_of_(slot))
    return own;
  NextSession *place = nullptr;
  for (NextSession &next : this->next_) {
    const bool is_free = !next.receive.is_set() || next.created.age(now) >= REKEY_TIMEOUT;
    if (is_free && (place == nullptr || next.created.age(now) > place->created.age(now)))
      place = &next;
  }
  if (place != nullptr)
    place->cookies = {};
  return place;
}

LateSession *Tunnel::late_of_(Slot slot) {
  for (LateSession &late : this->late_) {
    if (late.receive.is_set() && (late.receive.local_index & SLOT_MASK) == slot)
      return &late;
  }
  return nullptr;
}

/// Other keys take the place of these, which receive what is still under way.
void Tunnel::keep_late_(const ReplayWindow &seen, Stamp created, const ReceiveKey &receive) {
  if (!receive.is_set())
    return;
  LateSession *place = this->late_of_(static_cast<Slot>(receive.local_index & SLOT_MASK));
  for (LateSession &late : this->late_) {
    if (place == nullptr && !late.receive.is_set())
      place = &late;
  }
  if (place == nullptr)
    place =
        &*std::min_element(this->late_.begin(), this->late_.end(), [this](const LateSession &a, const LateSession &b) {
          return a.created.age(this->now_) > b.created.age(this->now_);
        });
  place->start(seen, created, receive);
}

/// The initiation of ours that a message answers. One that was not sent yet has no index, and nothing can answer it:
/// its Noise state is still zeros, which everybody knows.
Tunnel::Handshake *Tunnel::handshake_of_(uint32_t local_index) {
  const Peer *peer = this->peer_in_(static_cast<Slot>(local_index & SLOT_MASK));
  if (peer == nullptr || peer->handshake == NO_HANDSHAKE || (local_index & ~SLOT_MASK) == 0)
    return nullptr;
  Handshake &handshake = this->handshakes_[peer->handshake];
  return handshake.sent != 0 && handshake.local_index == local_index ? &handshake : nullptr;
}

/// Both sides called before either was answered, so there are two sets of keys. Who is like us keeps both and says
/// something with its own ones. That of the two calls which the smaller key made wins: its caller goes on with it, the
/// other side has its keys as next() and goes over to them with the first packet that comes. So both end with the same
/// keys, and what either said meanwhile is understood. An official peer forgets its own call when ours comes: if ours
/// wins it confirms them, and if its own would have won, it never does; drop_unused_next_() sees that.
bool Tunnel::own_call_wins_(Slot slot) const {
  const NodePublic *other = this->key_of_(slot);
  return other == nullptr || this->self_.public_key().bytes < other->bytes;
}

/// The first packet with keys of a call of ours: who sends it has not made any of the call that we answered before.
void Tunnel::drop_unused_next_(Instant now, Slot slot) {
  NextSession *next = this->next_of_(slot);
  if (next != nullptr && next->created.age(now) > this->peers_[slot].current.created.age(now))
    next->clear();
}

Result<Tunnel::Received> Tunnel::handle_response_(Instant now, ByteView message) {
  Reader in(message);
  in.u32le();
  const uint32_t remote_index = in.u32le();
  const uint32_t local_index = in.u32le();
  Handshake *handshake = this->handshake_of_(local_index);
  if (handshake == nullptr)
    return Error::UNEXPECTED;
  // No mac2 even under load: who knows our random index has seen our initiation, which is what a cookie shows.
  if (!this->checker_.has_valid_mac1(message))
    return Error::AUTH_FAILED;
  const Slot slot = handshake->slot;
  Peer *peer = &this->peers_[slot];
  TransportKeys keys;
  if (const Error error = handshake->noise.read_response(this->self_, message, keys); error != Error::NONE)
    return error;

  this->end_handshake_(*peer);
  NextSession *next = this->next_of_(slot);
  if (next != nullptr && this->own_call_wins_(slot)) {
    this->keep_late_(ReplayWindow(), next->created, next->receive);
    next->clear();
  } else {
    this->keep_late_(peer->current.window, peer->current.created, peer->current.receive);
  }
  peer->current.start(Stamp(now), keys.send, keys.receive, local_index, remote_index);
  peer->is_initiator = true;
  peer->last_minute_done = false;
  // Unless data goes first: the other side may send only after a packet of ours.
  peer->send_keepalive = this->keepalives_wait_ = true;
  peer->rx_bytes += message.size();
  this->note_received_(now, *peer, false);
  this->push_event_(Event::Kind::HANDSHAKE_DONE, slot);
  this->start_waiting_handshakes_(now);
  return Received{slot, {}};
}

Result<Tunnel::Received> Tunnel::handle_cookie_reply_(Instant now, ByteView message) {
  Reader in(message);
  in.u32le();
  const uint32_t local_index = in.u32le();
  const auto slot = static_cast<Slot>(local_index & SLOT_MASK);
  CookieJar *cookies = nullptr;
  if (Handshake *handshake = this->handshake_of_(local_index))
    cookies = &handshake->cookies;
  else if (NextSession *next = this->next_of_(slot); next != nullptr && next->receive.local_index == local_index)
    cookies = &next->cookies;  // to our response: the answer to their next initiation will carry mac2
  const NodePublic *key = cookies == nullptr ? nullptr : this->key_of_(slot);
  if (key == nullptr)
    return Error::UNEXPECTED;
  if (const Error error = cookies->handle_reply(now, *key, message); error != Error::NONE)
    return error;
  return Received{slot, {}};
}

/// The first packet with the key pair that we answered with: now both sides have it.
void Tunnel::confirm_next_(Peer &peer, NextSession &next) {
  this->keep_late_(peer.current.window, peer.current.created, peer.current.receive);
  peer.current.start(next.created, next.send_key, next.receive.key, next.receive.local_index, next.remote_index);
  peer.is_initiator = false;
  peer.last_minute_done = true;  // only an initiator asks for new keys by time
  next.clear();
  this->end_handshake_(peer);
}

Result<Tunnel::Received> Tunnel::handle_transport_(Instant now, ByteSpan message) {
  const uint32_t index = u32le_at(message.data() + 4);  // classify() has seen that it is long enough
  const uint64_t counter = uint64_t{u32le_at(message.data() + 12)} << 32 | u32le_at(message.data() + 8);
  const Slot slot = static_cast<Slot>(index & SLOT_MASK);
  Peer *peer = this->peer_in_(slot);
  if (peer == nullptr || (index & ~SLOT_MASK) == 0)
    return Error::UNEXPECTED;
  NextSession *next = nullptr;
  LateSession *late = nullptr;
  if (peer->current.receive.local_index != index) {
    next = this->next_of_(slot);
    late = this->late_of_(slot);
    if (next != nullptr && next->receive.local_index != index)
      next = nullptr;
    if (late != nullptr && late->receive.local_index != index)
      late = nullptr;
    if (next == nullptr && late == nullptr)
      return Error::UNEXPECTED;
  }
  const ReceiveKey &key = next != nullptr ? next->receive : late != nullptr ? late->receive : peer->current.receive;
  const Stamp created = next != nullptr ? next->created : late != nullptr ? late->created : peer->current.created;
  if (created.age(now) >= REJECT_AFTER_TIME || counter >= REJECT_AFTER_MESSAGES)
    return Error::UNEXPECTED;
  ReplayWindow &window = late != nullptr ? late->window : peer->current.window;
  if (next == nullptr && !window.accepts(counter))
    return Error::REPLAYED;
  const ByteSpan sealed = message.subspan(TRANSPORT_HEADER_BYTES);
  if (!crypto::open(key.key, crypto::nonce_le(counter), {}, sealed))
    return Error::AUTH_FAILED;

  if (next != nullptr) {
    this->confirm_next_(*peer, *next);
    this->push_event_(Event::Kind::HANDSHAKE_DONE, slot);
    this->start_waiting_handshakes_(now);
  } else if (late == nullptr && counter == 0) {
    this->drop_unused_next_(now, slot);
  }
  window.mark(counter);  // of keys that were next: the current one, which is theirs now
  peer->rx_bytes += message.size();
  const ByteSpan padded = sealed.first(sealed.size() - crypto::TAG_BYTES);
  this->note_received_(now, *peer, !padded.empty());
  if (!peer->last_minute_done && peer->is_initiator && peer->current.created.age(now) >= LAST_MINUTE) {
    peer->last_minute_done = true;
    this->want_handshake_(now, slot);
  }
  if (padded.empty())
    return Received{slot, {}};
  const size_t size = inner_size(padded);
  if (size == 0)
    return Error::MALFORMED;
  return Received{slot, padded.first(size)};
}

}  // namespace microlink::wireguard
