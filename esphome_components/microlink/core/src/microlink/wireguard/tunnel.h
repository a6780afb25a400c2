// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/engine.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/base/short_time.h"
#include "microlink/capacity.h"
#include "microlink/keys/peer_keys.h"
#include "microlink/wireguard/cookie.h"
#include "microlink/wireguard/packet_queue.h"
#include "microlink/wireguard/session.h"
#include "microlink/wireguard/timestamp.h"

namespace microlink::wireguard {

/// WireGuard as a tailnet uses it: sessions with the peers of the table, packets sealed and opened in place. Both
/// handshake roles, cookies, key rotation, replay windows and all timers of the white paper; no pre-shared keys, and no
/// roaming: where a packet goes is magicsock's business. Inner source addresses and the packet filter are checked by
/// the owner, who knows the netmap.
///
/// Peers live in the slots of the netmap's table. Everything is bounded by capacity.h.
using Slot = uint16_t;

/// What a session holds of each peer, and its state:
///
///   IDLE         no session and none wanted. → HANDSHAKE: traffic (encapsulate). → ESTABLISHED: answered an initiation
///   HANDSHAKE    an initiation is out or waits for a place. Timer: repeated every 5 s. → IDLE: after 90 s
///   ESTABLISHED  can send. A new handshake may run beside it. → IDLE: 180 s after the keys were made
enum class SessionState : uint8_t { IDLE, HANDSHAKE, ESTABLISHED };

/// Where a datagram came from: a UDP endpoint, or 127.3.3.40:<region> for the relay. Used for cookies only.
using Source = Endpoint;

class Tunnel {
 public:
  struct Event {
    enum class Kind : uint8_t {
      HANDSHAKE_DONE,     ///< `slot` can send now
      HANDSHAKE_FAILED,   ///< `slot` did not answer for REKEY_ATTEMPT_TIME; its queue was dropped
      SESSION_EXPIRED,    ///< `slot` had nothing new for REJECT_AFTER_TIME
      UNKNOWN_INITIATOR,  ///< `key` called with a valid mac1 and static key, but is not in the table
      RESERVE_TIMESTAMP,  ///< store `reserve_until` in Record::CLOCK, then call handle_reserved()
    };
    Kind kind;
    Slot slot{0};
    NodePublic key{};
    WallTime reserve_until{WallTime::UNKNOWN};
  };
  /// No slot: a datagram that no relay vouches for.
  static constexpr Slot NOBODY = UINT16_MAX;
  struct Transmit {
    enum class Kind : uint8_t { HANDSHAKE, KEEPALIVE, DATA };
    Kind kind;
    Slot slot{0};
    /// A cookie reply: to `source`, whoever that is; to `slot` by that relay if it is not NOBODY.
    bool to_source{false};
    Source source{};
    ByteView bytes{};
  };
  struct Received {
    Slot slot;
    ByteSpan packet;  ///< the inner packet without padding; empty for a keepalive
  };
  struct PeerInfo {
    SessionState state;
    std::optional<Duration> handshake_age;
    uint64_t rx_bytes;
    uint64_t tx_bytes;
  };

  /// Both must outlive it.
  Tunnel(Random &random, const PeerKeys &keys);

  /// The node key. Drops every session; peers stay.
  void set_identity(const NodePrivate &self);
  /// Take a slot over for the peer whose node key is in it now; what was in it is wiped. To be called again when that
  /// key changes. UNEXPECTED for a slot that is out of range or has no key, MALFORMED for a key that cannot be one.
  Error add_peer(Slot slot);
  void remove_peer(Slot slot);
  /// The peer restarted: its sessions are useless. The next packet makes a new handshake.
  void reset_session(Slot slot);
  /// Relayed sessions in use are kept alive every RELAYED_KEEPALIVE.
  void set_relayed(Slot slot, bool relayed);
  void set_wall_time(Instant now, WallTime wall) { this->timestamps_.set_wall_time(now, wall); }
  /// From storage, before any handshake.
  void set_timestamp_floor(WallTime reserved_until) { this->timestamps_.set_floor(reserved_until); }
  void handle_reserved(Instant now, WallTime reserved_until);

