// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"
#include "microlink/port/lwip/socks5.h"
#include "microlink/port/lwip/splice.h"
#include "microlink/port/posix/finding.h"

namespace microlink::lwip {

/// One stream socket of the system on its way to a peer's TCP port. Once connected it is added to the splices.
class Outbound {
 public:
  enum class State : uint8_t {
    ASKING,      ///< SOCKS conversation. Exits: RESOLVING, DONE. Timer: ASK_LIMIT
    RESOLVING,   ///< the peer's address is looked for with each turn. Exits: CONNECTING, DONE. Timer: FIND_LIMIT
    CONNECTING,  ///< Exit: DONE, as a splice or with a refusal. Timer: CONNECT_LIMIT
    DONE,        ///< nothing is held any more
  };

  /// `socket` speaks SOCKS 5 first.
  Outbound(Instant now, Splices &splices, posix::Fd socket);
  /// To a port of a peer.
  Outbound(Instant now, Splices &splices, posix::Fd socket, std::string peer, uint16_t port);
  ~Outbound();
  Outbound(const Outbound &) = delete;
  Outbound &operator=(const Outbound &) = delete;

  State state() const { return this->state_; }
  int fd() const { return this->socket_.get(); }
  Instant next_timeout() const;
  /// `runner` may be null: then nobody is found.
  void serve(Instant now, short happened, posix::Runner *runner);

  static constexpr Duration ASK_LIMIT = seconds(10);
  static constexpr Duration CONNECT_LIMIT = seconds(20);

 private:
  static err_t on_connected_(void *self, tcp_pcb *connection, err_t error);
  static void on_error_(void *self, err_t error);
  void ask_(Instant now);
  void resolve_(Instant now, posix::Runner *runner);
  void connect_(Instant now, const IpAddress &address);
  /// Tell a SOCKS client that waits for its answer why, and let go.
  void fail_(Socks5::Reply reply);
  void release_();
  bool send_(const std::string &bytes);

  Splices &splices_;
  posix::Fd socket_;
  bool speaks_socks_;
  Socks5 socks_;
  std::string peer_;
  uint16_t port_{0};
  tcp_pcb *connection_{nullptr};
  State state_;
  Instant deadline_;
};

}  // namespace microlink::lwip
