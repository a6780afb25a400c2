// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "microlink/port/posix/node.h"
#include "microlinkd/json_value.h"
#include "microlinkd/report.h"

namespace microlink::tools {

/// Answers the requests of the control protocol. Knows nothing of sockets: lines in, lines out. Every request gets
/// exactly one answer, `watch` excepted.
class Requests final : public posix::Observer {
 public:
  using ClientId = uint32_t;
  struct Reply {
    ClientId client;
    std::string line;  ///< without the newline
    bool last;         ///< false: an event of a watch, more follow
  };
  /// Reads the auth key again before an `up`; empty = none.
  using AuthKeySource = std::function<std::string()>;

  void use(posix::Node *node, AuthKeySource auth_key) {
    this->node_ = node;
    this->auth_key_ = std::move(auth_key);
  }

  void handle(Instant now, ClientId client, std::string_view line);
  /// The client went: what it waits for is forgotten.
  void forget(ClientId client);
  void on_event(Instant now, const Event &event) override;
  /// After each turn of the node.
  void update(Instant now);
  Instant next_timeout(Instant now) const;
  std::optional<Reply> poll_reply();

  static constexpr size_t MAX_PENDING = 32;
  static constexpr Duration PING_TIME = seconds(10);
  static constexpr Duration ROTATE_TIME = seconds(30);
  static constexpr Duration NETCHECK_LEAST = milliseconds(1500);
  static constexpr Duration NETCHECK_MOST = seconds(5);

 private:
  struct Pending {
    enum class Kind : uint8_t { FIND, PING, ROTATE, NETCHECK, DOWN, LOGOUT, WATCH };
    Kind kind;
    ClientId client;
    Instant since;
    Instant deadline;
    Pong ping{};
  };

  void dispatch_(Instant now, ClientId client, const JsonValue &request);
  void dispatch_online_(Instant now, ClientId client, std::string_view command, const JsonValue &request);
  void allow_(ClientId client, const JsonValue &request);
  void ping_(Instant now, ClientId client, const JsonValue &request);
  void up_(ClientId client);
  void send_ping_(Instant now, ClientId client, const std::string &name, const NodePublic &peer);
  void find_again_(Instant now);
  bool settle_(Instant now, const Pending &pending);
  void answer_ping_(const Event &event);
  bool settle_by_event_(Pending &pending, const Event &event);
  void reply_(ClientId client, std::string line) { this->replies_.push_back({client, std::move(line), true}); }
  void wait_(Instant now, ClientId client, Pending::Kind kind, Duration at_most);

  posix::Node *node_{nullptr};
  AuthKeySource auth_key_;
  std::deque<Pending> pending_;
  std::deque<Reply> replies_;
};

}  // namespace microlink::tools
