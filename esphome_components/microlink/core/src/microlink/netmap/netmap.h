// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/engine.h"
#include "microlink/tailcfg/types.h"

namespace microlink::netmap {

/// The node's view of the tailnet in constant memory: self, a table of MAX_PEERS peers, the DERP regions that matter,
/// names. Applies full maps by mark and sweep, and deltas; tells what changed. Fed by tailcfg::MapSink's calls, which
/// `client` passes on.

/// Names a slot of the peer table; the generation makes a reused slot a different peer.
struct PeerId {
  uint16_t slot{UINT16_MAX};
  uint16_t generation{0};
  bool is_set() const { return this->slot != UINT16_MAX; }
  bool operator==(const PeerId &) const = default;
};

/// Why a peer deserves its slot, strongest last (architecture D13).
enum class Claim : uint8_t { NONE, ONLINE, CACHED, WANTED, LIVE, PINNED };

struct Peer {
  tailcfg::NodeId id{0};
  NodePublic key{};
  DiscoPublic disco_key{};
  tailcfg::NodeName name;
  FixedVector<Prefix, 2> addresses;
  tailcfg::AllowedIps allowed_ips;
  tailcfg::PeerEndpoints endpoints;
  WallTime key_expiry{WallTime::UNKNOWN};
  uint16_t home_derp{0};
  uint16_t cap{0};
  std::optional<bool> online;
  bool is_jailed{false};
  bool allowed{true};   ///< passes the local allowlist
  bool from_cache{false};  ///< known from storage only; control has not confirmed it yet
  Claim claim{Claim::NONE};
};

struct Self {
  tailcfg::NodeId id{0};
  NodePublic key{};
  tailcfg::NodeName name;
  FixedVector<Prefix, 2> addresses;
  WallTime key_expiry{WallTime::UNKNOWN};
  bool expired{false};
  bool machine_authorized{false};
};

struct Event {
  enum class Kind : uint8_t {
    SELF_CHANGED,
    PEER_ADDED,
    PEER_CHANGED,      ///< endpoints, home, name, addresses, online
    PEER_KEY_CHANGED,  ///< node key: drop session and path
    PEER_RESTARTED,    ///< disco key: drop path and session
    PEER_REMOVED,      ///< key, disco key and id tell who it was; the slot may be reused already
    DERP_MAP_CHANGED,
    FULL_MAP_APPLIED,
  };
  Kind kind;
  PeerId peer{};
  NodePublic key{};
  DiscoPublic disco_key{};
};

}  // namespace microlink::netmap
