// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/wireguard/tunnel.h"
#include "tests/support/peer_keys.h"

namespace microlink::wireguard {

struct TunnelKeys {
  microlink::testing::PeerKeyTable keys;
};

/// A tunnel whose peers' keys stand beside it.
class KeyedTunnel : public TunnelKeys, public Tunnel {
 public:
  explicit KeyedTunnel(Random &random) : Tunnel(random, TunnelKeys::keys) {}
  Error add_peer(Slot slot, const NodePublic &key) {
    if (slot < MAX_PEERS)
      this->keys.set(slot, key);
    return Tunnel::add_peer(slot);
  }
};

}  // namespace microlink::wireguard
