// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

#include "tests/derp/relay.h"
#include "tests/support/tls_end.h"

namespace microlink::testing {

/// One connection to a relay as the relay has it: TLS, the upgrade, the login, frames.
class RelayConnection {
 public:
  /// `to`: a node key of 32 bytes.
  using Forward = std::function<void(const std::string &to, const std::string &packet)>;

  RelayConnection() = default;
  explicit RelayConnection(const TlsEnd::Identity &identity) : tls_(identity) {}

  /// Take bytes of the client; packets that it sends go to `forward`.
  void handle(const std::string &bytes, const Forward &forward);
  void deliver(const std::string &from, const std::string &packet);
  void say_gone(const std::string &key);
  void keep_alive();
  /// So many of them in one TLS record.
  void keep_alives(size_t count);
  /// What is to be sent to the client.
  std::string take() { return this->tls_.take(); }

  bool has_begun() const { return this->tls_.has_begun(); }
  bool is_in_handshake() const { return this->tls_.is_in_handshake(); }
  bool is_logged_in() const { return !this->node_key_.empty(); }
  /// As it said at its login, 32 bytes.
  const std::string &node_key() const { return this->node_key_; }

 private:
  void frame_(uint8_t type, const std::string &body, const Forward &forward);
  void write_(const derp::testing::Raw &frame) { this->tls_.write(std::string(as_text(frame))); }

  TlsEnd tls_;
  derp::testing::Relay relay_;
  bool upgraded_{false};
  std::string node_key_;
};

}  // namespace microlink::testing
