// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/magicsock/keyed_magicsock.h"
#include "tests/sim/nat.h"
#include "tests/support/seeded_random.h"
#include "tests/sim/timeline.h"
#include "tests/sim/weather.h"

namespace microlink::sim {

using magicsock::Magicsock;

class Network;

/// A host with one magicsock and a WireGuard that answers every request with a response.
struct Node {
  Node(Network &world, size_t number, std::shared_ptr<Nat> site, unsigned seed);

  Network &network;
  size_t index;
  std::shared_ptr<Nat> nat;
  Endpoint local;
  NodePublic key;
  testing::SeededRandom random;
  magicsock::KeyedMagicsock sock;
  bool plugged{true};  ///< false: neither sends nor receives UDP
  bool relay_connected{false};
  uint16_t home{0};
  /// Until when a connection to another region stays, opened by sending through it.
  std::map<uint16_t, Instant> visits;
  std::optional<Instant> timer;
  // What happened.
  std::vector<magicsock::Event> pongs;
  size_t ping_timeouts{0};
  size_t direct_packets{0};
  size_t relayed_packets{0};
  size_t udp_sent{0};
  size_t relay_sent{0};
  size_t path_changes{0};
  NatKind nat_kind{NatKind::UNKNOWN};
  std::optional<Instant> home_at;
};

/// Sites, relays of two regions, STUN servers and a control server that passes changes on, on a virtual clock.
class Network : public Timeline {
 public:
  static constexpr Duration RELAY_LATENCY = milliseconds(15);
  static constexpr Duration RELAY_VISIT = seconds(60);
  static constexpr Duration LAN_LATENCY = milliseconds(1);
  static constexpr Duration CONTROL_LATENCY = milliseconds(50);

  explicit Network(unsigned seed, unsigned regions = 2);

  Node &add(NatModel model);
  /// A host in the site of another one.
  Node &add_beside(const Node &other);
  /// Everybody starts, learns of everybody and has a relay.
  void start();
  /// The node comes back with a new disco key; control tells the others.
  void restart(Node &node);
  void announce(const Node &node);

  /// Until `done` or `limit` has passed; whether it came to pass.

  /// A WireGuard request, which the other side answers.
  void send(Node &from, Node &to);
  /// A request now and every `interval` until `duration` has passed; runs that long.
  void chat(Node &from, Node &to, Duration interval, Duration duration);
  /// A packet as if it had come from the relay.
  void inject_relay(Node &to, uint16_t region, const NodePublic &src, std::vector<uint8_t> bytes);
  void inject_udp(Node &to, const Endpoint &from, std::vector<uint8_t> bytes);

  netmap::PeerId id(const Node &of) const { return {static_cast<uint16_t>(of.index), 1}; }
  /// Whether `from` sends to `to` on a proven path and nothing to the relay.
  bool is_direct(Node &from, Node &to) const;
  bool is_relayed(Node &from, Node &to) const;
  void pump(Node &node);

  unsigned seed;
  Weather weather;
  bool stun_works{true};
  std::vector<std::unique_ptr<Node>> nodes;

 private:
  void transmit_udp_(Node &from, const Endpoint &to, std::vector<uint8_t> bytes);
  void arrive_(const Endpoint &from, const Endpoint &to, const std::vector<uint8_t> &bytes);
  void deliver_(Node &node, const Endpoint &from, std::vector<uint8_t> bytes);
  bool is_at_(const Node &node, uint16_t region) const;
  void transmit_relay_(Node &from, uint16_t region, const NodePublic &to, std::vector<uint8_t> bytes);
  void handle_event_(Node &node, const magicsock::Event &event);
  void send_packet_(Node &from, Node &to, uint8_t kind);
  void tell_(Node &about, Node &to);

  std::mt19937 random_;
  unsigned regions_;
  std::vector<tailcfg::PackedRegion> map_;  ///< engines do not copy it
};

}  // namespace microlink::sim
