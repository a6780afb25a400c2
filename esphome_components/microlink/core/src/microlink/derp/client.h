// SPDX-License-Identifier: MIT
#pragma once

#include <variant>

#include "microlink/base/engine.h"
#include "microlink/base/timer_table.h"
#include "microlink/crypto/box.h"
#include "microlink/derp/frames.h"
#include "microlink/derp/send_pool.h"
#include "microlink/http/upgrade.h"
#include "microlink/keys/keys.h"

namespace microlink::derp {

/// Why a relay says that a peer cannot be reached through it. Others may come.
enum class PeerGoneReason : uint8_t {
  DISCONNECTED = 0x00,
  NOT_HERE = 0x01,  ///< the relay does not know the key; only in answer to DISCO
  INTERNAL = 0xf0,
};

/// What happened on a relay connection.
struct Event {
  enum class Kind : uint8_t {
    CONNECTED,   ///< logged in
    PACKET,      ///< `packet` from `key`
    PEER_GONE,   ///< `key` cannot be reached through this connection, `reason`
    HEALTH,      ///< `text` from the relay, e.g. a second connection with our key; empty: healthy again. Untrusted
    RESTARTING,  ///< connect again after a random part of `reconnect_in`, for at most `try_for`
    FAILED,      ///< over, `error`; the last event
  };
  Kind kind;
  PeerGoneReason reason{};
  Error error{Error::NONE};
  NodePublic key{};
  /// In the chunk given to handle_bytes() or in the client: valid until the client's next non-const call or until the
  /// chunk goes. Its owner may decrypt in place.
  ByteSpan packet{};
  std::string_view text{};
  Duration reconnect_in{};
  Duration try_for{};
};

/// Bytes for the stream at the front of the caller's buffer.
struct Transmit {
  size_t size;
};

struct Counters {
  uint32_t rx_packets{0};
  uint32_t tx_packets{0};  ///< queued; what was dropped later is in tx_dropped_full
  uint32_t rx_dropped_oversized{0};
  uint32_t rx_dropped_full{0};       ///< the other connection needed the gather buffer
  uint32_t rx_dropped_malformed{0};  ///< bodies too short for their type, packets before the login's end
  uint32_t rx_skipped{0};            ///< frames of unknown type
  uint32_t tx_dropped_full{0};
  uint32_t tx_dropped_rate{0};  ///< beyond the relay's token bucket
};

/// One connection to one relay over a stream that is secured already (bytes in, bytes out; tls is not seen here). Which
/// relay, when to connect and when to come back is decided elsewhere.
///
///     client.start(now, {host, ideal_node, &node_key});
///     stream bytes: while (!in.empty()) { client.handle_bytes(now, in); while (auto e = client.poll_event()) … }
///     then poll_transmit() until empty, next_timeout().
///
/// What it queues and gathers is in memory that all connections share.
class Client {
 public:
  /// Of all connections together; must outlive them.
  struct Shared {
    SendPool queue;
    GatherBuffer gather;
  };
  using Event = derp::Event;
  using Transmit = derp::Transmit;

  enum class State : uint8_t {
    IDLE,         ///< start() → UPGRADING
    UPGRADING,    ///< entry: the HTTP request is due, timer LOGIN (10 s). 101 → SERVER_KEY, other answers → FAILED
    SERVER_KEY,   ///< the relay's key is awaited, LOGIN runs on. Key → SERVER_INFO, anything else → FAILED
    SERVER_INFO,  ///< entry: ClientInfo is due; packets may follow it. LOGIN runs on. Info → CONNECTED
    CONNECTED,    ///< entry: LOGIN stops, READ (120 s) starts and starts anew with every byte; event CONNECTED. A
                  ///< stream that ends, a frame that is too long or silence → FAILED
    FAILED,       ///< entry: secrets wiped, queues empty, no timer; event FAILED. start() or stop() leave it
  };

  static constexpr Duration LOGIN_TIMEOUT = seconds(10);
  /// Twice the relay's keep-alive.
  static constexpr Duration READ_TIMEOUT = seconds(120);

  /// Everything in it must live until CONNECTED or FAILED.
  struct Target {
    /// The DERP node's HostName.
    std::string_view host;
    /// Name of the region's first node when this is another one, else empty.
    std::string_view ideal_node{};
    const NodePrivate *node_key{nullptr};
  };

  /// `owner` is the connection's name in the shared memory.
  Client(Random &random, Shared &shared, SendPool::Owner owner);
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;

  /// Begin on a stream that is open and secured; what an earlier connection had queued is gone. MALFORMED for a name
  /// that does not fit a header or is not one; the state is unchanged then.
  Error start(Instant now, const Target &target);
  /// Forget the connection without an event; → IDLE.
  void stop();

