// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <variant>

#include "microlink/base/backoff.h"
#include "microlink/base/engine.h"
#include "microlink/base/log.h"
#include "microlink/base/timer_table.h"
#include "microlink/control/announcement.h"
#include "microlink/control/channel.h"
#include "microlink/control/connecting.h"
#include "microlink/control/event_queue.h"
#include "microlink/control/map_tap.h"
#include "microlink/control/settings.h"
#include "microlink/status.h"
#include "microlink/tailcfg/map_parser.h"
#include "microlink/tailcfg/register.h"

namespace microlink::control {

/// The ts2021 client (01 and 02 of the protocol notes; tailscale control/controlclient): fetches and checks the
/// server's key, keeps one Noise connection with HTTP/2 on it, registers the node, keeps the server's picture of the
/// node up to date and one map stream open, whose content goes to a tailcfg::MapSink. It comes back by itself after any
/// failure; what the owner learnt before stays true meanwhile.
///
/// It sees plain bytes: TLS is the owner's, who opens and closes the connections that events ask for.
class Session final : private http::RequestBody {
 public:
  using Event = control::Event;
  using Transmit = control::Transmit;
  using State = SessionState;

  /// `sink`, `random`, `log`, identity.machine and what settings.server and hostinfo view must outlive the session.
  Session(const Settings &settings, const Identity &identity, const tailcfg::Hostinfo &hostinfo, tailcfg::MapSink &sink,
          Random &random, LogSink *log);

  // --- Commands ------------------------------------------------------------------------------------------------

  /// REJECTED for an http:// server without allow_plain_http; UNEXPECTED unless STOPPED.
  Error start(Instant now);
  /// Drops everything at once; CLOSE events follow.
  void stop(Instant now);
  /// The network changed: drop the connections and connect again without waiting.
  void reconnect(Instant now);
  /// For the next registration, in place of the one in Identity. NO_SPACE above AuthKey::MAX_BYTES.
  Error set_auth_key(Instant now, std::string_view auth_key);
  /// Register `next` in place of the current node key. ROTATED or ROTATION_FAILED follows, also across reconnections.
  /// NOT_READY while not STREAMING or NEEDS_NODE_KEY, or while another rotation is under way.
  Error rotate(Instant now, const NodePublic &next);
  /// The self node says that the key has expired: stop streaming and ask for a new one (NEED_NODE_KEY).
  /// NOT_READY unless STREAMING.
  Error handle_key_expired(Instant now);
  /// Tell the server that the key is over. LOGGED_OUT follows within LOGOUT_TIMEOUT; then STOPPED.
  void logout(Instant now);
  /// Close the map stream and open a new one on the same connection, for its full netmap. NOT_READY unless STREAMING.
  Error poll_again(Instant now);

  /// The result, in JSON, of the ping that PING_REQUEST asked for. UNEXPECTED when none waits for it, NO_SPACE.
  Error answer_ping(Instant now, std::string_view json);

  // What the server is told about this node; sent when it differs from what the server was told last.
  void set_endpoints(Instant now, std::span<const tailcfg::OwnEndpoint> endpoints);
  void set_net_info(Instant now, const tailcfg::NetInfo &net_info);
  /// The home region. Goes out without the delay that bursts of other changes get.
  void set_preferred_derp(Instant now, uint16_t region);

  // --- Input ---------------------------------------------------------------------------------------------------

  void handle_open(Instant now, Link link);
  /// Where the next bytes of an open connection are best put before handle_bytes(). Empty: nobody wants them.
  ByteSpan room(Link link);
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
  Instant next_timeout() const { return this->timers_.next(); }
  State state() const { return this->state_; }
  /// The same in the words of Status.
  ControlState control_state() const;
  const NodePublic &node_key() const { return this->node_key_; }
  /// What a person must open; empty when nobody has to.
  std::string_view login_url() const { return this->login_url_; }

 private:
  enum class Timer : uint8_t {
    ATTEMPT,   ///< FETCHING_KEY, CONNECTING: give up
    FALLBACK,  ///< CONNECTING: try the second way too
    REQUEST,   ///< an answer to RegisterRequest is overdue
    WATCHDOG,  ///< STREAMING: nothing was heard on the map stream
    UPDATE,    ///< STREAMING: send what has changed
    REPLY,     ///< an answer to an update is overdue
    RETRY,     ///< BACKING_OFF
    LOGOUT,    ///< the server did not confirm
    PING,      ///< the connection for an ordinary ping reply takes too long
    COUNT,
  };
  enum class LinkState : uint8_t { CLOSED, OPENING, OPEN };
  enum class KeySource : uint8_t { NONE, PINNED, CACHED, FETCHED };
  /// Which way to an https:// server without a port worked last.
  enum class Way : uint8_t { UNKNOWN, PLAIN, TLS };
  enum class Rotation : uint8_t {
    NONE,
    VOLUNTARY,  ///< the current key is still good and stays in use until the server agreed
    FORCED,     ///< the current key has expired
  };
  enum class Request : uint8_t { REGISTER, UPDATE, MAP, PING };
  /// Requests that wait for their turn: one is being sent at a time.
  struct Wants {
    bool registration{false};
    bool update{false};
    bool map{false};
    bool ping{false};
  };

  // session.cpp
  void transition_(State state);
  bool is_connected_() const { return this->channel_() != nullptr && this->channel_()->is_open(); }
  Channel *channel_() { return std::get_if<Channel>(&this->connection_); }
  const Channel *channel_() const { return std::get_if<Channel>(&this->connection_); }
  Connecting &connecting_();
  void close_everything_();
  void back_off_(Instant now, Error error, Duration pause);
  void lost_(Instant now, Error error);
  Duration next_pause_();
  void logged_out_(Error error);

