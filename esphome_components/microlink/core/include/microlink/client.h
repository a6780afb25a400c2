// SPDX-License-Identifier: MIT
#pragma once

#include <new>
#include <optional>

#include "microlink/base/log.h"
#include "microlink/config.h"
#include "microlink/ports.h"
#include "microlink/status.h"

namespace microlink {

namespace client {
class Core;
}

/// Something the owner may want to know. Views are valid until the next call of the client that is not const.
struct Event {
  enum class Kind : uint8_t {
    STATE_CHANGED,      ///< see Client::status()
    LOGIN_URL,          ///< `text`: a person must open it, to log in or at control's wish
    ADDRESSES_CHANGED,  ///< own tailnet addresses or name
    PEER_CHANGED,       ///< `peer` joined, changed, or its path changed
    PEER_GONE,
    PONG,  ///< answer to ping(): `peer`, `latency`, `path` (unset = relayed through `region`)
    PING_TIMED_OUT,
    KEY_ROTATED,
    ROTATION_FAILED,  ///< control does not take another node key, and why (`text`); the old one stays in use
    MESSAGE,          ///< health or display message of control: `text`; empty: it is over
    LOGGED_OUT,       ///< control confirmed, and the node is forgotten; STOPPED follows
    LOGOUT_FAILED,    ///< and why (`error`, `text`): nothing is forgotten, the node goes on as before
    STOPPED,          ///< after STOP, always, and after LOGGED_OUT
  };
  Kind kind;
  NodePublic peer{};
  Endpoint path{};
  uint16_t region{0};
  Duration latency{};
  std::string_view text{};
  Error error{Error::NONE};
};

/// Where a client's memory comes from: all of it at once, in the constructor. By default the heap.
struct Memory {
  void *(*take)(size_t size) {[](size_t size) { return ::operator new(size, std::nothrow); }};  ///< null: there is none
  void (*give)(void *memory){[](void *memory) { ::operator delete(memory); }};
};

/// A node of a tailnet, without I/O: the public interface of the core. See ports.h for the loop that drives it, and
/// port/posix for a ready one. TCP and UDP on the tailnet are in sockets.h, ready to use in port/lwip/stack_node.h.
///
/// All memory is taken in the constructor; nothing on a packet's or timer's path allocates (TLS sessions excepted).
/// Deterministic: the same inputs at the same times give the same actions, byte for byte.
class Client {
 public:
  /// `config`, what it views, and `log` (which may be null) must outlive the client.
  Client(const Config &config, const TrustStore &trust, LogSink *log, const Memory &memory = {});
  Client(const Config &&, const TrustStore &, LogSink *, const Memory & = {}) = delete;
  ~Client();
  /// Whether the constructor got its memory. If not, nothing else may be called.
  bool has_memory() const { return this->core_ != nullptr; }
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;

  /// Auth key for the next registration; copied, wiped after it was used. May come before or after START. NO_SPACE for
  /// one longer than 128 bytes.
  Error set_auth_key(std::string_view auth_key);

  /// The one door for everything that happens.
  void handle(Instant now, const Input &input);
  /// What to do next; `scratch` must hold SCRATCH_BYTES. Call until it is empty, after each handle() and command.
  std::optional<Action> poll_action(Instant now, ByteSpan scratch);
  std::optional<Event> poll_event();
  Instant next_timeout() const;

  // Commands. Each is an input too: poll actions and events afterwards.

  /// DISCO ping: exactly one PONG or PING_TIMED_OUT follows. UNKNOWN_PEER, NOT_READY, REJECTED (it is not allowed).
  Error ping(Instant now, const NodePublic &peer);
  /// Replace the node key now. NOT_READY while control is not connected. KEY_ROTATED or
  /// ROTATION_FAILED follows.
  Error rotate_node_key(Instant now);
  /// Tell control that the node key is over, and forget the node once control has confirmed it; the machine key stays.
  /// LOGGED_OUT or LOGOUT_FAILED follows, at most LOGOUT_LIMIT later, unless a STOP comes before. REJECTED: control
  /// said no; any other error: it could not be asked.
  void logout(Instant now);
  static constexpr Duration LOGOUT_LIMIT = seconds(15);
  /// Who may talk with this node at all from now on, whatever the tailnet's rules say. `list` is entries apart by
  /// blanks or commas: tags ("tag:server"), addresses and blocks ("100.64.0.7", "fd7a:115c:a1e0::/48"), node keys
  /// ("nodekey:…"), names of the own tailnet ("phone") and FQDNs. "*" alone is everybody, an empty list nobody. Peers
  /// that are not allowed any more lose their sessions at once; who is allowed by a tag that was not in the list before
  /// gets in when control has told the tags again.
  ///
  /// It is stored and counts after a restart too, until Config::allowed_peers is another one than now; setting what is
  /// configured removes what was stored. Errors as check_allowed_peers(), and nothing has changed then. Not before the
  /// RECORDs.
  Error set_allowed_peers(Instant now, std::string_view list);
  /// Whether a list can be set. MALFORMED, NO_SPACE (MAX_ALLOWED_PEERS, MAX_ALLOWLIST_BYTES); `wrong`, if given, is the
  /// entry of `list` that cannot.
  static Error check_allowed_peers(std::string_view list, std::string_view *wrong = nullptr);
  /// Entry `index` of Status::allowed_peers, as it can be set.
  FixedString<MAX_KEY_TEXT_BYTES> allowed_peer(size_t index) const;
  /// While true, as during an update of the firmware, which needs flash and processor for itself: records that only
  /// make the next start quicker wait, relays are not measured by routine, and no map is asked for that can wait. What
  /// waited is done when it ends.
  void set_quiet(Instant now, bool quiet);
  /// Measure all relays again.
  void netcheck(Instant now);
  /// A peer as for resolve(), wherever in the tailnet it is: one that is not in the table is asked for and gets a place
  /// (ADR 0004). NOT_READY while that is under way: ask again after each turn, at most FIND_LIMIT. UNKNOWN_PEER:
  /// control knows no such peer, or not for this node; it is asked again after a minute. MALFORMED.
  Result<PeerStatus> find(Instant now, std::string_view name_or_address);
  /// The longest time that a find() may wait for its turn, and for control's answer.
  static constexpr Duration FIND_LIMIT = seconds(35);

  Status status() const;
  size_t peer_count() const;
  PeerStatus peer(size_t index) const;
  /// Peer by MagicDNS short name, FQDN, tailnet address or node key; null when it is not in the table.
  std::optional<NodePublic> resolve(std::string_view name_or_address) const;
  const Statistics &statistics() const;
  /// Relay latencies of the last netcheck, nearest first: region id and round trip.
  struct RelayLatency {
    uint16_t region;
    FixedString<16> code;
    Duration latency;
  };
  size_t relay_latencies(std::span<RelayLatency> out) const;

 private:
  client::Core *core_{nullptr};
  void (*give_)(void *memory);
};

}  // namespace microlink
