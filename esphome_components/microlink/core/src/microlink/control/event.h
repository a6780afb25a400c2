// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/keys/keys.h"

namespace microlink::control {

/// Names the connections a session asks for.
enum class Link : uint8_t {
  PING,            ///< an ordinary request to the server: the reply to a ping
  NOISE,           ///< ts2021, the first way
  NOISE_FALLBACK,  ///< ts2021 over TLS while or after the first way fails; whichever succeeds first stays. GET /key
                   ///< goes over it too, or over NOISE when there is one way only; then the connection waits for its
                   ///< turn
  COUNT,
};

/// Something the owner must do or may want to know. `text` is valid until the next call that is not const.
struct Event {
  enum class Kind : uint8_t {
    CLOSE,            ///< drop the connection of `link`; no handle_closed() is expected
    OPEN,             ///< connect `link` to `host`:`port`, with verified TLS if `tls`; then handle_open() or _closed()
    CONTROL_KEY,      ///< `control_key` was fetched and proved itself in a handshake: cache it. `changed`: another was
                      ///< cached before
    KEY_MISMATCH,     ///< the server does not hold the pinned key (`text`); goes on trying, slowly
    LOGIN_URL,        ///< a person must open `text`
    REGISTERED,       ///< `machine_authorized`: false = an admin must approve the device
    REGISTER_FAILED,  ///< the server refused, and says why (`text`); tried again slowly, at once after set_auth_key()
    NEED_NODE_KEY,    ///< the node key has expired: answer with rotate()
    ROTATED,          ///< `node_key` is the node's key from now on
    ROTATION_FAILED,  ///< the old node key stays in use (`text`)
    LOGGED_OUT,       ///< `error` NONE: the server confirmed; REJECTED: it refused (`text`); TIMED_OUT, …
    STREAMING,        ///< the first message of a map stream was read to its end
    DISCONNECTED,     ///< connection or map stream lost (`error`, `text`); the session comes back by itself
    PING_REQUEST,     ///< a ping that is not answered over Noise: HEAD of the URL `text` (`types` empty), or `types`
    MESSAGE,          ///< text of the server for the person: `text`
    COUNT,
  };
  Kind kind;
  Link link{Link::NOISE};
  std::string_view host{};
  uint16_t port{0};
  bool tls{false};
  bool changed{false};
  bool machine_authorized{false};
  Error error{Error::NONE};
  MachinePublic control_key{};
  NodePublic node_key{};
  std::string_view text{};
  std::string_view types{};
  std::string_view ip{};
};

/// Bytes for the connection of `link`; a view of the buffer given to poll_transmit().
struct Transmit {
  Link link;
  ByteSpan bytes;
};

/// What the session is doing. Timers: see Session::Timer.
enum class SessionState : uint8_t {
  STOPPED,            ///< nothing runs. Exits: start() → FETCHING_KEY or CONNECTING
  FETCHING_KEY,       ///< GET /key. ATTEMPT 10 s. Exits: key → CONNECTING; failure → BACKING_OFF
  CONNECTING,         ///< Noise over one or two links. ATTEMPT 10 s, FALLBACK 500 ms. Exits: first handshake →
                      ///< REGISTERING, STREAMING or LOGGING_OUT; all failed → FETCHING_KEY (once) or BACKING_OFF
  REGISTERING,        ///< RegisterRequest under way. REQUEST 60 s. Exits: accepted → STREAMING; AuthURL →
                      ///< WAITING_FOR_LOGIN; NodeKeyExpired → NEEDS_NODE_KEY; refused or lost → BACKING_OFF
  WAITING_FOR_LOGIN,  ///< followup under way. REQUEST 5 min, then asked again. Exits as REGISTERING
  NEEDS_NODE_KEY,     ///< waits for rotate(), connected or not. Exit: rotate() → REGISTERING
  STREAMING,          ///< map stream asked for or running. WATCHDOG 120 s. Exits: lost → BACKING_OFF; node unknown →
                      ///< BACKING_OFF, then registers again; rotate() stays here
  BACKING_OFF,        ///< no connection. RETRY. Exit: timer → FETCHING_KEY or CONNECTING
  LOGGING_OUT,        ///< the last RegisterRequest is under way, or its connection. REQUEST 15 s. Exit → STOPPED
  COUNT,
};
const char *session_state_name(SessionState state);

}  // namespace microlink::control
