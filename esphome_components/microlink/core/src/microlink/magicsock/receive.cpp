// SPDX-License-Identifier: MIT
#include "microlink/base/reader.h"
#include "microlink/crypto/blake2s.h"
#include "microlink/magicsock/magicsock.h"

namespace microlink::magicsock {

namespace {

constexpr size_t MIN_WIREGUARD_BYTES = 32;
constexpr size_t TIME_BYTES = 6;

bool looks_like_wireguard(ByteView packet) {
  return packet.size() >= MIN_WIREGUARD_BYTES && packet[0] >= 1 && packet[0] <= 4 && packet[1] == 0 && packet[2] == 0 &&
         packet[3] == 0;
}

}  // namespace

Error Magicsock::handle_udp(Instant now, const Endpoint &from, ByteSpan datagram) {
  this->now_ = now;
  if (this->state_ == State::STOPPED)
    return Error::UNEXPECTED;
  if (!from.is_set() || !from.address.is_set())
    return Error::MALFORMED;  // nobody could be answered there
  if (this->keys_.is_overlay_address(from.address) || from.address == RELAY_ADDRESS)
    return Error::UNEXPECTED;  // out of our own tunnel, or a forged relay
  if (stun::looks_like_stun(datagram))
    return this->netcheck_.handle_datagram(now, datagram);
  if (disco::looks_like_geneve(datagram)) {
    this->counters_.rx_geneve++;
    return Error::UNEXPECTED;
  }
  if (disco::looks_like_disco(datagram))
    return this->handle_disco_(now, from, 0, this->find_disco_(disco::sender_of(datagram)), datagram);
  return this->handle_wireguard_(from, this->owner_of_(from), datagram);
}

Error Magicsock::handle_relay_packet(Instant now, uint16_t region, const NodePublic &src, ByteSpan packet) {
  this->now_ = now;
  if (this->state_ == State::STOPPED || region == 0)
    return Error::UNEXPECTED;
  this->netcheck_.handle_relay_heard(now, region);
  Slot *slot = this->find_node_(src);
  if (slot == nullptr)
    return Error::UNKNOWN_PEER;
  if (!slot->allowed)
    return Error::UNEXPECTED;
  if (disco::looks_like_disco(packet)) {
    // The relay vouches for the node key; it must be the one that has the disco key.
    const DiscoPublic *key = this->disco_key_(*slot);
    const bool matches = key != nullptr && *key == disco::sender_of(packet);
    return this->handle_disco_(now, relay_endpoint(region), region, matches ? slot : nullptr, packet);
  }
  if (!looks_like_wireguard(packet))
    return Error::MALFORMED;
  slot->heard_via = region;
  return this->handle_wireguard_(relay_endpoint(region), this->id_of_(*slot), packet);
}

Error Magicsock::handle_wireguard_(const Endpoint &from, netmap::PeerId peer, ByteSpan packet) {
  if (!looks_like_wireguard(packet))
    return Error::MALFORMED;
  this->packet_ = Packet{.peer = peer, .from = from, .bytes = packet};
  return Error::NONE;
}

Error Magicsock::handle_disco_(Instant now, const Endpoint &from, uint16_t region, Slot *slot, ByteSpan packet) {
  if (slot == nullptr) {
    this->counters_.rx_unknown_disco++;
    return Error::UNKNOWN_PEER;
  }
  if (!slot->allowed || !this->ensure_box_(*slot))
    return Error::UNEXPECTED;
  const auto message = disco::open(slot->box, packet);
  if (!message) {
    this->counters_.rx_bad_disco++;
    return message.error();
  }
  this->counters_.rx_disco++;
  if (region != 0)
    slot->heard_via = region;
  const Endpoint before = slot->path.best().endpoint;
  Error error = Error::UNEXPECTED;
  switch (message->type) {
    case disco::Type::PING:
      error = this->handle_ping_(now, *slot, from, region, message->tx_id);
      this->hasten_ping_(*slot);
      break;
    case disco::Type::PONG:
      error = this->handle_pong_(now, *slot, region, message->tx_id);
      break;
    case disco::Type::CALL_ME_MAYBE:
      // Only a relay tells which node it comes from.
      if (region != 0)
        error = slot->path.handle_call_me_maybe(now, {message->endpoints.begin(), message->endpoints.size()});
      this->hasten_ping_(*slot);
      break;
  }
  if (error == Error::NOT_READY)
    this->counters_.rx_limited++;
  this->note_path_(*slot, before);
  this->rearm_();
  return error;
}

/// A ping that was recorded and is sent again is answered again. It costs the sender a packet for each pong; all pings
/// of a peer together get MAX_PONGS_PER_SECOND; and no path comes of it, since only the pong to a ping of ours makes
/// one. Remembering the last one's transaction ID would take memory for each peer, and not help against two in turn.
Error Magicsock::handle_ping_(Instant now, Slot &slot, const Endpoint &from, uint16_t region,
                              const disco::TxId &tx_id) {
  if (!slot.path.may_answer(now) || !this->pongs_.push({tx_id, from, region, this->id_of_(slot)}))
    return Error::NOT_READY;
  if (region == 0)
    slot.path.handle_ping(now, from);
  return Error::NONE;
}

/// A transaction ID is the time of the ping and a MAC over it and the endpoint that was pinged, so that nothing has to
/// be kept for pings under way, and a pong proves exactly the endpoint that its ping was sent to.
disco::TxId Magicsock::make_tx_id_(Instant now, const Slot &slot, const Endpoint &to) const {
  disco::TxId out{};
  Writer writer(out);
  const auto time = static_cast<uint64_t>(now);
  writer.u16be(static_cast<uint16_t>(time >> 32)).u32be(static_cast<uint32_t>(time));
  Bytes<22> what{};
  Writer(what).bytes(to.address.bytes).u16be(to.port).u16be(this->id_of_(slot).slot).u16be(slot.generation);
  const auto mac = crypto::blake2s_mac(this->tx_id_key_.bytes(), {writer.written(), what});
  writer.bytes(ByteView(mac).first(out.size() - TIME_BYTES));
  return out;
}

std::optional<Instant> Magicsock::sent_at_(Instant now, const disco::TxId &tx_id) {
  Reader in(tx_id);
  uint64_t sent = static_cast<uint64_t>(in.u16be()) << 32;
  sent |= in.u32be();
  const uint64_t age = (static_cast<uint64_t>(now) - sent) & 0xffff'ffff'ffff;
  if (age > static_cast<uint64_t>(to_microseconds(PING_TIMEOUT)))
    return std::nullopt;
  return now - microseconds(static_cast<int64_t>(age));
}

Error Magicsock::handle_pong_(Instant now, Slot &slot, uint16_t region, const disco::TxId &tx_id) {
  const auto sent = sent_at_(now, tx_id);
  const uint32_t mark = Reader(ByteView(tx_id).last(4)).u32be();
  if (!sent || mark == slot.last_pong)
    return Error::UNEXPECTED;
  const Duration latency = now - *sent;
  if (region != 0) {
    // A relayed pong proves no path; it only answers a ping() that went through a relay.
    if (this->ping_.region == 0 || tx_id != this->make_tx_id_(*sent, slot, relay_endpoint(this->ping_.region)))
      return Error::UNEXPECTED;
    slot.last_pong = mark;
    this->finish_ping_(slot, *sent, {}, region, latency);
    return Error::NONE;
  }
  for (size_t i = 0; i != slot.path.candidate_count(); i++) {
    const Endpoint endpoint = slot.path.candidate(i);
    if (tx_id != this->make_tx_id_(*sent, slot, endpoint))
      continue;
    slot.last_pong = mark;
    slot.path.handle_pong(now, endpoint, latency);
    this->finish_ping_(slot, *sent, endpoint, 0, latency);
    return Error::NONE;
  }
  return Error::UNEXPECTED;
}

void Magicsock::finish_ping_(const Slot &slot, Instant sent, const Endpoint &endpoint, uint16_t region,
                             Duration latency) {
  if (!this->ping_.runs() || this->ping_.peer != this->id_of_(slot) || sent < this->ping_.started)
    return;
  this->ping_result_ =
      PingResult{.kind = Event::Kind::PONG,
                 .peer = this->ping_.peer,
                 .endpoint = endpoint,
                 .region = region,
                 .latency_us = static_cast<uint32_t>(to_microseconds(latency))};  // PING_TIMEOUT at most
  this->ping_ = {};
}

Magicsock::Slot *Magicsock::find_disco_(const DiscoPublic &key) {
  for (Slot &slot : this->slots_) {
    if (const DiscoPublic *own = this->disco_key_(slot); own != nullptr && *own == key && key.is_set())
      return &slot;
  }
  return nullptr;
}

Magicsock::Slot *Magicsock::find_node_(const NodePublic &key) {
  for (Slot &slot : this->slots_) {
    if (const NodePublic *own = this->node_key_(slot); own != nullptr && *own == key && key.is_set())
      return &slot;
  }
  return nullptr;
}

/// Whose datagram this is likely to be; the last one's first, because packets come in trains.
netmap::PeerId Magicsock::owner_of_(const Endpoint &from) {
  for (size_t i = 0; i != MAX_PEERS; i++) {
    const size_t index = (this->last_owner_ + i) % MAX_PEERS;
    const Slot &slot = this->slots_[index];
    if (!slot.is_used || !slot.path.is_candidate(from))
      continue;
    this->last_owner_ = static_cast<uint16_t>(index);
    return this->id_of_(slot);
  }
  return {};
}

/// Works the shared key out when it is needed first: X25519 costs a small chip tens of milliseconds.
bool Magicsock::ensure_box_(Slot &slot) {
  const DiscoPublic *key = this->disco_key_(slot);
  if (key == nullptr)
    return false;
  if (slot.box_state == Slot::Box::UNKNOWN && key->is_set())
    slot.box_state = slot.box.precompute(this->disco_.secret(), key->bytes) ? Slot::Box::READY : Slot::Box::UNUSABLE;
  return slot.box_state == Slot::Box::READY;
}

}  // namespace microlink::magicsock
