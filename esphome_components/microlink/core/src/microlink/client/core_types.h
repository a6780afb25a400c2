// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "microlink/base/short_time.h"
#include "microlink/client/clock.h"
#include "microlink/client/key_renewal.h"
#include "microlink/netmap/netmap.h"
#include "microlink/ports.h"

namespace microlink::client {

/// For a person, while tailnet lock is on and the node's key is not signed. The node cannot sign it itself.
constexpr char LOCKED_OUT[] =
    "tailnet lock is on and this node's key is not signed: peers do not accept it; run `tailscale lock sign` with its "
    "node key on a signing node";

/// What the engines were told of the peer in a slot.
struct KnownPeer {
  netmap::PeerId id{};
  KeyVersions versions{};
  Stamp used;              ///< when it came, or the last packet to or from it; wrapped, it keeps its place for seconds
  uint16_t rejected_s{0};  ///< second, modulo 2^16, in which it was told last that a connection is not wanted
  bool allowed{false};     ///< only then the tunnel knows it
  bool lost_session{false};  ///< it may be sending with a session that is lost here: called once its path is proved

  /// Whether it may be told now, once a second, that it is not wanted; it counts as told.
  bool may_reject(Instant now) {
    const auto second = static_cast<uint16_t>(static_cast<int64_t>(now) / 1'000'000);
    return std::exchange(this->rejected_s, second) != second;
  }
};
static_assert(sizeof(KnownPeer) == 16, "it exists for each peer of the table");

enum class Run : uint8_t {
  STOPPED,      ///< nothing runs
  RUNNING,      ///< START was given
  LOGGING_OUT,  ///< control is being told; then STOPPED
};

/// The one ping of a peer that control asked for (tailcfg.PingRequest), while its answer is awaited.
struct ControlPing {
  enum class Type : uint8_t { NONE, DISCO, TSMP, ICMP };
  static constexpr Duration TIMEOUT = seconds(10);

  Type type{Type::NONE};
  netmap::PeerId peer{};
  Bytes<8> data{};  ///< TSMP, ICMP: what comes back
  Instant sent{};
  Instant deadline{Instant::NEVER};
};

/// Bytes of the current input that are not used up yet: the port's, or decrypted ones where the stream's user wants
/// them.
struct Pending {
  StreamId stream{0};
  ByteSpan in{};
  ByteSpan plain{};
  bool active{false};
};

}  // namespace microlink::client
