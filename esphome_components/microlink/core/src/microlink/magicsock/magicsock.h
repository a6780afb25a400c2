// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/engine.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/disco/message.h"
#include "microlink/keys/peer_keys.h"
#include "microlink/magicsock/own_endpoints.h"
#include "microlink/magicsock/peer_path.h"
#include "microlink/magicsock/types.h"
#include "microlink/netcheck/netcheck.h"

namespace microlink::magicsock {

/// Which way to a peer? One UDP socket and the relay connections carry everything; this engine tells STUN, DISCO and
/// WireGuard apart, keeps a path for each peer and finds better ones (tailscale wgengine/magicsock). WireGuard messages
/// are passed on unseen. Peer relays are not supported.
///
/// Rules that keep it safe: a path is used only after a peer answered our own ping on it; who has no known disco key is
/// dropped before any cryptography; peers that are not allowed get no answer; what can be asked of us is bounded.
class Magicsock {
 public:
  using Event = magicsock::Event;
  using Transmit = magicsock::Transmit;

  enum class State : uint8_t {
    STOPPED,  ///< start() → OFFLINE
    OFFLINE,  ///< no local endpoint: relays only. set_local_endpoints() → ONLINE
    ONLINE,   ///< entry: a full network check. No local endpoints → OFFLINE; stop() → STOPPED
  };

  /// Longest packet that poll_transmit() writes.
  static constexpr size_t MAX_TRANSMIT_BYTES = disco::MAX_SENT_BYTES;
  /// Connected relays that are known of. More: treated as not connected.
  static constexpr size_t MAX_RELAYS = 4;
  /// Pongs that wait. Full: further pings are not answered.
  static constexpr size_t MAX_PONGS = 8;
  /// Own addresses older than this are asked for again before they are sent in a CallMeMaybe …
  static constexpr Duration ENDPOINTS_FRESH = seconds(27);
  /// … which waits this long for the answer at most.
  static constexpr Duration REFRESH_PATIENCE = milliseconds(400);

  /// Both must outlive it.
  Magicsock(Random &random, const PeerKeys &keys);
  Magicsock(const Magicsock &) = delete;
  Magicsock &operator=(const Magicsock &) = delete;

  /// The disco key of the run before: peers know it, and need not hear of another one first (docs/adr/0014). MALFORMED.
  Error load_disco_key(ByteView secret) { return this->disco_.load(secret); }
  /// For storage only.
  ByteView export_disco_key() const { return this->disco_.export_secret_bytes(); }
  /// The next start() makes another one.
  void forget_disco_key() { this->disco_.clear(); }
  /// Makes a disco key unless there is one. Peers and regions stay; paths are forgotten.
  void start(Instant now, const NodePublic &self);
  void stop();
  /// Another node key after a rotation.
  void set_self(const NodePublic &self) { this->self_ = self; }
  const DiscoPublic &disco_key() const { return this->disco_.public_key(); }

  /// Add the peer whose keys are in the slot, or tell what changed about it or them (same slot and generation). Another
  /// node key or disco key forgets its paths. UNEXPECTED for a slot out of range or an unset node key.
  Error set_peer(Instant now, netmap::PeerId id, const PeerInfo &info);
  /// The netmap's list of where a peer may be reached, also before set_peer() of the same slot and generation.
  void set_endpoints(Instant now, netmap::PeerId id, std::span<const Endpoint> endpoints);
  void remove_peer(netmap::PeerId id);

  /// Addresses of the underlays with the UDP socket's port, without the tunnel's own; none = no network. When one that
  /// was there is gone, or another is the first, this is a link change. `fixed_port`: the port is the same after a
  /// restart, so that a router may forward it.
  void set_local_endpoints(Instant now, std::span<const Endpoint> endpoints, bool fixed_port = false);
  /// Another network: paths and measurements are void.
  void link_changed(Instant now);
  /// For control and CallMeMaybe, the most useful first.
  OwnEndpoints::All own_endpoints() const { return this->own_.all(); }

