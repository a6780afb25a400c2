// SPDX-License-Identifier: MIT
#include "microlink/control/announcement.h"

namespace microlink::control {

bool Announcement::set_endpoints(std::span<const tailcfg::OwnEndpoint> endpoints) {
  FixedVector<tailcfg::OwnEndpoint, MAX_OWN_ENDPOINTS> next;
  for (const auto &endpoint : endpoints)
    (void) next.push_back(endpoint);
  if (next == this->endpoints_)
    return false;
  this->endpoints_ = next;
  this->version_++;
  return true;
}

bool Announcement::set_net_info(const tailcfg::NetInfo &net_info) {
  tailcfg::NetInfo &known = this->hostinfo_.net_info;
  if (known.working_udp == net_info.working_udp && known.working_ipv6 == net_info.working_ipv6 &&
      known.mapping_varies == net_info.mapping_varies && known.link_type == net_info.link_type)
    return false;
  const uint16_t preferred_derp = known.preferred_derp;
  known = net_info;
  known.preferred_derp = preferred_derp;
  this->version_++;
  return true;
}

bool Announcement::set_preferred_derp(uint16_t region) {
  if (this->hostinfo_.net_info.preferred_derp == region)
    return false;
  this->hostinfo_.net_info.preferred_derp = region;
  this->version_++;
  return true;
}

tailcfg::MapRequest Announcement::map_request(const NodePublic &node_key, bool stream) const {
  tailcfg::MapRequest request;
  request.node_key = node_key;
  request.disco_key = this->disco_key_;
  request.hostinfo = this->hostinfo_;
  request.endpoints = {this->endpoints_.begin(), this->endpoints_.size()};
  request.stream = stream;
  request.omit_peers = !stream;
  return request;
}

}  // namespace microlink::control
