// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/lwip/outbound.h"

namespace microlink::lwip {

/// Ports of this machine that lead to peers: a SOCKS 5 proxy, and single ports forwarded.
class OutboundServices final : public posix::Companion {
 public:
  explicit OutboundServices(UserspaceStack &stack) : stack_(stack), splices_(stack, MAX_CONNECTIONS) {}

  /// Empty, or one line.
  std::string open_socks5(const Endpoint &local);
  std::string open_forward(const Endpoint &local, const std::string &peer, uint16_t port);
  /// Without a listener: a socket of the program's own. False when there are too many.
  bool connect(Instant now, posix::Fd socket, std::string peer, uint16_t port);
  /// Live in a runner's loop; before the stack joins it.
  void join(posix::Runner &runner);

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  size_t size() const { return this->outbounds_.size() + this->splices_.size(); }

  static constexpr size_t MAX_CONNECTIONS = 32;

 private:
  struct Listener {
    posix::Fd socket;
    std::string peer;  ///< empty: SOCKS
    uint16_t port;
  };

  std::string listen_(const Endpoint &local, std::string peer, uint16_t port);
  void accept_(Instant now, const Listener &listener);
  bool full_() const { return this->size() >= MAX_CONNECTIONS; }

  UserspaceStack &stack_;
  Splices splices_;
  posix::Runner *runner_{nullptr};
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Outbound>> outbounds_;
  size_t watched_{0};  ///< outbounds of the last watch()
};

}  // namespace microlink::lwip
