// SPDX-License-Identifier: MIT
#pragma once

#include <thread>

#include "microlink/port/posix/mailbox.h"
#include "microlink/port/posix/node.h"
#include "microlink/port/posix/overlay_end.h"

namespace microlink::posix {

/// A node on a thread of its own, for a program that has a loop already. The owner talks to it through a mailbox and
/// never waits for it, except in start() and stop().
class Background {
 public:
  Background();
  ~Background();
  Background(const Background &) = delete;
  Background &operator=(const Background &) = delete;

  /// Open everything and start the thread and the node. Empty, or one line that says what is wrong. `end` and `log` are
  /// called on the new thread, may be null and must live until stop() returned.
  std::string start(NodeOptions options, DrivenFactory factory, std::string auth_key, OverlayEnd *end, LogSink *log);
  /// Take the node down in good order and end the thread: at most Node::STOP_TIME and a moment. May be repeated.
  void stop();
  bool running() const { return this->thread_.joinable(); }

  /// False when it does not run or too many commands wait.
  bool post(Command command) { return this->running() && this->mailbox_->post(std::move(command)); }
  std::optional<OwnedEvent> take_event();
  /// The latest snapshot when there is a new one: after each event, and each second while counters change.
  bool take_snapshot(Snapshot &out) { return this->mailbox_ != nullptr && this->mailbox_->take_snapshot(out); }

  static constexpr Duration SNAPSHOT_EVERY = seconds(1);

 private:
  class Worker;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

}  // namespace microlink::posix
