// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"
#include "microlink/base/time.h"
#include "microlink/keys/keys.h"
#include "microlink/netmap/netmap.h"
#include "microlink/status.h"

namespace microlink::magicsock {

/// What the engine tells its owner.
struct Event {
  enum class Kind : uint8_t {
    PACKET,        ///< WireGuard: `packet` from `from` (relayed: 127.3.3.40:<region>), of `peer` as far as it is known
    PATH_CHANGED,  ///< `peer` is reached at `endpoint` (unset: relayed) from now on
    ENDPOINTS_CHANGED,  ///< own_endpoints() is different
    HOME_CHOSEN,        ///< `region` is the home region from now on
    NAT_CHANGED,        ///< `nat`
    RESOLVE,            ///< addresses of `host` are wanted; answer with netcheck().handle_resolved()
    REPORT_DONE,        ///< a network check has ended
    PONG,               ///< answer to ping(): `peer` after `latency`, from `endpoint` or (unset) through `region`
    PING_TIMED_OUT,     ///< ping() of `peer` had no answer for 5 s
  };
  Kind kind;
  netmap::PeerId peer{};
  ByteSpan packet{};  ///< the caller's own bytes
  Endpoint from{};
  Endpoint endpoint{};
  uint16_t region{0};
  NatKind nat{NatKind::UNKNOWN};
  Duration latency{};
  std::string_view host{};
};

struct Transmit {
  enum class Kind : uint8_t { UDP, RELAY };
  Kind kind;
  size_t size;         ///< bytes in `out`
  Endpoint to{};       ///< UDP
  uint16_t region{0};  ///< RELAY: through this region
  NodePublic peer{};   ///< RELAY: to this node
};

/// Where to send a WireGuard message: directly, through a relay, or (while a path is doubtful) both. Neither: nowhere.
struct Route {
  Endpoint direct{};
  uint16_t region{0};
  bool operator==(const Route &) const = default;
};

/// What the netmap says about a peer, beside its keys.
struct PeerInfo {
  std::optional<std::span<const Endpoint>> endpoints{};  ///< unset: as set_endpoints() said
  uint16_t home_region{0};
  bool allowed{true};
};

struct Counters {
  uint32_t rx_disco{0};
  uint32_t rx_unknown_disco{0};  ///< disco key that nobody has: dropped before cryptography
  uint32_t rx_bad_disco{0};      ///< could not be opened or made no sense
  uint32_t rx_geneve{0};
  uint32_t rx_limited{0};  ///< pings and CallMeMaybes beyond their rate
  uint32_t tx_pings{0};
  uint32_t tx_pongs{0};
  uint32_t tx_call_me_maybe{0};
};

}  // namespace microlink::magicsock
