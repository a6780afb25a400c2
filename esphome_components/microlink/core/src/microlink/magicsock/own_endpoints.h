// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "microlink/base/fixed_vector.h"
#include "microlink/base/short_time.h"
#include "microlink/status.h"
#include "microlink/tailcfg/map_request.h"

namespace microlink::magicsock {

using tailcfg::EndpointType;
using tailcfg::OwnEndpoint;

/// Where others may reach this node: what STUN servers saw, and the addresses of its interfaces. Full: interface
/// addresses are left out first.
class OwnEndpoints {
 public:
  /// What STUN told is remembered so long after it was seen last.
  static constexpr Duration MEMORY = seconds(310);
  static constexpr size_t MAX_LOCAL = 6;
  static constexpr size_t MAX_REFLEXIVE = 4;
  using All = FixedVector<OwnEndpoint, MAX_OWN_ENDPOINTS>;

  // Each says whether all() is another set now.
  bool set_local(std::span<const Endpoint> endpoints, bool fixed_port);
  bool note_reflexive(Instant now, const Endpoint &endpoint);
  bool set_nat(NatKind nat);
  bool expire(Instant now);
  bool forget_reflexive();

  /// STUN first, then STUN's address with the fixed local port (a router may forward it), then local.
  All all() const;
  std::span<const Endpoint> local() const { return {this->local_.begin(), this->local_.size()}; }
  bool has_local() const { return !this->local_.empty(); }
  /// Whether the underlay can reach addresses of this family beyond the link.
  bool has_ipv4() const;
  bool has_ipv6() const;
  /// When expire() has something to do.
  Instant next_expiry(Instant now) const;

 private:
  struct Reflexive {
    Endpoint endpoint{};
    Stamp seen;
  };

  bool is_other_set_(const All &before) const;

  FixedVector<Endpoint, MAX_LOCAL> local_;
  FixedVector<Reflexive, MAX_REFLEXIVE> reflexive_;  ///< the newest first
  NatKind nat_{NatKind::UNKNOWN};
  bool fixed_port_{false};
};

}  // namespace microlink::magicsock
