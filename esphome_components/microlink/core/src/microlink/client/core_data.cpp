// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

namespace microlink::client {

namespace {

/// The relay's form of an endpoint (127.3.3.40:<region>) names a region, not a place to send UDP to.
bool is_relay_endpoint(const Endpoint &endpoint) {
  return endpoint.address == magicsock::Magicsock::relay_endpoint(endpoint.port).address;
}

}  // namespace

void Core::handle_tunnel_event_(Instant now, const wireguard::Tunnel::Event &event) {
  using Kind = wireguard::Tunnel::Event::Kind;
  const netmap::PeerId id = this->netmap_.at(event.slot);
  switch (event.kind) {
    case Kind::HANDSHAKE_DONE:
      this->netmap_.set_live(id, true);
      break;
    case Kind::HANDSHAKE_FAILED:
    case Kind::SESSION_EXPIRED:
      this->netmap_.set_live(id, false);
      break;
    case Kind::UNKNOWN_INITIATOR:
      break;
    case Kind::RESERVE_TIMESTAMP:
      this->clock_reserved_ = event.reserve_until;
      this->duties_.store(Record::CLOCK);
      this->clock_grant_due_ = true;
      break;
  }
  (void) now;
}

void Core::handle_wireguard_(Instant now, const magicsock::Event &event) {
  const auto received = this->tunnel_.handle_datagram(now, event.from, event.packet);
  this->count_drop_(received.error());
}

/// Handshake messages, keepalives and packets that waited for a session.
std::optional<Action> Core::next_tunnel_action_(Instant now, ByteSpan scratch) {
  while (const auto transmit = this->tunnel_.poll_transmit(now, scratch)) {
    if (transmit->to_source) {
      if (!is_relay_endpoint(transmit->source))
        return Action{.kind = Action::Kind::SEND_DATAGRAM, .to = transmit->source, .bytes = transmit->bytes};
      continue;  // who floods us through a relay gets no cookie
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

}  // namespace microlink::client
