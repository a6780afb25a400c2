// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
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

/// A whole client, and a port that performs its actions in the World. Every call of the client is watched.
class Node {
 public:
  Node(World &world, unsigned number, bool relay_only);

  void start();
  /// Perform what waits at this time. Whether there was anything.
  bool step();
  /// After a command was given to client(): perform what it caused.
  void drain();
  /// An IP packet from this node's own programs.
  void send(const std::string &packet);
  void send_map(const std::string &json);
  /// From control and relay.
  void send_keep_alives();
  Instant next_timeout() const { return this->client_->next_timeout(); }
  Client &client() { return *this->client_; }

  ControlServer control;
  std::vector<std::string> received;  ///< packets for the overlay
  Endpoint underlay;
  size_t online{0};  ///< times that it said so

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
  template<typename Call> void watched_(const Call &call);
  void perform_(const Action &action);
  void to_relay_(RelayConnection &connection, const std::string &bytes);
  void from_streams_();

  World &world_;
  Config config_;
  std::unique_ptr<Client> client_;
  std::deque<Pending> inbox_;
  std::unique_ptr<ControlServer::Connection> streams_[MAX_STREAMS];
  std::unique_ptr<RelayConnection> relays_[MAX_STREAMS];
};

/// Two nodes, a control server for each and one relay in region 1; time passes only when nothing is left to do.
class World {
 public:
  explicit World(bool relay_only = false);

  void run_for(Duration time);
  /// Tell both nodes of each other, and of `others` further peers.
  void send_maps(size_t others);
  std::string map_for(size_t node, size_t others) const;
  /// Of the peer with this id in it, from 3 on.
  static std::string name_of(size_t id) { return "node-" + std::to_string(id) + ".tail1234.ts.net"; }

  Instant now{static_cast<Instant>(1'000'000)};
  bool has_relay{true};          ///< false: it cannot be connected to
  PaintedStack *stack{nullptr};  ///< where the clients' calls run
  std::vector<std::unique_ptr<Node>> nodes;

 private:
  friend class Node;
  Node *with_(const Endpoint &endpoint);
};

/// A UDP packet from node `from` to node `to` (0 or 1), with `size` bytes of IP.
std::string udp_packet(size_t from, size_t to, size_t size);

}  // namespace microlink::testing
