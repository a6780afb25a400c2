// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/client.h"
#include "microlink/client/allowed_peers.h"
#include "microlink/client/core_types.h"
#include "microlink/client/identity.h"
#include "microlink/client/news.h"
#include "microlink/client/notice.h"
#include "microlink/client/poll_policy.h"
#include "microlink/client/relays.h"
#include "microlink/control/session.h"
#include "microlink/crypto/drbg.h"
#include "microlink/filter/filter.h"
#include "microlink/magicsock/magicsock.h"
#include "microlink/wireguard/tunnel.h"

namespace microlink::client {

/// The engines put together: inputs go to the one they concern, what an engine says goes to the others, and what all of
/// them want to send comes out as actions. Nothing is decided here that an engine can decide. After each input
/// settle_() lets the engines talk until none has anything more to say.
///
///   port ── Input ──▶ handle() ──▶ streams ─▶ control ─▶ MapSink ─▶ netmap, filter
///                         │            └────▶ relays ─┐
///                         └──────────▶ magicsock ◀────┘──▶ tunnel ─▶ filter ─▶ overlay
///   port ◀─ Action ── poll_action() ◀── whatever any of them has to send
class Core final : private tailcfg::MapSink, private Relays::Regions, private filter::PeerAddresses {
 public:
  Core(const Config &config, const TrustStore &trust, LogSink *log);
  Error set_auth_key(std::string_view auth_key);
  void handle(Instant now, const Input &input);
  std::optional<Action> poll_action(Instant now, ByteSpan scratch);
  std::optional<Event> poll_event();
  Instant next_timeout() const;

  Error ping(Instant now, const NodePublic &peer);
  Error rotate_node_key(Instant now);
  void logout(Instant now);
  void netcheck(Instant now);
  void set_quiet(Instant now, bool quiet);
  Error set_allowed_peers(Instant now, std::string_view list);
  const netmap::Allowlist &allowlist() const { return this->netmap_.allowlist(); }
  Status status() const;
  size_t peer_count() const;
  PeerStatus peer(size_t index) const;
  std::optional<NodePublic> resolve(std::string_view name_or_address) const;
  Result<PeerStatus> find(Instant now, std::string_view name_or_address);
  const Statistics &statistics() const { return this->statistics_; }
  size_t relay_latencies(std::span<Client::RelayLatency> out) const;

 private:
  /// Streams by number: the StreamId that the port sees.
  enum StreamUse : StreamId { CONTROL_PING, CONTROL_NOISE, CONTROL_FALLBACK, RELAY_0, RELAY_1 };
  static_assert(RELAY_1 + 1 == MAX_STREAMS);
  // core.cpp: life, inputs, actions
  void start_(Instant now);
  void forget_tailnet_();
  std::optional<control::Settings> settings_();
  void start_control_(Instant now, const control::Settings &settings);
  void fall_back_to_old_key_(Instant now);
  void restart_control_(Instant now);
  void stop_after_storing_(Instant now);
  void stop_(Instant now);
  void settle_(Instant now);
  bool settle_once_(Instant now);
  std::optional<Action> next_record_action_(ByteSpan scratch);
  size_t write_record_(Record record, ByteSpan out);
  std::optional<Action> next_stream_action_(Instant now, ByteSpan scratch);
  std::optional<Action> next_action_of_one_stream_(Instant now, ByteSpan scratch, bool &control_blocked);
  std::optional<Action> next_datagram_action_(Instant now, ByteSpan scratch);
  void handle_timeout_(Instant now);
  void load_record_(Record record, ByteView bytes);
  void set_network_(Instant now, std::span<const Endpoint> endpoints);
  void handle_resolved_(Instant now, const Input &input);
  tailcfg::Hostinfo hostinfo_() const;
  void update_state_();

