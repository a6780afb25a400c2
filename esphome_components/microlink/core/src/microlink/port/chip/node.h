// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "microlink/port/chip/loop.h"
#include "microlink/port/chip/mailbox.h"

namespace microlink::chip {

using Mailbox = MailboxWith<std::mutex>;

/// A whole node on a chip: sockets, loop, and a client that can be stopped and started while the rest stays. It begins
/// with nothing: UP is the first command. Everything but post() and take_snapshot() is for the node's task.
class Node final : private Observer {
 public:
  enum class State : uint8_t {
    DOWN,      ///< no client. Exit: UP, which is tried again until it succeeds or something else is asked for
    UP,        ///< a client runs. Exits: DOWN, LOGOUT, STOP; the client says STOPPED
    STOPPING,  ///< STOP was said. Exits: the client says STOPPED, or STOP_TIME is over; then DOWN
    LEAVING,   ///< after LOGOUT. Exits: the client says LOGOUT_FAILED, then UP; STOPPED, then DOWN; DOWN, STOP
  };

  struct Options {
    const Config *config{nullptr};  ///< the owner's: must outlive the node and stay as it is
    TrustStore trust;
    Loop::Options loop;
    Memory memory{};
  };
  /// `system` and `log` must outlive the node; `log` may be null.
  Node(const Options &options, System &system, LogSink *log);
  ~Node() override;

  // From any task.

  /// False when too many commands wait.
  bool post(const Command &command);
  /// See Client::set_allowed_peers(). False for a list that makes no sense.
  bool post_allowed_peers(std::string_view list);
  /// See Client::set_quiet().
  void set_quiet(bool quiet) {
    if (this->quiet_.exchange(quiet) != quiet)
      this->system_.wake_up();
  }
  /// The latest snapshot when there is a new one.
  bool take_snapshot(Snapshot &out) { return this->mailbox_.take_snapshot(out); }

  // On the node's task.

  /// One turn, until finished(). How long it has waited.
  Duration turn(Instant latest);
  /// After STOP was posted, and the client came to rest in good order: STOP_TIME later at most.
  bool finished() const { return this->stop_asked_ && this->state_ == State::DOWN; }
  State state() const { return this->state_; }
  const Loop &loop() const { return this->loop_; }
  /// Null while there is none.
  Client *client() const { return this->client_.get(); }

  static constexpr Duration STOP_TIME = seconds(2);
  /// Pauses between attempts to come up, where memory, a socket or a record is missing: doubled each time.
  static constexpr Duration FIRST_RETRY = seconds(1), LAST_RETRY = seconds(60);

 private:
  void on_event(const Event &event) override;
  void perform_(Command::Kind command);
  void set_allowed_peers_();
  bool give_allowed_peers_();
  void apply_quiet_();
  void set_auth_key_();
  void up_();
  const char *make_client_(std::string_view auth_key);
  void forget_retry_();
  void down_(State next);
  void finish_();
  void publish_();

  Options options_;
  System &system_;
  LogSink *log_sink_;
  Log log_;
  Mailbox mailbox_;
  Loop loop_;
  std::unique_ptr<Client> client_;
  State state_{State::DOWN};
  Instant stop_deadline_{Instant::NEVER};
  const char *problem_{""};  ///< why it is not up though it should
  Instant retry_at_{Instant::NEVER};
  Duration retry_pause_{FIRST_RETRY};
  std::atomic<bool> quiet_{false};
  bool client_is_quiet_{false};
  bool is_open_{false};
  bool stop_asked_{false};
  bool news_{true};
};

}  // namespace microlink::chip
