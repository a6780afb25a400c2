// SPDX-License-Identifier: MIT
#include <algorithm>

#include "microlink/client/core.h"

namespace microlink::client {

namespace {

/// First address of a family; unset if there is none.
IpAddress address_of(const FixedVector<Prefix, 2> &prefixes, bool v4) {
  for (const Prefix &prefix : prefixes) {
    if (prefix.address.is_v4() == v4)
      return prefix.address;
  }
  return {};
}

}  // namespace

/// States are derived from what the engines observed, and said only when they change.
void Core::update_state_() {
  const State before = this->state_;
  if (this->run_ == Run::STOPPED)
    this->state_ = this->refused_ ? State::REJECTED : State::STOPPED;
  else if (!this->login_url_().empty())
    this->state_ = State::NEEDS_LOGIN;
  else if (this->refused_)
    this->state_ = State::REJECTED;
  else if (this->is_key_over_())
    this->state_ = State::KEY_EXPIRED;
  else if (this->registered_ && !this->authorized_)
    this->state_ = State::NEEDS_APPROVAL;
  else if (this->streaming_ && this->relays_.connected_home() != 0)
    this->state_ = State::ONLINE;
  else
    this->state_ = this->registered_ || this->cached_self_.id != 0 ? State::CONNECTING : State::STARTING;
  if (this->state_ == before)
    return;
  this->log_.info("%s", state_name(this->state_));
  this->news_.raise(Event::Kind::STATE_CHANGED);
}

std::string_view Core::shown_message_() const {
  return this->message_.empty() && this->locked_out_ ? std::string_view(LOCKED_OUT) : this->message_.view();
}

/// What a person must open, to log in or at control's wish.
std::string_view Core::shown_url_() const {
  const std::string_view login = this->login_url_();
  return login.empty() ? this->message_.page() : login;
}

Status Core::status() const {
  Status out;
  out.state = this->state_;
  out.control = this->control_ ? this->control_->control_state() : ControlState::OFFLINE;
  out.home_derp = this->relays_.home();
  out.relay_connected = this->relays_.connected_home() != 0;
  if (const tailcfg::PackedRegion *region = this->netmap_.regions().find(out.home_derp))
    out.home_derp_code = region->code();
  out.nat = this->magicsock_.netcheck().nat();
  out.login_url = this->shown_url_();
  out.message = this->shown_message_();
  out.name = this->cached_self_.name;
  out.domain.assign(this->domain_.empty() ? this->netmap_.suffix() : this->domain_.view());
  out.ipv4 = address_of(this->cached_self_.addresses, true);
  if (this->config_.overlay_ipv6)
    out.ipv6 = address_of(this->cached_self_.addresses, false);
  out.node_key = this->identity_.node().public_key();
  out.key_expiry = this->netmap_.self().key_expiry;
  out.tailnet_lock = this->tailnet_lock_;
  for (const auto &own : this->magicsock_.own_endpoints())
    (void) out.endpoints.push_back(own.endpoint);
  out.peers_in_table = this->netmap_.peer_count();
  out.peers_in_tailnet = this->netmap_.peers_in_tailnet();
  out.everybody_allowed = this->netmap_.allowlist().is_everybody();
  out.allowed_peers = this->netmap_.allowlist().size();
  out.filter_complete = this->filter_.is_complete();
  out.allowlist_origin = this->allowed_peers_.origin();
  if (out.message.empty())
    out.message = this->allowed_peers_.message();
  return out;
}

size_t Core::peer_count() const { return this->netmap_.peer_count(); }

PeerStatus Core::peer(size_t index) const {
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    const netmap::PeerId id = this->netmap_.at(slot);
    if (id.is_set() && index-- == 0)
      return this->status_of_(id);
  }
  return {};
}

PeerStatus Core::status_of_(netmap::PeerId id) const {
  const netmap::Peer &peer = *this->netmap_.peer(id);
  PeerStatus out;
  out.name = this->netmap_.name(id);
  out.node_key = peer.key;
  out.ipv4 = address_of(peer.prefixes.own(), true);
  out.ipv6 = address_of(peer.prefixes.own(), false);
  out.online = peer.online;
  out.allowed = peer.allowed;
  out.expired = peer.expired;
  out.home_derp = peer.home_derp;
  const magicsock::Route route = this->magicsock_.route(this->now_, id);
  if (route.direct.is_set() && route.region == 0) {
    out.direct = route.direct;
    out.latency = this->magicsock_.best_path(id).latency;
  }
  const auto session = this->tunnel_.info(this->now_, static_cast<wireguard::Slot>(id.slot));
  out.handshake_age = session.handshake_age;
  out.rx_bytes = session.rx_bytes;
  out.tx_bytes = session.tx_bytes;
  return out;
}

netmap::PeerId Core::find_id_(std::string_view name_or_address) const {
  if (const auto key = NodePublic::parse(name_or_address))
    return this->netmap_.find_by_key(*key);
  if (const auto address = parse_ip(name_or_address))
    return this->netmap_.find_by_address(*address);
  return this->netmap_.find_by_name(name_or_address);
}

std::optional<NodePublic> Core::resolve(std::string_view name_or_address) const {
  const netmap::Peer *peer = this->netmap_.peer(this->find_id_(name_or_address));
  return peer == nullptr || peer->expired ? std::nullopt : std::optional(peer->key);
}

size_t Core::relay_latencies(std::span<Client::RelayLatency> out) const {
  size_t n = 0;
  for (const tailcfg::PackedRegion &region : this->netmap_.regions().all()) {
    const auto latency = this->magicsock_.netcheck().latency(this->now_, region.id());
    if (!latency || n == out.size())
      continue;
    out[n++] = {region.id(), region.code(), *latency};
  }
  std::sort(out.begin(), out.begin() + static_cast<ptrdiff_t>(n),
            [](const auto &a, const auto &b) { return a.latency < b.latency; });
  return n;
}

}  // namespace microlink::client
