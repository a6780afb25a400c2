// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"
#include "microlink/tsmp/message.h"

namespace microlink::client {

namespace {

/// The relay's form of an endpoint (127.3.3.40:<region>) names a region, not a place to send UDP to.
bool is_relay_endpoint(const Endpoint &endpoint) { return endpoint.address == magicsock::Magicsock::RELAY_ADDRESS; }

constexpr size_t OWN_PACKET_BYTES = tsmp::UNREACHABLE_BYTES;

/// Word for the originator that its connection is not wanted, so that it need not wait for a time-out (06 §2).
Result<size_t> write_reject(const ip::Packet &syn, ByteSpan out) {
  if (syn.version != 4 || !syn.is_tcp_syn())
    return Error::UNEXPECTED;
  const tsmp::Message reject{.type = tsmp::Message::Type::REJECT,
                             .protocol = ip::TCP,
                             .reason = tsmp::RejectReason::ACL,
                             .source_port = syn.source_port,
                             .destination_port = syn.destination_port};
  return tsmp::write(reject, syn.destination, syn.source, static_cast<uint16_t>(~syn.id), out);
}

void count(Statistics &statistics, Refusal refusal) { statistics.refused[static_cast<size_t>(refusal)]++; }

/// Of an inbound packet that the filter does not accept.
Refusal refusal_of(filter::Reason reason) {
  switch (reason) {
    case filter::Reason::NO_RULE:
      return Refusal::NO_RULE;
    case filter::Reason::NO_FILTER:
      return Refusal::NO_FILTER;
    case filter::Reason::NOT_OURS:
    case filter::Reason::MULTICAST:
    case filter::Reason::LINK_LOCAL:
      return Refusal::FOREIGN_DESTINATION;
    default:
      return Refusal::UNREADABLE;
  }
}

}  // namespace

void Core::handle_tunnel_event_(Instant now, const wireguard::Tunnel::Event &event) {
  using Kind = wireguard::Tunnel::Event::Kind;
  switch (event.kind) {
    case Kind::HANDSHAKE_DONE:
      this->netmap_.set_live(this->netmap_.at(event.slot), true);
      this->known_peers_[event.slot].used = Stamp(now);
      break;
    case Kind::HANDSHAKE_FAILED:
    case Kind::SESSION_EXPIRED:
      this->netmap_.set_live(this->netmap_.at(event.slot), false);
      break;
    case Kind::UNKNOWN_INITIATOR:
      if (!this->netmap_.find_by_key(event.key).is_set())  // else it is not allowed
        this->want_(now, netmap::Want::by_stranger(event.key));
      break;
    case Kind::RESERVE_TIMESTAMP:
      this->clock_reserved_ = event.reserve_until;
      this->duties_.store(Record::CLOCK);
      this->clock_grant_due_ = true;
      break;
  }
}

// --- inbound ---------------------------------------------------------------------------------------------------------

void Core::handle_wireguard_(Instant now, const magicsock::Event &event) {
  const auto slot = static_cast<wireguard::Slot>(event.peer.slot);
  const bool relayed = is_relay_endpoint(event.from);
  const auto received =
      this->tunnel_.handle_datagram(now, event.from, event.packet, relayed ? slot : wireguard::Tunnel::NOBODY);
  if (!received) {
    this->count_drop_(received.error());
    // A session that we know nothing of: the peer had it with us before we restarted, or we lost ours. It would go on
    // sending into the void for 15 s; a handshake of ours tells it. Nothing in the packet proves anything, so the way
    // that it came must: a relay, which knows who sends, or a path that the peer proves to be its own, now if need be.
    const netmap::Peer *peer = this->netmap_.peer(event.peer);
    const auto type = wireguard::classify(event.packet);
    const bool is_of_lost_session = received.error() == Error::UNEXPECTED && type &&
                                    *type == wireguard::MessageType::TRANSPORT && peer != nullptr && peer->allowed &&
                                    !this->tunnel_.has_session(slot);
    if (!is_of_lost_session)
      return;
    this->known_peers_[slot].lost_session = !relayed && !this->magicsock_.is_trusted(now, event.peer, event.from);
    if (this->known_peers_[slot].lost_session)
      this->magicsock_.probe(now, event.peer, event.from);
    else
      this->tunnel_.connect(now, slot, true);
    return;
  }
  if (!received->packet.empty())
    this->handle_inner_(now, this->netmap_.at(received->slot), received->packet);
}

/// Authenticated and decrypted: may this peer send from that address, may this packet come in?
void Core::handle_inner_(Instant now, netmap::PeerId id, ByteSpan packet) {
  this->statistics_.rx_packets++;
  const netmap::Peer *peer = this->netmap_.peer(id);
  const auto parsed = ip::parse_packet(packet);
  if (peer == nullptr || !peer->allowed)
    return count(this->statistics_, Refusal::PEER_NOT_ALLOWED);
  if (!parsed || parsed->version == 0)
    return count(this->statistics_, Refusal::UNREADABLE);
  if (this->netmap_.find_by_address(parsed->source) != id)
    return count(this->statistics_, Refusal::SPOOFED_SOURCE);
  this->known_peers_[id.slot].used = Stamp(now);
  if (parsed->protocol == ip::TSMP && this->is_own_address_(parsed->destination)) {
    this->handle_tsmp_(now, id, *parsed);
    return;
  }
  if (this->control_ping_.type == ControlPing::Type::ICMP && this->is_own_address_(parsed->destination)) {
    if (const auto echo = tsmp::parse_echo_reply(*parsed);
        echo && this->take_echo_(now, id, *echo, ControlPing::Type::ICMP))
      return;
  }
  const filter::Verdict verdict = this->filter_.check_inbound(*parsed, peer->is_jailed);
  if (verdict.accept && (parsed->version == 4 || this->config_.overlay_ipv6)) {
    this->overlay_out_ = packet;
    return;
  }
  count(this->statistics_, verdict.accept ? Refusal::NO_IPV6 : refusal_of(verdict.reason));
  Result<size_t> n = Error::UNEXPECTED;
  Bytes<OWN_PACKET_BYTES> word;
  if (verdict.accept)
    n = tsmp::write_unreachable(packet, word);
  else if (verdict.reason == filter::Reason::NO_RULE)
    n = write_reject(*parsed, word);
  if (n && this->known_peers_[id.slot].may_reject(now))
    this->send_own_(now, id, ByteView(word).first(*n));
}

/// Pings are answered before the filter (06 §3.1); the rest is of no use to a small node.
void Core::handle_tsmp_(Instant now, netmap::PeerId id, const ip::Packet &packet) {
  const auto message = tsmp::parse(packet.transport);
  if (message && message->type == tsmp::Message::Type::PONG)
    (void) this->take_echo_(now, id, message->data, ControlPing::Type::TSMP);
  if (!message || message->type != tsmp::Message::Type::PING)
    return;
  Bytes<OWN_PACKET_BYTES> answer;
  if (const auto n = tsmp::write_pong(packet, message->data, answer))
    this->send_own_(now, id, ByteView(answer).first(*n));
}

bool Core::is_own_address_(const IpAddress &address) const {
  for (const Prefix &prefix : this->cached_self_.addresses) {
    if (prefix.address == address)
      return true;
  }
  return false;
}

// --- outbound --------------------------------------------------------------------------------------------------------

/// A packet of the local stack. It is sealed in place: `packet` has OVERLAY_HEADROOM in front and OVERLAY_TAILROOM
/// behind.
void Core::handle_overlay_(Instant now, ByteSpan packet) {
  const auto parsed = ip::parse_packet(packet);
  if (!parsed || parsed->version == 0 || packet.size() > OVERLAY_MTU)
    return count(this->statistics_, Refusal::OUTBOUND_UNREADABLE);
  const netmap::PeerId id = this->netmap_.find_by_address(parsed->destination);
  const netmap::Peer *peer = this->netmap_.peer(id);
  if (peer == nullptr) {
    if (parsed->destination.is_multicast() || parsed->destination.is_link_local())
      return count(this->statistics_, Refusal::OUTBOUND_MULTICAST);
    if (!this->is_own_address_(parsed->destination))
      this->want_(now, netmap::Want(parsed->destination));
    return count(this->statistics_, Refusal::OUTBOUND_UNKNOWN_PEER);
  }
  if (!peer->allowed)
    return count(this->statistics_, Refusal::PEER_NOT_ALLOWED);
  if (!this->is_own_address_(parsed->source))
    return count(this->statistics_, Refusal::OUTBOUND_FOREIGN_SOURCE);
  if (!this->filter_.check_outbound(*parsed, peer->is_jailed).accept)
    return count(this->statistics_, Refusal::OUTBOUND_UNREADABLE);
  const ByteSpan buffer(packet.data() - OVERLAY_HEADROOM, OVERLAY_HEADROOM + packet.size() + OVERLAY_TAILROOM);
  this->statistics_.tx_packets++;
  this->known_peers_[id.slot].used = Stamp(now);
  const auto message = this->tunnel_.encapsulate(now, static_cast<wireguard::Slot>(id.slot), buffer, packet.size());
  if (message)
    this->datagram_out_ = this->send_to_peer_(now, id, *message);
  else
    this->magicsock_.note_sent(now, id);  // traffic: a path is looked for while the session is set up
}

/// A packet that the node makes itself; never more than OWN_PACKET_BYTES.
void Core::send_own_(Instant now, netmap::PeerId id, ByteView packet) {
  static_assert(sizeof(this->own_packet_) == OVERLAY_HEADROOM + OWN_PACKET_BYTES + 16, "the tag, and no padding");
  const ByteSpan room = this->own_packet_;
  copy(packet, room.subspan(OVERLAY_HEADROOM));
  const auto message = this->tunnel_.encapsulate(now, static_cast<wireguard::Slot>(id.slot), room, packet.size());
  if (message)
    this->datagram_out_ = this->send_to_peer_(now, id, *message);
}

/// Handshake messages, keepalives and packets that waited for a session.
std::optional<Action> Core::next_tunnel_action_(Instant now, ByteSpan scratch) {
  while (const auto transmit = this->tunnel_.poll_transmit(now, scratch)) {
    if (transmit->to_source && transmit->slot == wireguard::Tunnel::NOBODY)
      return Action{.kind = Action::Kind::SEND_DATAGRAM, .to = transmit->source, .bytes = transmit->bytes};
    if (transmit->to_source) {
      (void) this->relays_.send(now, transmit->source.port, this->netmap_.node_key(transmit->slot), transmit->bytes);
      this->relay_output_ = true;
      continue;
    }
    if (const auto action = this->send_to_peer_(now, this->netmap_.at(transmit->slot), transmit->bytes))
      return action;
  }
  return std::nullopt;
}

/// On the way or ways that magicsock says: the relay takes a copy, the direct one is the action.
std::optional<Action> Core::send_to_peer_(Instant now, netmap::PeerId id, ByteView message) {
  const netmap::Peer *peer = this->netmap_.peer(id);
  if (peer == nullptr)
    return std::nullopt;
  const magicsock::Route route = this->magicsock_.route(now, id);
  this->magicsock_.note_sent(now, id);
  if (route.region != 0) {
    (void) this->relays_.send(now, route.region, peer->key, message);
    this->relay_output_ = true;
  }
  if (!route.direct.is_set())
    return std::nullopt;
  return Action{.kind = Action::Kind::SEND_DATAGRAM, .to = route.direct, .bytes = message};
}

// --- peers outside the table -----------------------------------------------------------------------------------------

void Core::want_(Instant now, const netmap::Want &want) {
  if (this->netmap_.wants().contains(want) || !this->poll_policy_.want(now, want))
    return;
  this->netmap_.want(want);
  this->poll_again_(now);
}

Error Core::set_allowed_peers(Instant now, std::string_view list) {
  this->now_ = now;
  if (const Error error = this->allowed_peers_.set(list); error != Error::NONE)
    return error;
  if (this->netmap_.needs_full_map()) {  // the tags of peers are not kept
    this->poll_policy_.want_any(now);
    this->poll_again_(now);
  }
  this->settle_(now);
  return Error::NONE;
}

void Core::poll_again_(Instant now) {
  if (!this->control_ || !this->streaming_ || this->poll_policy_.next_timeout() > now)
    return;
  if (this->poll_policy_.only_later()) {
    this->tell_idle_(now);
    if (!this->netmap_.has_room_for_wanted()) {
      this->poll_policy_.put_off();
      this->wait_for_room_(now);
      return;
    }
  }
  if (this->poll_policy_.begin(now) && this->control_->poll_again(now) != Error::NONE)
    this->poll_policy_.cancel();
}

/// A full map went by: whoever is still wanted and was not in it is not in the tailnet, or we may not know of it.
void Core::end_poll_(Instant now) {
  this->poll_policy_.end(now);
  while (const auto missing = this->netmap_.wants().take_missing())
    this->poll_policy_.note_missing(now, *missing);
  if (this->netmap_.wants().has_unasked() || this->filter_.needs_full_map() || this->netmap_.needs_full_map())
    this->poll_policy_.want_any(now);
  this->wait_for_room_(now);
}

/// Somebody is wanted, and the table is full of peers in use.
void Core::wait_for_room_(Instant now) {
  if (this->netmap_.wants().wait_for_room())
    this->poll_policy_.want_later(now + netmap::Netmap::IDLE_YIELDS);
}

void Core::tell_idle_(Instant now) {
  for (const KnownPeer &known : this->known_peers_)
    this->netmap_.set_idle(known.id, known.used.age(now));
}

Result<PeerStatus> Core::find(Instant now, std::string_view name_or_address) {
  this->now_ = now;
  const netmap::PeerId id = this->find_id_(name_or_address);
  if (const netmap::Peer *known = this->netmap_.peer(id); known != nullptr) {
    if (known->expired)
      return Error::UNKNOWN_PEER;
    return this->status_of_(id);
  }
  const auto want = netmap::Want::of(name_or_address);
  if (!want)
    return Error::MALFORMED;
  if (this->poll_policy_.is_missing(now, *want) || (this->streaming_ && this->netmap_.is_whole()))
    return Error::UNKNOWN_PEER;
  this->want_(now, *want);
  this->settle_(now);
  return Error::NOT_READY;
}

}  // namespace microlink::client
