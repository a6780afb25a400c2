// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_vector.h"
#include "microlink/tailcfg/map_request.h"

namespace microlink::control {

/// What the server is to know of this node, and which version of it the server confirmed. Updates and streaming
/// requests are made from the same values, since servers differ in which of the two they believe (02 §1.2, 07 §4).
class Announcement {
 public:
  Announcement(const DiscoPublic &disco_key, const tailcfg::Hostinfo &hostinfo)
      : disco_key_(disco_key), hostinfo_(hostinfo) {}

  // Each says whether it changed anything: an update without a change costs every peer of a Headscale a message.
  /// More than MAX_OWN_ENDPOINTS: the rest is ignored.
  bool set_endpoints(std::span<const tailcfg::OwnEndpoint> endpoints);
  /// Everything but the home region.
  bool set_net_info(const tailcfg::NetInfo &net_info);
  bool set_preferred_derp(uint16_t region);

  bool is_confirmed() const { return this->confirmed_ == this->version_; }
  uint32_t version() const { return this->version_; }
  void confirm(uint32_t version) { this->confirmed_ = version; }
  /// The server may know nothing (new registration, new node key).
  void forget_confirmation() { this->confirmed_ = 0; }

  /// Body of an update or of a streaming request; a view of what is announced now.
  tailcfg::MapRequest map_request(const NodePublic &node_key, bool stream) const;
  const tailcfg::Hostinfo &hostinfo() const { return this->hostinfo_; }

 private:
  DiscoPublic disco_key_;
  tailcfg::Hostinfo hostinfo_;
  FixedVector<tailcfg::OwnEndpoint, MAX_OWN_ENDPOINTS> endpoints_;
  uint32_t version_{1};
  uint32_t confirmed_{0};
};

}  // namespace microlink::control
