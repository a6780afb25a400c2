// SPDX-License-Identifier: MIT
#pragma once

#include "bench/rv32/count.h"
#include "microlink/wireguard/tunnel.h"

namespace bench {

/// All peers are the one other side.
struct OneKey final : microlink::PeerKeys {
  const microlink::NodePublic &node_key(size_t /*slot*/) const override { return this->key; }
  const microlink::DiscoPublic &disco_key(size_t /*slot*/) const override { return this->disco; }
  microlink::KeyVersions key_versions(size_t /*slot*/) const override { return {}; }
  bool is_overlay_address(const microlink::IpAddress & /*address*/) const override { return false; }
  microlink::NodePublic key{};
  microlink::DiscoPublic disco{};
};

/// One end of a tunnel.
struct End {
  explicit End(microlink::Random &random) : tunnel(random, this->peers) { this->key.generate(random); }
  /// The other end is the peer in `slot`.
  void meet(const End &other, microlink::wireguard::Slot slot) {
    this->tunnel.set_identity(this->key);
    this->tunnel.set_wall_time(microlink::Instant{}, microlink::wall_seconds(1'800'000'000));
    this->peers.key = other.key.public_key();
    require(this->tunnel.add_peer(slot) == microlink::Error::NONE, "add_peer");
  }
  /// What the tunnel asks its owner for.
  void serve(microlink::Instant now) {
    using Kind = microlink::wireguard::Tunnel::Event::Kind;
    while (const auto event = this->tunnel.poll_event()) {
      if (event->kind == Kind::RESERVE_TIMESTAMP)
        this->tunnel.handle_reserved(now, event->reserve_until);
    }
  }
  microlink::NodePrivate key;
  OneKey peers;
  microlink::wireguard::Tunnel tunnel;
};

}  // namespace bench
