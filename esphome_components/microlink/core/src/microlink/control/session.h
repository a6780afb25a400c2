// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/backoff.h"
#include "microlink/base/engine.h"
#include "microlink/base/log.h"
#include "microlink/base/random.h"
#include "microlink/base/timer_table.h"
#include "microlink/control/attempt.h"
#include "microlink/control/channel.h"
#include "microlink/control/event.h"
#include "microlink/control/key_fetch.h"
#include "microlink/control/map_tap.h"
#include "microlink/control/server_url.h"
#include "microlink/control/requests.h"
#include "microlink/status.h"

namespace microlink::control {

/// What the owner decides once, before start().
struct Settings {
  ServerUrl server;
  /// http:// is refused without it: over plain HTTP nobody vouches for the server's key.
  bool allow_plain_http{false};
  MachinePublic pinned_key{};  ///< the server's Noise key from the configuration; unset = fetched and cached
  MachinePublic cached_key{};  ///< one that an earlier CONTROL_KEY event told
};

/// The node's keys as control sees them. The machine key is the owner's and must outlive the session.
struct Identity {
  const MachinePrivate &machine;
  NodePublic node_key;
  DiscoPublic disco_key;
};

/// What the session is doing. Timers: see Session::Timer.
enum class SessionState : uint8_t {
  STOPPED,          ///< nothing runs. Exits: start() → FETCHING_KEY or CONNECTING
  FETCHING_KEY,     ///< GET /key. ATTEMPT 10 s. Exits: key → CONNECTING; failure → BACKING_OFF
  CONNECTING,       ///< Noise over one or two links. ATTEMPT 10 s, FALLBACK 500 ms. Exits: first handshake →
                    ///< REGISTERING, STREAMING or LOGGING_OUT; all failed → FETCHING_KEY (once) or BACKING_OFF
  REGISTERING,      ///< RegisterRequest under way. REQUEST 60 s. Exits: accepted → STREAMING; AuthURL →
                    ///< WAITING_FOR_LOGIN; NodeKeyExpired → NEEDS_NODE_KEY; refused or lost → BACKING_OFF
  WAITING_FOR_LOGIN,  ///< followup under way. REQUEST 5 min, then asked again. Exits as REGISTERING
  NEEDS_NODE_KEY,   ///< waits for rotate(). Exit: rotate() → REGISTERING
  STREAMING,        ///< map stream asked for or running. WATCHDOG 120 s. Exits: lost → BACKING_OFF; node unknown →
                    ///< BACKING_OFF, then registers again; rotate() stays here
  BACKING_OFF,      ///< no connection. RETRY. Exit: timer → FETCHING_KEY or CONNECTING
  LOGGING_OUT,      ///< the last RegisterRequest is under way, or its connection. REQUEST 15 s. Exit → STOPPED
  COUNT,
};
const char *session_state_name(SessionState state);

/// The ts2021 client (01 and 02 of the protocol notes; tailscale control/controlclient): fetches and checks the
/// server's key, keeps one Noise connection with HTTP/2 on it, registers the node, keeps the server's picture of the
/// node up to date and one map stream open, whose content goes to a tailcfg::MapSink. It comes back by itself after any
/// failure; what the owner learnt before stays true meanwhile.
///
/// It sees plain bytes: TLS is the owner's, who opens and closes the connections that events ask for.
class Session {
 public:
  using Event = control::Event;
  using Transmit = control::Transmit;
  using State = SessionState;

  /// `sink`, `random`, `log` and identity.machine must outlive the session; settings and hostinfo are copied.
  Session(const Settings &settings, const Identity &identity, const tailcfg::Hostinfo &hostinfo,
          tailcfg::MapSink &sink, Random &random, LogSink *log);

  // --- Commands ------------------------------------------------------------------------------------------------

  /// REJECTED for an http:// server without allow_plain_http; UNEXPECTED unless STOPPED.
  Error start(Instant now);
  /// Drops everything at once; CLOSE events follow.
  void stop(Instant now);
  /// The network changed: drop the connections and connect again without waiting.
  void reconnect(Instant now);
  /// For the next registration; copied, wiped once a registration succeeded. NO_SPACE above MAX_AUTH_KEY_BYTES.
  Error set_auth_key(Instant now, std::string_view auth_key);
  /// Register `next` in place of the current node key. ROTATED or ROTATION_FAILED follows, also across reconnections.
  /// NOT_READY while not STREAMING or NEEDS_NODE_KEY, or while another rotation is under way.
  Error rotate(Instant now, const NodePublic &next);
  /// The self node says that the key has expired: stop streaming and ask for a new one (NEED_NODE_KEY).
  /// NOT_READY unless STREAMING.
  Error handle_key_expired(Instant now);
  /// Tell the server that the key is over. LOGGED_OUT follows within 15 s; then STOPPED.
  void logout(Instant now);
  /// Close the map stream and open a new one on the same connection, for its full netmap. NOT_READY unless STREAMING.
  Error poll_again(Instant now);

  // What the server is told about this node; sent when it differs from what the server was told last.
  void set_endpoints(Instant now, std::span<const tailcfg::OwnEndpoint> endpoints);
  void set_net_info(Instant now, const tailcfg::NetInfo &net_info);
  /// The home region. Goes out without the delay that bursts of other changes get.
  void set_preferred_derp(Instant now, uint16_t region);

  // --- Input ---------------------------------------------------------------------------------------------------

  void handle_open(Instant now, Link link);
  /// Decrypted in place; everything is consumed.
  void handle_bytes(Instant now, Link link, ByteSpan in);
  /// The connection ended or could not be opened; UNTRUSTED when TLS refused the server's certificate.
  void handle_closed(Instant now, Link link, Error error);
  void handle_timeout(Instant now);

  // --- Output --------------------------------------------------------------------------------------------------

  std::optional<Event> poll_event();
  /// `out` must hold at least MIN_TRANSMIT_BYTES; more is used, up to one Noise record of 4096.
  std::optional<Transmit> poll_transmit(Instant now, ByteSpan out);
  static constexpr size_t MIN_TRANSMIT_BYTES = 512;
  static constexpr size_t MAX_AUTH_KEY_BYTES = 128;
  Instant next_timeout() const { return this->timers_.next(); }
  State state() const { return this->state_; }
  /// The same in the words of Status.
  ControlState control_state() const;
  const NodePublic &node_key() const { return this->node_key_; }
};

}  // namespace microlink::control
