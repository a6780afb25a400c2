// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

#include <utility>

namespace microlink::client {

// The map stream goes to those it concerns: peers, relays and names to netmap, rules to filter, self to both.

/// What control said on the stream before is over, unless it says it again.
void Core::stream_begin() {
  this->first_message_ = true;
  if (this->message_.take_back_all())
    this->news_.raise(Event::Kind::MESSAGE);
}

void Core::message_begin() {
  this->has_self_ = this->has_peers_ = false;
  this->netmap_.set_time(this->clock_.control_now(this->now_));
  this->netmap_.message_begin();
  this->filter_.message_begin();
}

/// A server leaves Peers out when there are none; at the beginning of a stream that is the whole truth.
void Core::message_end(bool keep_alive) {
  if (this->first_message_ && this->has_self_ && !keep_alive) {
    this->first_message_ = false;
    if (!this->has_peers_) {
      this->netmap_.peers_begin();
      this->netmap_.peers_end();
    }
  }
  this->netmap_.message_end(keep_alive);
  const bool was_complete = this->filter_.is_complete();
  this->filter_.message_end(keep_alive);
  if (was_complete && !this->filter_.is_complete())
    this->log_.warning(
        "the tailnet has more access rules for this node than fit, or some that name what only control "
        "knows: what those permit is denied here");
  if (!keep_alive && this->filter_.needs_full_map())  // a peer or an own address that is newer than the rules
    this->poll_policy_.want_any(this->now_);
  const bool was_locked_out = std::exchange(this->locked_out_, this->tailnet_lock_ && !this->is_signed_);
  if (this->locked_out_ && !was_locked_out) {
    this->log_.warning("%s", LOCKED_OUT);
    this->news_.raise(Event::Kind::MESSAGE);
  }
}

void Core::aborted() {
  this->netmap_.aborted();
  this->filter_.aborted();
}

void Core::self_node(const tailcfg::Node &node) {
  this->has_self_ = true;
  this->netmap_.self_node(node);
  this->filter_.self_node(node);
  this->authorized_ = node.machine_authorized;
  this->is_signed_ = node.is_signed;
}

void Core::peers_begin() {
  this->has_peers_ = true;
  this->tell_idle_(this->now_);
  this->netmap_.peers_begin();
}

void Core::peer(const tailcfg::Node &node) {
  this->has_peers_ = true;
  this->netmap_.peer(node);
  this->take_endpoints_(node.id, node.endpoints);
}

void Core::peers_end() { this->netmap_.peers_end(); }
void Core::peer_removed(tailcfg::NodeId id) { this->netmap_.peer_removed(id); }
void Core::peer_patched(const tailcfg::PeerChange &change) {
  this->netmap_.peer_patched(change);
  if (change.endpoints)
    this->take_endpoints_(change.id, *change.endpoints);
}
/// Nobody but magicsock needs them, so they are kept only there.
void Core::take_endpoints_(tailcfg::NodeId id, const tailcfg::PeerEndpoints &endpoints) {
  const netmap::PeerId peer = this->netmap_.find(id);
  if (peer.is_set())
    this->magicsock_.set_endpoints(this->now_, peer, {endpoints.begin(), endpoints.size()});
}

void Core::peer_online(tailcfg::NodeId id, bool online) { this->netmap_.peer_online(id, online); }
void Core::derp_regions_begin() { this->netmap_.derp_regions_begin(); }
void Core::derp_region(const tailcfg::DerpRegion &region) { this->netmap_.derp_region(region); }
void Core::derp_regions_end() { this->netmap_.derp_regions_end(); }
void Core::region_scores_reset() { this->netmap_.region_scores_reset(); }
void Core::region_score(uint16_t region, uint32_t thousandths) { this->netmap_.region_score(region, thousandths); }
void Core::filters_begin() { this->filter_.filters_begin(); }
void Core::filters_clear() { this->filter_.filters_clear(); }
void Core::filter_removed(std::string_view name) { this->filter_.filter_removed(name); }
void Core::filter_begin(std::string_view name) { this->filter_.filter_begin(name); }
void Core::filter_end() { this->filter_.filter_end(); }
void Core::rule_begin() { this->filter_.rule_begin(); }
void Core::rule_source(const tailcfg::AddressRange &source) { this->filter_.rule_source(source); }
void Core::rule_source_capability(std::string_view name) { this->filter_.rule_source_capability(name); }
void Core::rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) {
  this->filter_.rule_destination(to, ports);
}
void Core::rule_protocol(uint8_t protocol) { this->filter_.rule_protocol(protocol); }
void Core::rule_end(bool valid, bool poisoned) { this->filter_.rule_end(valid, poisoned); }
void Core::domain(std::string_view name) { this->domain_.assign(name); }
void Core::dns_config(bool magic_dns, std::string_view suffix) {
  this->magic_dns_ = magic_dns;
  this->netmap_.dns_config(magic_dns, suffix);
}

void Core::health_begin() {
  if (this->message_.take_back_all())
    this->news_.raise(Event::Kind::MESSAGE);
  else if (this->streaming_ && !this->refused_ && this->authorized_)
    this->message_.clear();
}

void Core::health(std::string_view text, uint32_t id) {
  this->message_.assign_health(text, id);
  this->news_.raise(Event::Kind::MESSAGE);
}

void Core::health_removed(uint32_t id) {
  if (this->message_.take_back(id))
    this->news_.raise(Event::Kind::MESSAGE);
}

/// Nobody opens it by itself: it is shown where a login's URL is.
void Core::pop_browser_url(std::string_view url) {
  if (!this->message_.assign_page(url))
    return;
  this->log_.info("%s", this->message_.c_str());
  this->news_.raise(Event::Kind::LOGIN_URL);
}

void Core::tailnet_lock(bool enabled) { this->tailnet_lock_ = enabled; }

const tailcfg::PackedRegion *Core::find_region(uint16_t id) const { return this->netmap_.regions().find(id); }

IpAddress Core::address(size_t slot, bool v6) const {
  const netmap::Peer *peer = this->netmap_.peer(this->netmap_.at(slot));
  if (peer == nullptr)
    return {};
  for (const Prefix &prefix : peer->prefixes.own()) {
    if (prefix.address.is_v6() == v6)
      return prefix.address;
  }
  return {};
}

}  // namespace microlink::client