  /// A WireGuard message; opened in place. `relayed_from`: whose the relay says it is. TRUNCATED, MALFORMED,
  /// AUTH_FAILED, REPLAYED, UNEXPECTED (old or unknown index), UNKNOWN_PEER; NOT_READY when a cookie was asked for
  /// instead. Handshake messages yield UNEXPECTED-free success with an empty packet.
  Result<Received> handle_datagram(Instant now, const Source &from, ByteSpan message, Slot relayed_from = NOBODY);

  /// Seal an inner packet of `size` bytes that stands at buffer[TRANSPORT_HEADER_BYTES]. `buffer` needs
  /// encapsulated_size(size) bytes. The whole message, a view of `buffer`; NOT_READY when it was queued until a session
  /// is there (a handshake is started), NO_SPACE when it is too long, UNKNOWN_PEER.
  Result<ByteSpan> encapsulate(Instant now, Slot slot, ByteSpan buffer, size_t size);
  static constexpr size_t padded_size(size_t size) {
    const size_t padded = (size + 15) / 16 * 16;
    return size <= OVERLAY_MTU && padded > OVERLAY_MTU ? OVERLAY_MTU : padded;
  }
  static constexpr size_t encapsulated_size(size_t size) {
    return TRANSPORT_HEADER_BYTES + padded_size(size) + MAC_BYTES;
  }
  /// Start a handshake without a packet. `once`: a single initiation, and none if another one is that fresh; it is
  /// repeated only when there is something to send.
  void connect(Instant now, Slot slot, bool once = false);
  /// Another way to the peer was found. An initiation that is not answered, or the answer, may have gone astray on the
  /// last one: it is sent once more, soon instead of after REKEY_TIMEOUT.
  void handle_new_path(Instant now, Slot slot);

  std::optional<Event> poll_event();
  /// `out` must hold MAX_WIREGUARD_BYTES.
  std::optional<Transmit> poll_transmit(Instant now, ByteSpan out);
  Instant next_timeout() const;
  void handle_timeout(Instant now);

  PeerInfo info(Instant now, Slot slot) const;
  bool has_session(Slot slot) const { return slot < MAX_PEERS && this->peers_[slot].current.receive.is_set(); }

  static constexpr Duration RELAYED_KEEPALIVE = seconds(25);
  /// A relayed session that carried data within this time is kept alive.
  static constexpr Duration RELAYED_ACTIVE = seconds(300);
  /// RESERVE_TIMESTAMP is repeated while nothing was stored and a handshake waits for it.
  static constexpr Duration RESERVATION_RETRY = seconds(10);
  /// Twice what responders want between two initiations.
  static constexpr Duration NEW_PATH_RETRY = milliseconds(40);

 private:
  struct Peer {
    crypto::SecretKey static_shared;  ///< DH(our static, theirs), used in every handshake
    CurrentSession current;
    Timestamp newest_timestamp{};  ///< of their initiations
    // A stamp that wraps delays a handshake by seconds, or keeps a relayed session alive for some minutes.
    Stamp attempt_started;
    Stamp initiation_sent;
    Stamp initiation_seen;
    Stamp last_data;
    Deadline keepalive_due;  ///< data came in, nothing went out since
    Deadline answer_due;     ///< data went out, nothing came in since
    Deadline relayed_due;
    SplitNumber rx_bytes;
    SplitNumber tx_bytes;
    uint16_t key_version{0};          ///< of the node key that static_shared was made of
    uint8_t handshake{NO_HANDSHAKE};  ///< place in the pool
    bool is_used : 1 {false};
    bool is_initiator : 1 {false};     ///< of the current session
    bool wants_handshake : 1 {false};  ///< waits for a free place
    bool calls_once : 1 {false};       ///< no second initiation
    bool send_keepalive : 1 {false};
    bool relayed : 1 {false};
    bool last_minute_done : 1 {false};  ///< the one handshake before a receiving session runs out was asked for
  };
  static_assert(sizeof(Peer) <= 316, "what a peer costs, with a session that lives and its window of 1,024");
  /// An initiation of ours that is under way.
  struct Handshake {
    Initiator noise;
    CookieJar cookies;
    Instant retransmit_due{};
    uint32_t local_index{0};
    Slot slot{0};
    uint8_t sent{0};
    bool in_use{false};
    bool was_hastened{false};
  };
  struct Reply {
    Bytes<RESPONSE_BYTES> bytes;
    uint8_t size;
    bool to_source;
    Slot slot;
    Source source;
  };
  static constexpr uint8_t NO_HANDSHAKE = UINT8_MAX;
  static constexpr uint32_t SLOT_MASK = 0xff;
  static_assert(MAX_PEERS <= SLOT_MASK);
  /// Handshakes that are not over on the other side: so many of either kind. A node in use has one of them at a time;
  /// after a restart many peers call at once, and then the places are given away as quickly as handshakes are computed.
  static constexpr size_t MAX_SIDE_SESSIONS = MAX_HANDSHAKES < MAX_PEERS ? MAX_HANDSHAKES : MAX_PEERS;