  // core_streams.cpp
  void handle_stream_(Instant now, const Input &input);
  void handle_stream_open_(Instant now, StreamId id);
  void handle_stream_bytes_(Instant now, StreamId id, ByteSpan in);
  void end_stream_(Instant now, StreamId id, Error error);
  void stream_ready_(Instant now, StreamId id);
  void secure_(Instant now, StreamId id);
  bool advance_(Instant now);
  bool decrypt_pending_(Instant now);
  void deliver_pending_(Instant now);
  void tell_untrusted_(const Stream &stream);
  std::optional<ByteView> seal_relay_(Instant now, StreamId id, ByteSpan scratch);
  std::optional<ByteView> seal_control_(Instant now, StreamId &id, ByteSpan scratch);
  std::optional<ByteView> seal_(StreamId id, ByteView plain, ByteSpan out);
  ByteSpan room_(StreamId id);
  static bool is_relay_(StreamId id) { return id >= RELAY_0; }

  // core_control.cpp
  bool settle_control_(Instant now);
  void handle_control_event_(Instant now, const control::Event &event);
  void handle_login_event_(const control::Event &event);
  void handle_key_event_(Instant now, const control::Event &event);
  void take_registration_(Instant now, bool authorized);
  void forget_identity_(Instant now);
  void fail_logout_(Instant now, Error error, std::string_view why);
  void tell_disconnected_(const control::Event &event);
  void accept_rotation_(Instant now);
  void refuse_rotation_(Instant now, std::string_view why);
  void node_key_changed_(Instant now);
  std::string_view shown_message_() const;
  std::string_view shown_url_() const;
  std::string_view login_url_() const { return this->control_ ? this->control_->login_url() : std::string_view{}; }

  // core_expiry.cpp
  void set_wall_time_(Instant now, WallTime wall, bool is_trusted);
  bool is_key_over_() const;
  void keep_time_(Instant now);

  // core_ping.cpp
  void start_control_ping_(Instant now, std::string_view types, std::string_view ip);
  void send_control_ping_(Instant now);
  bool take_echo_(Instant now, netmap::PeerId from, const Bytes<8> &data, ControlPing::Type type);
  void end_control_ping_(Instant now, const magicsock::Event &pong, std::string_view error);

  // core_map.cpp: MapSink
  void stream_begin() override;
  void message_begin() override;
  void message_end(bool keep_alive) override;
  void aborted() override;
  void self_node(const tailcfg::Node &node) override;
  void peers_begin() override;
  void peer(const tailcfg::Node &node) override;
  void peers_end() override;
  void peer_removed(tailcfg::NodeId id) override;
  void peer_patched(const tailcfg::PeerChange &change) override;
  void peer_online(tailcfg::NodeId id, bool online) override;
  void derp_regions_begin() override;
  void derp_region(const tailcfg::DerpRegion &region) override;
  void derp_regions_end() override;
  void region_scores_reset() override;
  void region_score(uint16_t region, uint32_t thousandths) override;
  void filters_begin() override;
  void filters_clear() override;
  void filter_removed(std::string_view name) override;
  void filter_begin(std::string_view name) override;
  void filter_end() override;
  void rule_begin() override;
  void rule_source(const tailcfg::AddressRange &source) override;
  void rule_source_capability(std::string_view name) override;
  void rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) override;
  void rule_protocol(uint8_t protocol) override;
  void rule_end(bool valid, bool poisoned) override;
  void domain(std::string_view name) override;
  void dns_config(bool magic_dns, std::string_view suffix) override;
  void control_time(WallTime now) override;
  void health_begin() override;
  void health(std::string_view text, uint32_t id) override;
  void health_removed(uint32_t id) override;
  void pop_browser_url(std::string_view url) override;
  void tailnet_lock(bool enabled) override;
  const tailcfg::PackedRegion *find_region(uint16_t id) const override;
  IpAddress address(size_t slot, bool v6) const override;