  // session_connect.cpp
  void connect_(Instant now);
  void fetch_key_(Instant now);
  void race_(Instant now);
  Error attempt_on_(Link link);
  Error begin_handshake_(Link link);
  void open_(Link link);
  void close_(Link link);
  bool has_two_ways_() const { return this->server_.tls && this->server_.port == 0; }
  Link key_link_() const { return this->has_two_ways_() ? Link::NOISE_FALLBACK : Link::NOISE; }
  bool is_open_(Link link) const { return this->links_[static_cast<size_t>(link)] == LinkState::OPEN; }
  bool uses_tls_(Link link) const;
  uint16_t port_(Link link) const;
  Attempt &attempt_(Link link) { return this->connecting_().attempt(link); }
  void key_progress_(Instant now, Error error);
  void attempt_failed_(Instant now, Link link, Error error);
  void all_attempts_failed_(Instant now, Error error);
  void established_(Instant now, Link link);

  // session_requests.cpp
  void channel_events_(Instant now);
  void http_event_(Instant now, const http::H2Event &event);
  void send_wanted_(Instant now);
  http::H2StreamId request_(Request what, std::string_view path, bool head = false);
  size_t read_body(size_t from, ByteSpan out) const override;
  void write_body_(json::Writer &json) const;
  bool is_sending_() const { return this->channel_() != nullptr && this->channel_()->http().is_sending(); }
  void cancel_(http::H2StreamId &stream);
  void send_again_();
  void keep_text_(ByteView data);
  void send_register_(Instant now);
  void send_map_request_(Instant now, bool stream);
  void send_ping_();
  void reply_to_ping_(Instant now);
  void end_ping_();
  void update_done_(Instant now, bool accepted);
  void map_event_(Instant now, const http::H2Event &event);
  void map_data_(Instant now, ByteView data);
  void map_refused_(Instant now);
  tailcfg::MapParser *map_reader_() { return std::get_if<tailcfg::MapParser>(&this->reader_); }
  void end_map_();
  void update_event_(Instant now, const http::H2Event &event);
  void begin_streaming_(Instant now);
  void changed_(Instant now, bool at_once);

  // session_register.cpp
  void want_register_(Instant now);
  void register_event_(Instant now, const http::H2Event &event);
  void register_answered_(Instant now);
  tailcfg::RegisterResponseParser &register_reader_();
  void take_registration_(Instant now);
  void register_refused_(Instant now, Error error);
  void login_needed_(Instant now, std::string_view url);
  Error logout_answer_();
  void registered_now_(Instant now);
  tailcfg::RegisterRequest register_request_() const;
  bool rotation_is_extra_() const { return this->rotation_ == Rotation::VOLUNTARY && this->registered_; }
  void rotation_failed_(std::string_view text);

  const ServerUrl server_;
  bool allow_plain_http_, withhold_auth_key_;
  MachinePublic cached_key_;
  const MachinePrivate &machine_;
  Random &random_;
  Log log_;
  Announcement announcement_;

  State state_{State::STOPPED};
  EventQueue events_;
  TimerTable<Timer> timers_;
  Backoff backoff_, slow_backoff_, update_backoff_;
  bool proven_{false};  ///< a whole message came since the last loss: come back quickly

  std::array<LinkState, static_cast<size_t>(Link::COUNT)> links_{};
  /// The second from established_() to close_everything_(). What is needed to get there needs no room beside it.
  std::variant<Connecting, Channel> connection_;
  bool kept_{false};              ///< the handshake is tried on the connection that brought the key
  bool handshake_failed_{false};  ///< one of this round's attempts got as far as the handshake
  MachinePublic control_key_{};
  KeySource key_source_{KeySource::NONE};
  bool key_is_fresh_{false}, key_changed_{false};  ///< fetched since the last established connection
  Way way_{Way::UNKNOWN};
  bool plain_first_{false};   ///< what NOISE is in this round, if there are two ways
  Instant plain_again_at_{};  ///< not over port 80 before

  Link noise_link_{Link::NOISE};
  Instant connected_at_{};

  NodePublic node_key_, pending_key_{};
  Rotation rotation_{Rotation::NONE};
  AuthKey &auth_key_;
  FixedString<MAX_URL_BYTES> login_url_;
  bool registered_{false};  ///< in this run, and not refused since
  bool logging_out_{false}, machine_authorized_{false}, map_accepted_{false};
  uint16_t answer_status_{0}, map_status_{0};
  std::optional<uint32_t> retry_after_;

  Wants wants_;
  http::H2StreamId register_stream_{0}, update_stream_{0}, map_stream_{0}, ping_stream_{0};
  /// A reply to a ping that does not go over Noise, on Link::PING while STREAMING.
  enum class PlainPing : uint8_t { NONE, OPENING, DUE, SENT } plain_ping_{PlainPing::NONE};
  uint8_t ping_room_{0};  ///< that an answer came is all that counts
  uint32_t update_version_{0};
  MapTap tap_;
  /// A registration's answer is read in the map's place. Should both come at once, the map is asked for again.
  std::variant<tailcfg::MapParser, tailcfg::RegisterResponseParser> reader_;
  Request sending_{Request::REGISTER};  ///< while is_sending_()
  Error error_{Error::NONE};
  FixedString<200> text_;  ///< of the server or our own, for a person
};

static_assert(sizeof(void *) != 4 || sizeof(Session) <= NoiseFraming::MAX_RECORD_BYTES + 3'600);

}  // namespace microlink::control
