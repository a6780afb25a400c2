// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/time.h"
#include "microlink/capacity.h"

namespace microlink {

/// What a user decides, given to Client before it starts. The client refers to it: it must outlive the client and stay
/// as it is.
struct Config {
  /// Coordination server. "https://host[:port]"; "http://…" only together with allow_plain_http.
  FixedString<MAX_URL_BYTES> control_url{"https://controlplane.tailscale.com"};
  /// "mkey:…": the server's Noise key, pinned. Empty: fetched over verified HTTPS and cached.
  FixedString<69> control_key;
  /// Name that the node asks for, at most 63 letters, digits and dashes.
  FixedString<63> hostname;
  /// Tags to request, e.g. "tag:sensor".
  FixedVector<FixedString<MAX_TAG_BYTES>, 4> request_tags;
  /// Extra CAs (PEM, NUL-terminated or not). Must outlive the client. Empty: only the port's bundle.
  std::string_view ca_certificates;
  /// What the admin console shows, e.g. "linux" or "esp32c3".
  FixedString<24> os{"linux"};
  FixedString<48> device_model;
  /// Firmware's build time: certificates are never checked against an earlier date (D17).
  WallTime build_time{WallTime::UNKNOWN};
  /// Replace the node key this long before it expires, or in the second half of what is left when its end is learnt;
  /// ZERO = never ahead. Control may refuse: the key stays, a message says so, and it is tried again.
  Duration rotate_before_expiry{seconds(7 * 24 * 3600)};
  /// For tests with a server that has no TLS: the control URL may be http:// and /key is believed.
  bool allow_plain_http{false};
  /// The port's UDP socket has the same port after a restart, so that a router may forward it.
  bool fixed_port{false};
  /// Who may talk with this node at all, beside what the tailnet's rules say: see Client::set_allowed_peers(). Not
  /// copied: must outlive the client. A list that cannot be read lets nobody in.
  std::string_view allowed_peers{"*"};
  /// Who keeps a place in the table of peers whoever else comes (MAX_PEERS), so that nothing has to be asked of control
  /// to talk with them: a list as above, without "*", of which what is no selector selects nobody. More than there are
  /// places: who is met first. Not copied.
  std::string_view priority_peers;
  /// Never send or expect UDP: everything goes through the relay.
  bool relay_only{false};
  /// Whether the port's overlay interface takes IPv6 packets. If not, the node has no IPv6 address to the port and in
  /// its status, and answers those packets itself: peers have heard of the address from control, and fall back to IPv4.
  bool overlay_ipv6{true};
};

}  // namespace microlink
