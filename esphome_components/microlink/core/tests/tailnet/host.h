// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "microlink/client.h"
#include "tests/sim/nat.h"
#include "tests/support/control_server.h"
#include "tests/support/relay_connection.h"

namespace microlink::tailnet {

class Tailnet;

/// A machine with a client in it, and the port that performs its actions in the Tailnet.
class Host {
 public:
  Host(Tailnet &tailnet, size_t index, sim::NatModel model);

  /// Switch it on: a new client with the records that the last one stored.
  void start();
  /// `in_order`: STOP first; else as a power cut does it.
  void stop(bool in_order);
  bool is_running() const { return this->client_ != nullptr; }
  /// Another site with another NAT; open connections are dead.
  void move(sim::NatModel model);
  void send(const std::string &packet);
  void input(Input input);
  /// As it is in storage; unset before the first start.
  const NodePrivate &node_key() const { return this->node_key_; }

  /// A connection of the client's.
  struct Link {
    enum class To : uint8_t { NOBODY, CONTROL, RELAY };
    To to{To::NOBODY};
    uint16_t region{0};
    unsigned number{0};  ///< of this connection: events of an earlier one do not count
    bool is_open{false};
    std::unique_ptr<testing::ControlServer::Connection> control;
    std::unique_ptr<testing::RelayConnection> relay;
    std::deque<std::function<void(Link &)>> under_way;  ///< in the order in which it was said
  };
  Link &link(StreamId id) { return this->links_[id]; }
  Client &client() { return *this->client_; }

  size_t index;
  testing::ControlServer control;  ///< the part of the coordination server that is concerned with this node
  std::shared_ptr<sim::Nat> nat;
  Endpoint local;
  Instant dark_until{};       ///< nothing comes through before
  std::set<size_t> may_send;  ///< the hosts whose packets its filter lets in, as control said and it has heard
  size_t wake_ups{0};
  size_t datagrams_sent{0};
  size_t frames_sent{0};  ///< writes to streams
  size_t links_begun{0};
  size_t starts{0};

 private:
  void drain_();
  void perform_(const Action &action);
  void arm_();

  Tailnet &tailnet_;
  Config config_;
  std::unique_ptr<Client> client_;
  std::array<Link, MAX_STREAMS> links_;
  std::map<Record, std::string> records_;
  NodePrivate node_key_;
  std::optional<Instant> timer_;
  unsigned sites_{0};
};

}  // namespace microlink::tailnet
