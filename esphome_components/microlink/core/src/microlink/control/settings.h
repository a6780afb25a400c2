// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/time.h"
#include "microlink/control/auth_key.h"
#include "microlink/control/server_url.h"
#include "microlink/keys/keys.h"

namespace microlink::control {

/// How long the server has to confirm a logout.
constexpr Duration LOGOUT_TIMEOUT = seconds(15);

/// What the owner decides once, before start().
struct Settings {
  ServerUrl server;  ///< a view of the URL
  /// http:// is refused without it: over plain HTTP nobody vouches for the server's key.
  bool allow_plain_http{false};
  /// Registrations go without the auth key.
  bool withhold_auth_key{false};
  MachinePublic pinned_key{};  ///< the server's Noise key from the configuration; unset = fetched and cached
  MachinePublic cached_key{};  ///< one that an earlier CONTROL_KEY event told
};

/// The node's keys as control sees them. References are to what is the owner's and must outlive the session.
struct Identity {
  const MachinePrivate &machine;
  NodePublic node_key;
  DiscoPublic disco_key;
  AuthKey &auth_key;  ///< for the next registration; the session wipes it once one succeeded
};

}  // namespace microlink::control