  // core_paths.cpp: netmap, magicsock, relays, tunnel
  void take_endpoints_(tailcfg::NodeId id, const tailcfg::PeerEndpoints &endpoints);
  bool settle_netmap_(Instant now);
  bool settle_relays_(Instant now);
  bool settle_magicsock_(Instant now);
  bool settle_tunnel_(Instant now);
  void handle_netmap_event_(Instant now, const netmap::Event &event);
  void resync_(Instant now);
  void take_self_();
  void publish_addresses_();
  void drop_strangers_();
  void note_cache_(Instant now);
  void store_cache_();
  void take_peer_(Instant now, netmap::PeerId id);
  void take_regions_(Instant now);
  void handle_relay_event_(Instant now, const Relays::Event &event);
  void announce_home_(Instant now, uint16_t region);
  void set_home_(Instant now, uint16_t region);
  void handle_path_event_(Instant now, const magicsock::Event &event);
  void tell_endpoints_(Instant now);
  void tell_net_info_(Instant now);
  void handle_relay_packet_(Instant now, const Relays::Event &event);
  void count_drop_(Error error);
  // core_data.cpp: packets
  void handle_tunnel_event_(Instant now, const wireguard::Tunnel::Event &event);
  void handle_wireguard_(Instant now, const magicsock::Event &event);
  void handle_inner_(Instant now, netmap::PeerId id, ByteSpan packet);
  void handle_tsmp_(Instant now, netmap::PeerId id, const ip::Packet &packet);
  bool is_own_address_(const IpAddress &address) const;
  void handle_overlay_(Instant now, ByteSpan packet);
  void send_own_(Instant now, netmap::PeerId id, ByteView packet);
  void want_(Instant now, const netmap::Want &want);
  void poll_again_(Instant now);
  void end_poll_(Instant now);
  void wait_for_room_(Instant now);
  void tell_idle_(Instant now);
  netmap::PeerId find_id_(std::string_view name_or_address) const;
  PeerStatus status_of_(netmap::PeerId id) const;
  std::optional<Action> next_tunnel_action_(Instant now, ByteSpan scratch);
  std::optional<Action> send_to_peer_(Instant now, netmap::PeerId id, ByteView message);
  const Config &config_;
  LogSink *log_sink_;
  Log log_;
  tls::PemAnchors anchors_;
  crypto::Drbg random_;
  Run run_{Run::STOPPED};
  State state_{State::STOPPED};
  Instant now_{};  ///< of the input that is being handled, for MapSink
  Identity identity_;
  RecordDuties duties_;
  Instant cache_due_{Instant::NEVER}, cache_stored_{INT64_MIN / 2}, expiry_due_{Instant::NEVER};
  MachinePublic cached_control_key_{};  ///< of the configured control URL
  CachedSelf cached_self_;
  WallTime clock_reserved_{WallTime::UNKNOWN};
  Clock clock_;
  KeyRenewal renewal_;
  std::array<Stream, MAX_STREAMS> streams_;
  Pending pending_;
  std::optional<ByteView> overlay_out_;  ///< in the bytes of the current input
  std::optional<Action> datagram_out_;   ///< sealed in place
  alignas(uint32_t) Bytes<128> own_packet_;
  std::optional<control::Session> control_;
  control::AuthKey auth_key_;
  netmap::Netmap netmap_;
  AllowedPeers allowed_peers_;
  PollPolicy poll_policy_;
  ControlPing control_ping_;
  filter::Filter filter_;
  Relays relays_;
  magicsock::Magicsock magicsock_;
  wireguard::Tunnel tunnel_;
  bool settling_{false}, stop_due_{false}, resolve_due_{false}, relay_output_{false}, owner_ping_{false};
  uint16_t cached_home_{0};
  bool first_message_{true}, has_self_{false}, has_peers_{false};  ///< of the map stream; in the message that is read
  bool clock_grant_due_{false}, trying_pending_{false};  ///< control is asked about a pending key of an earlier run
  bool registered_{false}, authorized_{false}, streaming_{false}, refused_{false}, logout_refused_{false};
  bool tailnet_lock_{false}, is_signed_{false}, locked_out_{false}, magic_dns_{false}, addresses_due_{false};
  Notice message_;
  FixedString<MAX_NODE_NAME_BYTES> domain_;
  FixedVector<uint32_t, MAX_OWN_ENDPOINTS> local_endpoints_;  ///< hashes of what the port told last
  FixedVector<Endpoint, 2> self_addresses_;
  std::array<KnownPeer, MAX_PEERS> known_peers_;
  std::string_view control_host_;  ///< of the configured control URL
  FixedString<MAX_HOST_BYTES> resolve_host_;
  News news_;
  Statistics statistics_;
};

}  // namespace microlink::client