  /// A datagram from the UDP socket. WireGuard comes out as a PACKET event; `datagram` must live until it was polled.
  /// DISCO is opened in place. TRUNCATED, MALFORMED, AUTH_FAILED, UNEXPECTED, UNKNOWN_PEER; NOT_READY when its rate is
  /// exceeded.
  Error handle_udp(Instant now, const Endpoint &from, ByteSpan datagram);
  /// A packet from `src` through the relay of `region`. Same errors; UNKNOWN_PEER when no peer has the key `src`.
  Error handle_relay_packet(Instant now, uint16_t region, const NodePublic &src, ByteSpan packet);
  void handle_relay_state(Instant now, uint16_t region, bool connected);
  /// The relay of `region` says that `key` is not there (any more).
  void handle_peer_gone(uint16_t region, const NodePublic &key);
  /// The system refused to send to `endpoint` (no route, no such address family).
  void handle_send_error(Instant now, const Endpoint &endpoint);
  void handle_timeout(Instant now);

  /// Where to send to `id` now. Call note_sent() after a WireGuard message went that way.
  Route route(Instant now, netmap::PeerId id) const;
  void note_sent(Instant now, netmap::PeerId id);
  /// Whether `from` is the path to `id`, and the peer proved it just now.
  bool is_trusted(Instant now, netmap::PeerId id, const Endpoint &from) const;
  /// Something that proves nothing came from `from`, a candidate of `id`: ask the peer whether it is there.
  /// PATH_CHANGED when it is and was not known to be; at most one ping a second.
  void probe(Instant now, netmap::PeerId id, const Endpoint &from);
  /// One DISCO round trip, over the relay and all candidates at once; ends in PONG or PING_TIMED_OUT. Repeated after
  /// 25, 50, 100 … ms, and when something changed that may let it through. One peer at a time: NOT_READY while
  /// another's runs; asked again for the same peer it is the same ping. UNKNOWN_PEER also for a peer without a disco
  /// key.
  Error ping(Instant now, netmap::PeerId id);

  std::optional<Event> poll_event();
  /// `out` must hold MAX_TRANSMIT_BYTES.
  std::optional<Transmit> poll_transmit(Instant now, ByteSpan out);
  Instant next_timeout() const;

  State state() const { return this->state_; }
  /// IDLE for a peer that is not there.
  PathState path_state(netmap::PeerId id) const;
  /// The best path found so far, trusted or not; unset if there is none.
  Path best_path(netmap::PeerId id) const;
  const Counters &counters() const { return this->counters_; }
  /// Regions, home and families; its events and transmits come out of this engine.
  netcheck::Netcheck &netcheck() { return this->netcheck_; }
  const netcheck::Netcheck &netcheck() const { return this->netcheck_; }

  /// 127.3.3.40:<region>, the form in which DISCO and WireGuard's cookies name a relay.
  static constexpr IpAddress RELAY_ADDRESS = IpAddress::v4(127, 3, 3, 40);
  static Endpoint relay_endpoint(uint16_t region) { return {RELAY_ADDRESS, region}; }

 private:
  /// A peer of the netmap's table. One that is not used is free, or waits for set_peer() after set_endpoints().
  struct Slot {
    PeerPath path;
    crypto::BoxKey box;     ///< of the disco key
    uint32_t last_pong{0};  ///< part of the transaction ID of the last pong: copies of it prove nothing
    uint16_t generation{0};
    KeyVersions versions{};  ///< of the keys that set_peer() saw
    uint16_t home{0};
    uint16_t heard_via{0};                                                          ///< region, last
    enum class Box : uint8_t { UNKNOWN, READY, UNUSABLE } box_state{Box::UNKNOWN};  ///< worked out when first needed
    bool is_used : 1 {false};
    bool allowed : 1 {false};
    bool tell_path : 1 {false};  ///< PATH_CHANGED waits
  };
  static_assert(sizeof(Slot) <= 88 + 24 * MAX_ENDPOINTS_PER_PEER, "it exists for each peer of the table");
  struct PendingPong {
    disco::TxId tx_id{};
    Endpoint from{};     ///< where the ping came from; relayed: the relay's form
    uint16_t region{0};  ///< 0 = it came over UDP
    netmap::PeerId peer{};
  };
  /// The one ping() that runs.
  struct PingRequest {
    netmap::PeerId peer{};
    Instant started{};
    Instant deadline{Instant::NEVER};
    Instant sent{};
    Instant repeat_at{Instant::NEVER};
    uint16_t region{0};  ///< relay that was chosen; 0 = none
    bool relay_due{false};

    bool runs() const { return this->deadline != Instant::NEVER; }
  };

