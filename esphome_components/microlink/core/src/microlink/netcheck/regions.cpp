// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "microlink/base/hash.h"
#include "microlink/netcheck/netcheck.h"

namespace microlink::netcheck {

namespace {

constexpr uint16_t DEFAULT_STUN_PORT = 3478;

}  // namespace

void Netcheck::set_regions(Instant now, std::span<const tailcfg::PackedRegion> regions) {
  regions = regions.first(std::min(regions.size(), MAX_DERP_REGIONS));
  this->map_ = regions;
  bool changed = false;
  for (size_t i = this->regions_.size(); i-- != 0;) {
    bool stays = false;
    for (const tailcfg::PackedRegion &region : regions)
      stays = stays || region.id() == this->regions_[i].id;
    if (stays)
      continue;
    this->regions_.remove(i);
    changed = true;
  }
  // Now every region that is there is wanted; bring each to its place in the map's order.
  for (size_t i = 0; i != regions.size(); i++) {
    Region *old = this->find_(regions[i].id());
    if (old == nullptr) {
      if (!this->regions_.push_back(Region{}))
        break;  // a map that names a region twice
      old = &this->regions_.back();
      changed = true;
    }
    changed = this->read_(regions[i], *old) || changed;
    if (i < this->regions_.size() && old != &this->regions_[i])
      std::swap(*old, this->regions_[i]);
  }
  if (!this->regions_.empty() && this->find_(this->home_) == nullptr)
    this->home_ = 0;
  if (changed)
    this->begin_full_(now);
}

void Netcheck::set_score(uint16_t region, uint16_t thousandths) {
  if (Region *found = this->find_(region))
    found->score = thousandths;
}

/// What a region announces, over what was known of it. Whether that is something else.
bool Netcheck::read_(const tailcfg::PackedRegion &from, Region &to) const {
  const uint32_t fingerprint = Fnv1a().add(as_bytes(this->control_host_)).add(from.fingerprint()).value();
  if (to.id == from.id() && to.fingerprint == fingerprint)
    return false;
  to.id = from.id();
  to.fingerprint = fingerprint;
  to.avoid = from.avoid();
  to.no_home = from.no_measure_no_home();
  to.servers.clear();
  for (size_t i = 0; i != from.size(); i++) {
    const tailcfg::DerpNodeView node = from.node(i);
    Server server;
    for (const IpAddress &address : {node.ipv4, node.ipv6}) {
      if (address.is_set())
        server.set(address);
    }
    this->find_addresses_(node, server);
    (void) to.servers.push_back(server);
  }
  return true;
}

/// A host that is a literal needs no DNS, and a name only if the map lacks an address.
void Netcheck::find_addresses_(const tailcfg::DerpNodeView &node, Server &server) const {
  const Announced announced = this->announced_(node);
  if (const auto literal = parse_ip(announced.host)) {
    const Family family = literal->is_v4() ? V4 : V6;
    if (!server.has(family) && !announced.none[family])
      server.set(*literal);
    return;
  }
  const bool lacks_one =
      (!server.has(V4) && !announced.none[V4]) || (!server.has(V6) && !announced.none[V6] && !server.has(V4));
  if (lacks_one && !announced.host.empty())
    server.dns = Server::Dns::WANTED;
}

Netcheck::Announced Netcheck::announced_(const tailcfg::DerpNodeView &node) const {
  Announced out{.host = node.host_name.empty() ? this->control_host_ : node.host_name};
  if (node.stun_port >= 0)
    out.port = node.stun_port == 0 ? DEFAULT_STUN_PORT : static_cast<uint16_t>(node.stun_port);
  out.none[V4] = node.no_ipv4;
  out.none[V6] = node.no_ipv6;
  return out;
}

/// What the map says about a server of `region`; nothing while the region's place in the map holds another one.
Netcheck::Announced Netcheck::announced_(const Region &region, const Server &server) const {
  const auto index = static_cast<size_t>(&server - region.servers.begin());
  for (const tailcfg::PackedRegion &entry : this->map_) {
    if (entry.id() == region.id && index < entry.size())
      return this->announced_(entry.node(index));
  }
  return {};
}

/// The servers of a region take turns.
const Netcheck::Server *Netcheck::server_for_(const Region &region, Family family, uint8_t attempt) const {
  const auto can_ask = [&](const Server &server) {
    return server.has(family) && this->announced_(region, server).port != 0;
  };
  size_t count = 0;
  for (const Server &server : region.servers)
    count += can_ask(server) ? 1 : 0;
  if (count == 0)
    return nullptr;
  size_t skip = attempt % count;
  for (const Server &server : region.servers) {
    if (can_ask(server) && skip-- == 0)
      return &server;
  }
  return nullptr;
}

Netcheck::Region *Netcheck::find_(uint16_t region) {
  for (Region &candidate : this->regions_) {
    if (candidate.id == region && region != 0)
      return &candidate;
  }
  return nullptr;
}

const Netcheck::Region *Netcheck::find_(uint16_t region) const { return const_cast<Netcheck *>(this)->find_(region); }

}  // namespace microlink::netcheck
