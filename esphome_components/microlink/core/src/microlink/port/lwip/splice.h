// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "lwip/tcp.h"
#include "microlink/port/lwip/userspace_stack.h"
#include "microlink/port/posix/fd.h"

namespace microlink::lwip {

/// A TCP connection of the stack and a stream socket of the system, made one. Each side is read only as fast as the
/// other takes it: the stack's window opens when the socket has taken the bytes, the socket is read while the stack has
/// room. The end of one direction is passed on alone, a reset as a reset.
class Splice {
 public:
  enum class State : uint8_t {
    CONNECTING,  ///< the socket is not connected yet. Exits: FLOWING, DONE when it is refused
    FLOWING,     ///< either direction may have ended. Exit: DONE when both have, or one side failed
    DONE,        ///< nothing is held any more
  };

  /// Takes the connection, which is established, and the socket, which does not block.
  Splice(tcp_pcb *connection, posix::Fd socket, State state);
  ~Splice();
  Splice(const Splice &) = delete;
  Splice &operator=(const Splice &) = delete;

  State state() const { return this->state_; }
  /// What to wait for; 0: nothing of the socket's.
  short interest() const;
  int fd() const { return this->socket_.get(); }
  void serve(short happened);

 private:
  static err_t on_receive_(void *self, tcp_pcb *connection, pbuf *bytes, err_t error);
  static void on_error_(void *self, err_t error);
  void finish_connecting_();
  void to_socket_();
  void from_socket_();
  void let_go_();
  void fail_();
  void end_when_both_have_();
  void release_();

  tcp_pcb *connection_;  ///< null: both sides have ended, and lwIP has no more of it
  posix::Fd socket_;
  State state_;
  std::deque<pbuf *> waiting_;    ///< received, not yet taken by the socket; at most the window
  bool connection_ended_{false};  ///< the peer sends no more
  bool socket_told_{false};       ///< and the socket knows
  bool socket_ended_{false};      ///< the socket sends no more, and the peer knows
};

/// The splices of one service in a Runner's loop, at most `limit`.
class Splices final : public posix::Companion {
 public:
  Splices(UserspaceStack &stack, size_t limit) : stack_(stack), limit_(limit) {}

  bool full() const { return this->splices_.size() >= this->limit_; }
  size_t size() const { return this->splices_.size(); }
  /// As Splice(); not when full.
  void add(tcp_pcb *connection, posix::Fd socket, Splice::State state);

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;

 private:
  UserspaceStack &stack_;
  const size_t limit_;
  std::vector<std::unique_ptr<Splice>> splices_;
  std::vector<Splice *> watched_;
};

/// A socket (SOCK_STREAM, SOCK_DGRAM) to a port of this machine (127.0.0.1), connecting; not valid when the system
/// refuses.
posix::Fd connect_to_localhost(int type, uint16_t port);

}  // namespace microlink::lwip
