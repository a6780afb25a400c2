// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "microlink/client.h"
#include "tests/memory/stack.h"
#include "tests/support/control_server.h"
#include "tests/support/relay_connection.h"

namespace microlink::testing {

class World;

/// Is told what the first node's client is given and what it does.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Before the client sees it.
  virtual void on_input(Instant now, const Input &input) = 0;
  virtual void on_action(const Action &action) = 0;
  /// It has nothing more to do.
  virtual void on_rest() = 0;
};

/// A port of its own, which makes the first node's client and runs it, in the place of the loop here.
class Port {
 public:
  virtual ~Port() = default;
  virtual void start() = 0;
  /// As Client::handle(), with all that follows from it, by what a system has for that.
  virtual void handle(const Input &input) = 0;
  virtual Instant next_timeout() const = 0;
  virtual Client &client() = 0;
};

/// A whole client, and a port that performs its actions in the World. Every call of the client is watched.
class Node {
 public:
  Node(World &world, unsigned number);

  /// A clock that was never set says nothing.
  void start(WallTime wall = WALL);
  static constexpr WallTime WALL = wall_seconds(1'893'456'000);  ///< 2030-01-01
  void set_wall_time(WallTime wall);
  /// Power comes back after it went, in the middle of whatever: a new client with what was stored.
  void restart(const std::string &auth_key);
  /// Perform what waits at this time. Whether there was anything.
  bool step();
  /// After a command was given to client(): perform what it caused.
  void drain();
  /// An IP packet from this node's own programs.
  void send(const std::string &packet);
  /// A datagram that somebody sends.
  void hear(const Endpoint &from, std::string datagram);
  void send_map(const std::string &json);
  /// From control and relay.
  void send_keep_alives();
  /// From the relays: so many keep-alives in one TLS record.
  void send_burst(size_t count);
  /// It has another address from now on.
  void change_network();
  /// TLS handshakes under way.
  size_t handshakes() const;
  /// TLS sessions, in their handshake or after it.
  size_t sessions() const;
  Instant next_timeout() const {
    return this->port_ != nullptr ? this->port_->next_timeout() : this->client_->next_timeout();
  }
  Client &client() { return this->port_ != nullptr ? this->port_->client() : *this->client_; }
  /// What a Port's client wants done.
  void perform(const Action &action);
  World &world() { return this->world_; }

  ControlServer control;
  std::vector<std::string> received;  ///< packets for the overlay
  Endpoint underlay;
  bool is_deaf{false};  ///< nothing that is sent to it arrives
  size_t unheard{0};    ///< datagrams that did not
  size_t online{0};     ///< times that it said so
  std::map<Record, std::string> records;
  /// Power goes instead of performing the record action after so many; SIZE_MAX: never.
  size_t record_actions_left{SIZE_MAX};
  size_t wakes{0};   ///< moments at which something happened here: a device that sleeps woke up as often
  size_t alarms{0};  ///< those at which time alone was the reason

 private:
  friend class World;
  struct Pending {
    Input::Kind kind;
    StreamId stream{0};
    std::string bytes{};
    Endpoint from{};
    std::string host{};
  };

  void input_(const Input &input);
  bool is_watched_() const;
  Observer *observer_() const;
  template<typename Call> void watched_(const Call &call);
  void open_stream_(const Action &action);
  void send_stream_(StreamId id, const std::string &bytes);
  void to_relay_(RelayConnection &connection, const std::string &bytes);
  void from_streams_();

  const unsigned number_;  ///< from 1 on
  World &world_;
  Config config_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Port> port_;  ///< or this
  std::deque<Pending> inbox_;
  bool has_power_{true};
  unsigned starts_{0};
  Instant woken_at_{Instant::NEVER};
  Instant alarm_at_{Instant::NEVER};
  std::unique_ptr<ControlServer::Connection> streams_[MAX_STREAMS];
  std::unique_ptr<TlsEnd> tls_[MAX_STREAMS];  ///< of streams to control on port 443
  std::unique_ptr<RelayConnection> relays_[MAX_STREAMS];
};

/// Nodes, a control server for each and one relay in region 1; time passes only when nothing is left to do.
class World {
 public:
  struct Options {
    size_t nodes{2};
    bool relay_only{false};
    bool tls{false};            ///< control is asked over TLS first, as a real one is
    bool watch_others{true};    ///< false: only the first node's calls are watched, and run on the painted stack
    bool has_port_80{true};     ///< false: control can be reached over TLS alone
    bool two_regions{false};    ///< the peers are at home in region 2
    TlsEnd::Identity server{};  ///< of control and relays; empty: that of tests/tls/certificates.h
    TrustStore trust{};         ///< besides ROOT of tests/tls/certificates.h
    bool trust_root{true};
    /// Of the first node; null: the loop here, and a client.
    std::unique_ptr<Port> (*make_port)(Node &node, const Config &config, const TrustStore &trust){nullptr};
    std::string rules{};  ///< of the packet filter, as JSON, before the one that permits everything
  };
  explicit World(bool relay_only = false) : World(Options{.relay_only = relay_only}) {}
  explicit World(const Options &options);

  void run_for(Duration time);
  /// Tell all nodes of each other, and of `others` further peers.
  void send_maps(size_t others);
  std::string map_for(size_t node, size_t others) const;
  /// Of the peer with this id in it; the others' follow those of the nodes, which begin with 1.
  static std::string name_of(size_t id) { return "node-" + std::to_string(id) + ".tail1234.ts.net"; }

  const Options options;
  Instant now{static_cast<Instant>(1'000'000)};
  bool has_relay{true};          ///< false: it cannot be connected to
  PaintedStack *stack{nullptr};  ///< where the clients' calls run
  Observer *observer{nullptr};
  size_t most_handshakes{0};  ///< of one node at once
  size_t most_sessions{0};
  std::vector<std::unique_ptr<Node>> nodes;

 private:
  friend class Node;
  Node *with_(const Endpoint &endpoint);
};

/// A UDP packet from node `from` to node `to` (from 0 on), with `size` bytes of IP.
std::string udp_packet(size_t from, size_t to, size_t size);

}  // namespace microlink::testing
