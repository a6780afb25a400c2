// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace microlink::chip_test {

/// A coordination server for two nodes and a relay, as bytes; knows nothing of sockets. One thread.
class Servers {
 public:
  static constexpr size_t NODES = 2;
  /// `relay` as the nodes reach it.
  Servers(const std::string &relay_address, unsigned relay_port);
  ~Servers();

  enum class Kind : unsigned char { CONTROL_OF_FIRST, CONTROL_OF_SECOND, RELAY };
  /// One connection of a node's, from its beginning.
  class Connection {
   public:
    virtual ~Connection() = default;
    virtual void handle(const std::string &bytes) = 0;
    virtual std::string take() = 0;
  };
  std::unique_ptr<Connection> open(Kind kind);
  /// Nodes that have changed are shown to the other one.
  void tell_news();
  /// That the servers are there.
  void keep_alive();

  /// Nodes that have a map stream.
  size_t streaming() const;
  /// Nodes that have logged in at the relay.
  size_t relayed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The CA that has signed the relay's certificate.
std::string_view relay_ca();

}  // namespace microlink::chip_test
