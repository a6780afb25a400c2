// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

#include <algorithm>

namespace microlink::client {

namespace {

/// Changes that come together are stored together; and flash wears.
constexpr Duration CACHE_DELAY = seconds(1);
constexpr Duration CACHE_INTERVAL = seconds(600);
/// With all relays away the home goes round the regions; a round takes no longer.
constexpr Duration ROUND = seconds(120);

}  // namespace

// --- netmap ----------------------------------------------------------------------------------------------------------

bool Core::settle_netmap_(Instant now) {
  bool moved = false;
  while (const auto event = this->netmap_.poll_event()) {
    moved = true;
    this->handle_netmap_event_(now, *event);
  }
  if (moved)
    this->keep_time_(now);
  return moved;
}

void Core::handle_netmap_event_(Instant now, const netmap::Event &event) {
  using Kind = netmap::Event::Kind;
  switch (event.kind) {
    case Kind::SELF_CHANGED:
      this->take_self_();
      break;
    case Kind::PEER_ADDED:
    case Kind::PEER_CHANGED:
    case Kind::PEER_KEY_CHANGED:
    case Kind::PEER_RESTARTED:
      this->take_peer_(now, event.peer);
      break;
    case Kind::PEER_REMOVED:
      this->magicsock_.remove_peer(event.peer);
      this->tunnel_.remove_peer(event.peer.slot);
      this->drop_strangers_();
      // Unless the slot's next peer was taken already, or it left before it was taken.
      if (KnownPeer &known = this->known_peers_[event.peer.slot]; known.id == event.peer) {
        this->news_.peer_gone(event.peer.slot);
        known = {};
      }
      break;
    case Kind::DERP_MAP_CHANGED:
      this->take_regions_(now);
      break;
    case Kind::FULL_MAP_APPLIED:
      this->statistics_.map_polls++;
      this->end_poll_(now);
      this->store_cache_();
      break;
    case Kind::RESYNC:
      this->resync_(now);
      break;
  }
}

/// Too much happened to be told one by one: everything is taken anew.
void Core::resync_(Instant now) {
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    const netmap::PeerId id = this->netmap_.at(slot);
    if (id.is_set()) {
      this->take_peer_(now, id);
      continue;
    }
    this->magicsock_.remove_peer(this->known_peers_[slot].id);
    this->tunnel_.remove_peer(static_cast<wireguard::Slot>(slot));
    this->known_peers_[slot] = {};
  }
  this->drop_strangers_();
  this->take_regions_(now);
  this->take_self_();
}

void Core::take_self_() {
  const netmap::Self &self = this->netmap_.self();
  this->authorized_ = self.machine_authorized;
  if (this->cached_self_.addresses != self.addresses || this->cached_self_.name != self.name ||
      this->cached_self_.id != self.id) {
    this->cached_self_ = {.server = CachedSelf::server_of(this->config_.control_url),
                          .id = self.id,
                          .addresses = self.addresses,
                          .name = self.name};
    this->duties_.store(Record::SELF);
    this->publish_addresses_();
  }
}

void Core::publish_addresses_() {
  this->self_addresses_.clear();
  for (const Prefix &prefix : this->cached_self_.addresses) {
    if (prefix.address.is_v4() || this->config_.overlay_ipv6)
      (void) this->self_addresses_.push_back({prefix.address, 0});
  }
  this->addresses_due_ = true;
  this->news_.raise(Event::Kind::ADDRESSES_CHANGED);
}

void Core::take_peer_(Instant now, netmap::PeerId id) {
  const netmap::Peer *peer = this->netmap_.peer(id);
  if (peer == nullptr)
    return;
  KnownPeer &known = this->known_peers_[id.slot];
  const wireguard::Slot slot = static_cast<wireguard::Slot>(id.slot);
  const KeyVersions versions = this->netmap_.key_versions(id.slot);
  const bool other = known.id != id || known.versions.node != versions.node;
  const bool restarted = known.versions.disco != versions.disco;
  if (known.id.is_set() && known.id != id)
    this->magicsock_.remove_peer(known.id);
  if (other || !peer->allowed)
    this->drop_strangers_();
  if (!peer->allowed) {  // a stranger: no handshake, and what there was of sessions and packets goes
    this->tunnel_.remove_peer(slot);
    this->netmap_.set_live(id, false);
  } else if (other || !known.allowed) {
    (void) this->tunnel_.add_peer(slot);
  } else if (restarted) {
    this->tunnel_.reset_session(slot);
  }
  if (other || restarted)
    this->note_cache_(now);
  known = {.id = id, .versions = versions, .used = known.id == id ? known.used : Stamp(now), .allowed = peer->allowed};
  (void) this->magicsock_.set_peer(now, id, {.home_region = peer->home_derp, .allowed = peer->allowed});
  this->tunnel_.set_relayed(slot, !this->magicsock_.best_path(id).is_set());
  this->news_.peer_changed(id.slot);
}