  Slot *slot_of_(netmap::PeerId id);
  const Slot *slot_of_(netmap::PeerId id) const;
  netmap::PeerId id_of_(const Slot &slot) const;
  const NodePublic *node_key_(const Slot &slot) const;
  const DiscoPublic *disco_key_(const Slot &slot) const;
  Slot *find_disco_(const DiscoPublic &key);
  Slot *find_node_(const NodePublic &key);
  netmap::PeerId owner_of_(const Endpoint &from);
  bool ensure_box_(Slot &slot);

  Error handle_wireguard_(const Endpoint &from, netmap::PeerId peer, ByteSpan packet);
  /// `region` 0: over UDP.
  Error handle_disco_(Instant now, const Endpoint &from, uint16_t region, Slot *slot, ByteSpan packet);
  Error handle_ping_(Instant now, Slot &slot, const Endpoint &from, uint16_t region, const disco::TxId &tx_id);
  Error handle_pong_(Instant now, Slot &slot, uint16_t region, const disco::TxId &tx_id);
  void finish_ping_(const Slot &slot, Instant sent, const Endpoint &endpoint, uint16_t region, Duration latency);
  void send_ping_(Instant now, Slot &slot);
  void hasten_ping_(const Slot &slot);
  std::optional<Event> translate_(const netcheck::Event &event);
  void claim_(Slot &slot, uint16_t generation);
  void clear_(Slot &slot);
  void end_ping_(const Slot &slot);

  uint16_t relay_for_(const Slot &slot) const;
  bool can_reach_(const Endpoint &endpoint) const;
  void note_path_(Slot &slot, const Endpoint &before);
  void note_endpoints_(bool changed);
  void update_activity_(Instant now);
  Instant due_(const Slot &slot) const;
  void rearm_();

  disco::TxId make_tx_id_(Instant now, const Slot &slot, const Endpoint &to) const;
  /// When the ping with this ID was sent; empty if it is none of the last 5 s.
  static std::optional<Instant> sent_at_(Instant now, const disco::TxId &tx_id);
  std::optional<Transmit> transmit_pong_(ByteSpan out);
  std::optional<Transmit> transmit_relay_ping_(Instant now, ByteSpan out);
  std::optional<Transmit> transmit_ping_(Instant now, Slot &slot, ByteSpan out);
  std::optional<Transmit> transmit_call_(Instant now, Slot &slot, ByteSpan out);
  bool is_fresh_(Instant now) const;
  bool wait_for_stun_(Instant now);
  /// Seal for `slot` to go over UDP to `to`, or through `region`.
  std::optional<Transmit> seal_(Slot &slot, ByteView payload, const Endpoint &to, uint16_t region, ByteSpan out);

  Random &random_;
  const PeerKeys &keys_;
  State state_{State::STOPPED};
  bool events_wait_{false};  ///< some slot has tell_path
  bool tell_endpoints_{false};
  bool active_{false};  ///< what netcheck was told
  NodePublic self_{};
  DiscoPrivate disco_;
  Secret<16> tx_id_key_;
  netcheck::Netcheck netcheck_;
  OwnEndpoints own_;
  Instant refreshed_{INT64_MIN / 2};      ///< when STUN last told our address
  Instant refresh_until_{INT64_MIN / 2};  ///< CallMeMaybes wait for STUN until then
  Instant wake_{Instant::NEVER};
  struct Packet {
    netmap::PeerId peer;
    Endpoint from;
    ByteSpan bytes;
  };
  struct PingResult {
    Event::Kind kind;  ///< PONG, PING_TIMED_OUT
    netmap::PeerId peer;
    Endpoint endpoint{};
    uint16_t region{0};
    uint32_t latency_us{0};
  };
  std::optional<Packet> packet_;
  std::optional<PingResult> ping_result_;
  PingRequest ping_;
  RingBuffer<PendingPong, MAX_PONGS> pongs_;
  FixedVector<uint16_t, MAX_RELAYS> relays_;
  std::array<Slot, MAX_PEERS> slots_;
  Instant now_{};           ///< of the last input
  uint16_t last_owner_{0};  ///< whose datagram came last
  Counters counters_;
};
static_assert(Engine<Magicsock>);
static_assert(sizeof(void *) != 4 || sizeof(Magicsock) <= 1'200 + MAX_PEERS * 228 + MAX_DERP_REGIONS * 230);

}  // namespace microlink::magicsock
