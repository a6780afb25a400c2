// SPDX-License-Identifier: MIT
#include <utility>

#include "microlink/netcheck/netcheck.h"

namespace microlink::netcheck {

namespace {

constexpr uint16_t DEFAULT_STUN_PORT = 3478;

}  // namespace

void Netcheck::set_regions(Instant now, std::span<const tailcfg::DerpRegion> regions) {
  regions = regions.first(std::min(regions.size(), MAX_DERP_REGIONS));
  bool changed = false;
  for (size_t i = this->regions_.size(); i-- != 0;) {
    bool stays = false;
    for (const tailcfg::DerpRegion &region : regions)
      stays = stays || region.id == this->regions_[i].id;
    if (stays)
      continue;
    this->regions_.remove(i);
    changed = true;
  }
  // Now every region that is there is wanted; bring each to its place in the map's order.
  for (size_t i = 0; i != regions.size(); i++) {
    Region *old = this->find_(regions[i].id);
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

void Netcheck::set_score(uint16_t region, uint32_t thousandths) {
  if (Region *found = this->find_(region))
    found->score = thousandths;
}

/// What a region announces, over what was known of it. Whether that is something else.
bool Netcheck::read_(const tailcfg::DerpRegion &from, Region &to) const {
  bool changed = to.id != from.id || to.avoid != from.avoid || to.no_home != from.no_measure_no_home ||
                 to.servers.size() != from.nodes.size();
  to.id = from.id;
  to.avoid = from.avoid;
  to.no_home = from.no_measure_no_home;
  while (to.servers.size() > from.nodes.size())
    to.servers.pop_back();
  for (size_t i = 0; i != from.nodes.size(); i++) {
    const tailcfg::DerpNode &node = from.nodes[i];
    Server server;
    server.host = node.host_name.empty() ? FixedString<MAX_HOST_BYTES>(this->control_host_) : node.host_name;
    server.none[V4] = node.no_ipv4;
    server.none[V6] = node.no_ipv6;
    server.addresses[V4] = server.announced[V4] = node.ipv4;
    server.addresses[V6] = server.announced[V6] = node.ipv6;
    if (node.stun_port >= 0 && node.stun_port <= UINT16_MAX)
      server.port = node.stun_port == 0 ? DEFAULT_STUN_PORT : static_cast<uint16_t>(node.stun_port);
    this->find_addresses_(server);
    if (i == to.servers.size())
      (void) to.servers.push_back(server);
    else if (!(to.servers[i].announces_as(server)))
      to.servers[i] = server;
    else
      continue;
    changed = true;
  }
  return changed;
}

/// A host that is a literal needs no DNS, and a name only if the map lacks an address.
void Netcheck::find_addresses_(Server &server) const {
  if (const auto literal = parse_ip(server.host)) {
    const Family family = literal->is_v4() ? V4 : V6;
    if (!server.addresses[family].is_set() && !server.none[family])
      server.addresses[family] = *literal;
    return;
  }
  const bool lacks_one = (!server.addresses[V4].is_set() && !server.none[V4]) ||
                         (!server.addresses[V6].is_set() && !server.none[V6] && !server.addresses[V4].is_set());
  if (lacks_one && !server.host.empty())
    server.dns = Server::Dns::WANTED;
}

bool Netcheck::Server::announces_as(const Server &other) const {
  return this->host == other.host && this->port == other.port && this->none[V4] == other.none[V4] &&
         this->none[V6] == other.none[V6] && this->announced[V4] == other.announced[V4] &&
         this->announced[V6] == other.announced[V6];
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
