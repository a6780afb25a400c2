// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"
#include "microlink/keys/keys.h"

namespace microlink {

/// Counts what was in a slot: each goes up when its key changes, both when the slot is given to another peer.
struct KeyVersions {
  uint16_t node{0};
  uint16_t disco{0};
  bool operator==(const KeyVersions &) const = default;
};

/// The public keys of the peers in the table's slots. They are kept once, by the netmap; who needs one looks it up.
///
/// Who made something of a key (a session, a shared secret) remembers the version beside it. If that is another one
/// now, the change has happened and the news of it has not come yet: until then what is in the slot is nobody, and no
/// key is taken from it. Versions wrap after 65,536 changes, and news come after each input.
class PeerKeys {
 public:
  /// Unset for an empty slot. `slot` is below MAX_PEERS, here and below.
  virtual const NodePublic &node_key(size_t slot) const = 0;
  virtual const DiscoPublic &disco_key(size_t slot) const = 0;
  virtual KeyVersions key_versions(size_t slot) const = 0;
  /// Whether somebody's address inside the tailnet, our own too, or one that only tailnets use. Such a one is never a
  /// way to a peer: packets to it would go into the tunnel that they are to carry. Not all of 100.64.0.0/10 is one:
  /// providers use it, too.
  virtual bool is_overlay_address(const IpAddress &address) const = 0;

 protected:
  ~PeerKeys() = default;
};

}  // namespace microlink
