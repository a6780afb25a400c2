// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/runner.h"

namespace microlink::posix {

struct NodeOptions {
  Config config;
  std::string state_dir;
  /// A further CA bundle beside the system's; empty = none.
  std::string ca_file;
  /// Where to record runs; empty = nowhere. Each up() begins the file anew.
  std::string record_file;
  RunnerOptions runner;
};

/// A whole node on this machine: state directory, trust store, runner, and a client that can be stopped and started
/// while the rest stays. One thread.
class Node final : private Observer {
 public:
  enum class State : uint8_t {
    DOWN,      ///< no client. Exit: up()
    UP,        ///< a client runs. Exits: down(), logout(), the client says STOPPED
    STOPPING,  ///< STOP was said. Exits: the client says STOPPED, or STOP_TIME is over; then DOWN
    LEAVING,   ///< after logout(). Exits: the client says LOGOUT_FAILED, then UP; STOPPED, then DOWN; down()
  };

  enum class Failure : uint8_t { NONE, STATE_DIR, CERTIFICATES, SOCKETS };

  /// `overlay`, `observer`, `log` may be null; all must outlive the node.
  Node(NodeOptions options, DrivenFactory factory, Overlay *overlay, Observer *observer, LogSink *log);
  ~Node() override;

  /// Open and lock the state directory, load the trust store, open the sockets. `problem` is one line.
  Failure open(std::string &problem);

  /// For the next client, or for the one that runs. Wiped here when handed on.
  void set_auth_key(std::string auth_key);
  /// Start a client; while one goes down, as soon as it is. Empty, or one line; empty too when one runs already.
  std::string up();
  void down();
  /// See Client::logout(): control must confirm it, or the node goes on.
  void logout();
  /// down(), and turn until it is done: at most STOP_TIME.
  void close();

  State state() const { return this->state_; }
  /// The client while UP; null otherwise.
  Driven *driven() { return this->state_ == State::UP ? this->client_.get() : nullptr; }
  /// STOPPED and empty while DOWN or STOPPING.
  Snapshot snapshot() const;
  const Config &config() const { return this->options_.config; }
  Runner &runner() { return *this->runner_; }

  void turn(Instant latest);

  static constexpr Duration STOP_TIME = seconds(2);

 private:
  void on_event(Instant now, const Event &event) override;
  void finish_();

  NodeOptions options_;
  DrivenFactory factory_;
  Overlay *overlay_;
  Observer *observer_;
  LogSink *log_sink_;
  Log log_;
  StateDir state_dir_;
  std::string trust_pem_;
  std::string extra_pem_;
  TrustStore trust_;
  std::string auth_key_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<Driven> client_;
  State state_{State::DOWN};
  bool up_again_{false};  ///< as soon as it is down
  Instant stop_deadline_{Instant::NEVER};
};

}  // namespace microlink::posix
