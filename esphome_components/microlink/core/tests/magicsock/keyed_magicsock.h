// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/magicsock/magicsock.h"
#include "tests/support/peer_keys.h"

namespace microlink::magicsock {

struct MagicsockKeys {
  microlink::testing::PeerKeyTable keys;
};

/// A PeerInfo and the keys that go with it.
struct KeyedPeer {
  NodePublic key{};
  DiscoPublic disco_key{};
  std::optional<std::span<const Endpoint>> endpoints{};
  uint16_t home_region{0};
  bool allowed{true};
};

/// A magicsock whose peers' keys stand beside it.
class KeyedMagicsock : public MagicsockKeys, public Magicsock {
 public:
  explicit KeyedMagicsock(Random &random) : Magicsock(random, MagicsockKeys::keys) {}
  Error set_peer(Instant now, netmap::PeerId id, const KeyedPeer &peer) {
    if (id.slot < MAX_PEERS)
      this->keys.set(id.slot, peer.key, peer.disco_key);
    return Magicsock::set_peer(now, id,
                               {.endpoints = peer.endpoints, .home_region = peer.home_region, .allowed = peer.allowed});
  }
};

}  // namespace microlink::magicsock
