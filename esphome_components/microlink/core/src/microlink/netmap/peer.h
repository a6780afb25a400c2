// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/netmap/peer_prefixes.h"

namespace microlink::netmap {

/// Names a slot of the peer table; the generation makes a reused slot a different peer.
struct PeerId {
  uint16_t slot{UINT16_MAX};
  uint16_t generation{0};
  bool is_set() const { return this->slot != UINT16_MAX; }
  bool operator==(const PeerId &) const = default;
};

/// Why a peer deserves its slot, strongest last (architecture D13).
enum class Claim : uint8_t { NONE, ONLINE, CACHED, WANTED, LIVE, PINNED };

/// When a key expires, in whole seconds since 1970: a part of one counts as a whole, so that no key ends early. A time
/// that does not fit is far away, or long past.
class Expiry {
 public:
  Expiry() = default;
  Expiry(WallTime at) {
    if (at == WallTime::UNKNOWN)
      return;
    const int64_t seconds = to_unix_seconds(at);
    this->seconds_ = static_cast<uint32_t>(std::clamp<int64_t>(seconds + (at > wall_seconds(seconds)), 1, UINT32_MAX));
  }
  /// UNKNOWN = never.
  operator WallTime() const { return wall_seconds(this->seconds_); }
  uint32_t unix_seconds() const { return this->seconds_; }
  bool operator==(const Expiry &) const = default;

 private:
  uint32_t seconds_{0};
};

struct Peer {
  tailcfg::NodeId id{0};
  Expiry key_expiry;
  NodePublic key{};
  DiscoPublic disco_key{};
  PeerPrefixes prefixes;
  std::optional<bool> online;
  uint16_t home_derp{0};
  uint16_t cap{0};
  Claim claim : 3 {Claim::NONE};
  bool is_jailed : 1 {false};
  bool allowed : 1 {true};      ///< passes the local allowlist, may use the network at all, and no key is over
  bool from_cache : 1 {false};  ///< known from storage only; control has not confirmed it yet
  bool expired : 1 {false};     ///< its node key is over
};

static_assert(sizeof(Peer) <= 152 && sizeof(Expiry) == 4, "it exists for each peer of the table");

struct Self {
  tailcfg::NodeId id{0};
  NodePublic key{};
  tailcfg::NodeName name;
  FixedVector<Prefix, 2> addresses;
  WallTime key_expiry{WallTime::UNKNOWN};
  bool expired{false};
  bool machine_authorized{false};
  bool operator==(const Self &) const = default;
};

struct Event {
  enum class Kind : uint8_t {
    SELF_CHANGED,
    PEER_ADDED,
    PEER_CHANGED,      ///< home, name, addresses, online, allowed
    PEER_KEY_CHANGED,  ///< node key: drop session and path
    PEER_RESTARTED,    ///< disco key: drop path and session
    PEER_REMOVED,      ///< the slot may be reused already
    DERP_MAP_CHANGED,
    FULL_MAP_APPLIED,
    RESYNC,  ///< events were lost: compare everything that was remembered with the table (PeerIds that are gone are
             ///< null)
  };
  Kind kind;
  PeerId peer{};
};

}  // namespace microlink::netmap