  Peer *peer_in_(Slot slot);
  const NodePublic *key_of_(Slot slot) const;
  uint32_t new_index_(Slot slot);
  void wipe_sessions_(Peer &peer);

  Result<Received> handle_initiation_(Instant now, const Source &from, ByteView message, Slot relayed_from);
  Handshake *handshake_of_(uint32_t local_index);
  Result<Received> handle_response_(Instant now, ByteView message);
  Result<Received> handle_cookie_reply_(Instant now, ByteView message);
  Result<Received> handle_transport_(Instant now, ByteSpan message);
  Error check_macs_(Instant now, const Source &from, ByteView message, Slot relayed_from);
  Result<Slot> find_caller_(const NodePublic &caller);
  bool is_under_load_(Instant now);
  void queue_reply_(const Reply &reply);
  NextSession *next_of_(Slot slot);
  NextSession *room_for_next_(Instant now, Slot slot);
  bool own_call_wins_(Slot slot) const;
  void drop_unused_next_(Instant now, Slot slot);
  void confirm_next_(Peer &peer, NextSession &next);
  LateSession *late_of_(Slot slot);
  void keep_late_(const ReplayWindow &seen, Stamp created, const ReceiveKey &receive);

  void want_handshake_(Instant now, Slot slot);
  void start_waiting_handshakes_(Instant now);
  static Instant earliest_initiation_(Instant now, const Peer &peer);
  void end_handshake_(Peer &peer);
  void handle_handshake_timeout_(Instant now, Slot slot);
  void expire_session_(Instant now, Slot slot);
  void expire_side_sessions_(Instant now);
  std::optional<Transmit> transmit_initiation_(Instant now, Handshake &handshake, ByteSpan out);
  std::optional<Transmit> transmit_queued_(Instant now, ByteSpan out);
  std::optional<Transmit> transmit_keepalive_(Instant now, ByteSpan out);
  ByteSpan seal_(Instant now, Slot slot, ByteSpan buffer, size_t size);
  void drop_replies_(Slot slot);

  void note_sent_(Instant now, Peer &peer, bool data);
  void note_received_(Instant now, Peer &peer, bool data);
  void push_event_(Event::Kind kind, Slot slot);
  void ask_for_reservation_(Instant now);
  bool can_send_(Instant now, const Peer &peer) const;

  Random &random_;
  const PeerKeys &keys_;
  NodePrivate self_;
  CookieChecker checker_;
  TimestampSource timestamps_;
  std::array<Peer, MAX_PEERS> peers_;
  std::array<Handshake, MAX_HANDSHAKES> handshakes_;
  std::array<NextSession, MAX_SIDE_SESSIONS> next_;  ///< full: callers try again, see room_for_next_()
  std::array<LateSession, MAX_SIDE_SESSIONS> late_;  ///< full: the oldest goes; what was under way with it is lost
  PacketQueue queue_;
  RingBuffer<Reply, 2> replies_;
  // Events that wait: a bit of its kind for each slot, and the others.
  std::array<uint8_t, MAX_PEERS> slot_events_{};
  bool reservation_event_{false};
  bool events_wait_{false};         ///< perhaps; if not, there is nothing to look for
  bool keepalives_wait_{false};     ///< some peer's send_keepalive, perhaps
  NodePublic unknown_initiator_{};  ///< the last one; unset = none
  WallTime reservation_asked_{WallTime::UNKNOWN};
  Instant reservation_retry_{INT64_MIN};  ///< not asked again before
  Instant load_window_start_{};
  Instant under_load_until_{INT64_MIN};
  uint32_t load_count_{0};
  Instant now_{};  ///< of the last input
};

}  // namespace microlink::wireguard