/// Whoever may not talk with this node (any more): what waits for them at a relay does not leave.
void Core::drop_strangers_() {
  this->relays_.keep_only([this](const NodePublic &key) {
    const netmap::Peer *peer = this->netmap_.peer(this->netmap_.find_by_key(key));
    return peer != nullptr && peer->allowed;
  });
}

/// What a warm start would use has changed since the last full map.
void Core::note_cache_(Instant now) {
  if (this->cache_due_ == Instant::NEVER && this->run_ == Run::RUNNING)
    this->cache_due_ = std::max(now + CACHE_DELAY, this->cache_stored_ + CACHE_INTERVAL);
}

void Core::store_cache_() {
  if (this->cache_due_ <= this->now_) {
    this->cache_stored_ = this->now_;
    this->cache_due_ = Instant::NEVER;
  }
  for (const Record record :
       {Record::PEER_CACHE_0, Record::PEER_CACHE_1, Record::PEER_CACHE_2, Record::PEER_CACHE_3, Record::PATHS})
    this->duties_.store(record);
}

void Core::take_regions_(Instant now) {
  if (this->run_ == Run::STOPPED)
    return;  // start_() knows whether they are of this tailnet
  const auto regions = this->netmap_.regions().all();
  this->magicsock_.netcheck().set_regions(now, regions);
  for (const tailcfg::PackedRegion &region : regions)  // only of regions that it knows
    this->magicsock_.netcheck().set_score(region.id(), this->netmap_.regions().score(region.id()));
  this->relays_.handle_map_changed(now);
}

// --- relays ----------------------------------------------------------------------------------------------------------

bool Core::settle_relays_(Instant now) {
  bool moved = false;
  while (const auto event = this->relays_.poll_event(now)) {
    moved = true;
    this->handle_relay_event_(now, *event);
  }
  return moved;
}

void Core::handle_relay_event_(Instant now, const Relays::Event &event) {
  using Kind = Relays::Event::Kind;
  switch (event.kind) {
    case Kind::CONNECTED:
      this->statistics_.relay_connects++;
      this->magicsock_.handle_relay_state(now, event.region, true);
      this->magicsock_.netcheck().handle_relay_connected(now, event.region, event.took);
      if (event.is_home)
        this->announce_home_(now, event.region);
      break;
    case Kind::DISCONNECTED:
      this->magicsock_.handle_relay_state(now, event.region, false);
      break;
    case Kind::HOME_DOWN:
      this->log_.warning("home relay %u cannot be reached", event.region);
      this->magicsock_.netcheck().handle_relay_failed(now, event.region, this->relays_.connected_home());
      break;
    case Kind::PACKET:
      this->handle_relay_packet_(now, event);
      break;
    case Kind::PEER_GONE:
      this->magicsock_.handle_peer_gone(event.region, event.key);
      break;
    case Kind::HEALTH:
      if (event.text.empty())
        break;
      this->log_.warning("relay says: %.*s", static_cast<int>(event.text.size()), event.text.data());
      break;
  }
}

void Core::handle_relay_packet_(Instant now, const Relays::Event &event) {
  const Error error = this->magicsock_.handle_relay_packet(now, event.region, event.key, event.packet);
  this->count_drop_(error);
  if (error == Error::UNKNOWN_PEER)
    this->want_(now, netmap::Want::by_stranger(event.key));
  (void) this->settle_magicsock_(now);  // a packet is a view: it is used up before the next one is read
}

/// PreferredDERP is always the region that is really connected, never the one that is hoped for.
void Core::announce_home_(Instant now, uint16_t region) {
  if (this->control_)
    this->control_->set_preferred_derp(now, region);
  this->netmap_.set_region_needed(region, true);
  this->duties_.store(Record::RELAY_CACHE);
}

void Core::set_home_(Instant now, uint16_t region) {
  this->relays_.set_home(now, region, this->magicsock_.netcheck().since_failure(now, region) < ROUND);
  this->netmap_.set_region_needed(region, true);
  if (this->relays_.is_connected(region))
    this->announce_home_(now, region);
}

// --- magicsock -------------------------------------------------------------------------------------------------------

bool Core::settle_magicsock_(Instant now) {
  bool moved = false;
  while (const auto event = this->magicsock_.poll_event()) {
    moved = true;
    this->handle_path_event_(now, *event);
  }
  return moved;
}