  /// Where the stream's next bytes are best put before handle_bytes(), see FrameReader::room(). Never empty.
  ByteSpan room() { return this->state_ == State::UPGRADING ? this->reader_.room_before() : this->reader_.room(); }
  /// Consumes from the front of `in`, to the end of a frame that made an event at the most; so drain the events and
  /// call again until `in` is empty. What comes after a failure is passed over. UNEXPECTED when IDLE or FAILED already;
  /// NOT_READY while an event waits (nothing is consumed).
  Error handle_bytes(Instant now, ByteSpan &in);
  /// The stream has ended. No-op when IDLE or FAILED.
  void handle_closed(Instant now, Error error = Error::CLOSED);
  void handle_timeout(Instant now);

  /// Queue a packet for `destination`. Allowed from start() on; it leaves after the login's first step. UNEXPECTED when
  /// IDLE or FAILED; NO_SPACE for more than MAX_PACKET_BYTES or beyond the relay's token bucket (counted).
  Error send(Instant now, const NodePublic &destination, ByteView packet);
  /// Whether this relay is the node's home; told to the relay, now and after each start().
  void set_preferred(bool preferred) { this->preferred_ = preferred; }

  std::optional<Event> poll_event();
  /// Any `out` will do: a frame may leave in pieces. Prefer room for MAX_SEND_FRAME_BYTES.
  std::optional<Transmit> poll_transmit(Instant now, ByteSpan out);
  /// Whole packets and parts of packets of at most `most` bytes, where they stand, if it is packets that leave next;
  /// they have left with packets_left(). Valid until the next call that is not const.
  ByteView next_packets(size_t most) const;
  void packets_left(size_t n) { this->shared_.queue.pop(this->owner_, n); }
  Instant next_timeout() const { return this->timers_.next(); }

  State state() const { return this->state_; }
  const Counters &counters() const { return this->counters_; }
  /// Of the answer to the upgrade; 0 before it. Stays after FAILED until start().
  uint16_t http_status() const { return this->http_status_; }
  /// Packets that wait.
  size_t queued() const { return this->shared_.queue.frames(this->owner_); }

 private:
  enum class Timer : uint8_t { LOGIN, READ, COUNT };
  /// ClientInfo, and a few answers to pings.
  static constexpr size_t CONTROL_BYTES = 176;
  static constexpr int64_t TOKENS_PER_BYTE = 1'000'000;  // so that a microsecond's refill is a whole number

  bool is_active_() const { return this->state_ != State::IDLE && this->state_ != State::FAILED; }
  void handle_head_(ByteSpan &in);
  void handle_frame_(Instant now, const Frame &frame);
  void handle_server_key_(const Frame &frame);
  void handle_server_info_(Instant now, const Frame &frame);
  void handle_packet_(const Frame &frame);
  void handle_peer_gone_(const Frame &frame);
  void handle_restarting_(const Frame &frame);
  void pong_(const Frame &frame);
  void fail_(Error error);
  void reset_();
  bool take_tokens_(Instant now, size_t bytes);
  size_t pop_request_(ByteSpan out);
  size_t pop_packets_(ByteSpan out);
  bool queue_control_(FrameType type, ByteView body);
  size_t pop_control_(ByteSpan out);
  bool has_control_() const {
    const auto *const small = std::get_if<SmallFrames>(&this->early_);
    return small != nullptr && small->size != 0;
  }

  Random &random_;
  Shared &shared_;
  const SendPool::Owner owner_;
  State state_{State::IDLE};
  bool preferred_{false};
  bool announced_{false};  // what the relay was last told
  Target target_;          // until CONNECTED
  uint16_t request_size_{0};
  uint16_t request_sent_{0};
  crypto::BoxKey box_;
  TimerTable<Timer> timers_;
  std::optional<Event> event_;
  Counters counters_;

  // The relay's token bucket.
  ServerInfo info_{};
  int64_t tokens_{0};
  Instant refilled_{};

  FrameReader reader_;
  /// Small frames, which go before any packet.
  struct SmallFrames {
    Bytes<CONTROL_BYTES> bytes;
    uint16_t size{0};
    uint16_t sent{0};
  };
  /// The first in UPGRADING, when no frame can leave yet.
  std::variant<http::UpgradeResponse, SmallFrames> early_;
  uint16_t http_status_{0};
};
static_assert(Engine<Client>);
static_assert(sizeof(void *) != 4 || sizeof(Client) <= 536, "there are two of it");

}  // namespace microlink::derp
