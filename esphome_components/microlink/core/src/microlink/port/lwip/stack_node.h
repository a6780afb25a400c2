// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/lwip/userspace_sockets.h"
#include "microlink/port/posix/node.h"

namespace microlink::lwip {

/// A node with a network stack and sockets inside the program: all that a program on Linux needs to speak with its
/// tailnet. No privileges, no interface of the system, one thread. See docs/core.md.
class StackNode {
 public:
  /// `log` may be null and must outlive this.
  explicit StackNode(posix::NodeOptions options, LogSink *log = nullptr)
      : node_(std::move(options), posix::make_client, &this->stack_, nullptr, log) {}
  /// Leaves in good order: at most Node::STOP_TIME.
  ~StackNode();
  StackNode(const StackNode &) = delete;
  StackNode &operator=(const StackNode &) = delete;

  /// Open everything and start to join. The auth key is needed the first time only. Empty, or one line that says what
  /// is wrong.
  std::string up(std::string auth_key);
  /// Wait for something to happen, at most until `latest`, and do it.
  void turn(Instant latest = Instant::NEVER) { this->node_.turn(latest); }
  /// Turn until the node is online; false when it is not in that time.
  bool wait_online(Duration patience);
  /// What is known of a peer, wherever in the tailnet it is: Client::find(). NOT_READY before up(), too.
  Result<PeerStatus> find(std::string_view peer);

  Sockets &sockets() { return this->sockets_; }
  posix::Node &node() { return this->node_; }

 private:
  // The node goes first: its loop knows the others.
  UserspaceStack stack_;
  UserspaceSockets sockets_{stack_};
  posix::Node node_;
};

}  // namespace microlink::lwip