void Core::handle_path_event_(Instant now, const magicsock::Event &event) {
  using Kind = magicsock::Event::Kind;
  const netmap::Peer *peer = this->netmap_.peer(event.peer);
  const auto slot = static_cast<wireguard::Slot>(event.peer.slot);
  switch (event.kind) {
    case Kind::PACKET:
      this->handle_wireguard_(now, event);
      break;
    case Kind::PATH_CHANGED:
      if (peer == nullptr)
        break;
      this->tunnel_.set_relayed(slot, !event.endpoint.is_set());
      if (event.endpoint.is_set()) {
        this->tunnel_.handle_new_path(now, slot);
        if (std::exchange(this->known_peers_[slot].lost_session, false) && !this->tunnel_.has_session(slot))
          this->tunnel_.connect(now, slot, true);
        this->note_cache_(now);
      }
      this->news_.peer_changed(event.peer.slot);
      break;
    case Kind::ENDPOINTS_CHANGED:
      this->tell_endpoints_(now);
      break;
    case Kind::HOME_CHOSEN:
      this->log_.info("home relay: region %u", event.region);
      this->set_home_(now, event.region);
      break;
    case Kind::NAT_CHANGED:
      this->tell_net_info_(now);
      break;
    case Kind::RESOLVE:
      this->resolve_host_.assign(event.host);
      this->resolve_due_ = true;
      break;
    case Kind::REPORT_DONE:
      this->tell_net_info_(now);
      break;
    case Kind::PONG:
    case Kind::PING_TIMED_OUT: {
      const bool pong = event.kind == Kind::PONG;
      if (this->control_ping_.type == ControlPing::Type::DISCO && this->control_ping_.peer == event.peer)
        this->end_control_ping_(now, event, pong ? std::string_view{} : "timed out");
      if (peer != nullptr && this->owner_ping_ && pong)
        this->news_.pong({.peer = peer->key, .path = event.endpoint, .region = event.region, .latency = event.latency});
      else if (peer != nullptr && this->owner_ping_)
        this->news_.ping_timed_out(event.peer.slot);
      this->owner_ping_ = false;
      break;
    }
  }
}

void Core::tell_endpoints_(Instant now) {
  FixedVector<tailcfg::OwnEndpoint, MAX_OWN_ENDPOINTS> told;
  for (const auto &own : this->magicsock_.own_endpoints()) {
    (void) told.push_back({own.endpoint, static_cast<tailcfg::EndpointType>(own.type)});
  }
  if (this->control_)
    this->control_->set_endpoints(now, std::span(told.begin(), told.size()));
}

void Core::tell_net_info_(Instant now) {
  if (!this->control_)
    return;
  const NatKind nat = this->magicsock_.netcheck().nat();
  tailcfg::NetInfo info;
  info.preferred_derp = this->relays_.connected_home();
  if (nat == NatKind::EASY || nat == NatKind::HARD)
    info.mapping_varies = nat == NatKind::HARD;
  if (nat != NatKind::UNKNOWN)
    info.working_udp = nat != NatKind::UDP_BLOCKED;
  this->control_->set_net_info(now, info);
}

void Core::handle_resolved_(Instant now, const Input &input) {
  this->magicsock_.netcheck().handle_resolved(now, input.host, input.endpoints);
}

std::optional<Action> Core::next_datagram_action_(Instant now, ByteSpan scratch) {
  if (std::exchange(this->resolve_due_, false))
    return Action{.kind = Action::Kind::RESOLVE, .host = this->resolve_host_.view()};
  if (const auto action = this->next_tunnel_action_(now, scratch))
    return action;
  // After the tunnel: its messages are traffic, which may start the search for a path.
  while (const auto transmit = this->magicsock_.poll_transmit(now, scratch)) {
    const ByteView bytes = scratch.first(transmit->size);
    if (transmit->kind == magicsock::Transmit::Kind::UDP)
      return Action{.kind = Action::Kind::SEND_DATAGRAM, .to = transmit->to, .bytes = bytes};
    (void) this->relays_.send(now, transmit->region, transmit->peer, bytes);
    this->relay_output_ = true;
  }
  if (!this->relay_output_)
    return std::nullopt;
  this->relay_output_ = false;
  return this->next_stream_action_(now, scratch);
}

// --- tunnel ----------------------------------------------------------------------------------------------------------

bool Core::settle_tunnel_(Instant now) {
  bool moved = false;
  while (const auto event = this->tunnel_.poll_event()) {
    moved = true;
    this->handle_tunnel_event_(now, *event);
  }
  return moved;
}

void Core::count_drop_(Error error) {
  if (error != Error::NONE)
    this->statistics_.rx_dropped[static_cast<size_t>(error)]++;
}

Error Core::ping(Instant now, const NodePublic &peer) {
  this->now_ = now;
  const netmap::PeerId id = this->netmap_.find_by_key(peer);
  const netmap::Peer *known = this->netmap_.peer(id);
  if (known == nullptr || known->expired)
    return Error::UNKNOWN_PEER;
  if (!known->allowed)
    return Error::REJECTED;
  const Error error = this->magicsock_.ping(now, id);
  this->owner_ping_ = this->owner_ping_ || error == Error::NONE;
  this->settle_(now);
  return error;
}

void Core::set_quiet(Instant now, bool quiet) {
  this->now_ = now;
  this->duties_.set_quiet(quiet);
  this->poll_policy_.set_quiet(quiet);
  this->magicsock_.netcheck().set_quiet(quiet);
  this->settle_(now);
}

void Core::netcheck(Instant now) {
  this->magicsock_.netcheck().start_report(now);
  this->settle_(now);
}

}  // namespace microlink::client
