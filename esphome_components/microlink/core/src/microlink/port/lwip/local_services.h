// SPDX-License-Identifier: MIT
#pragma once

#include "lwip/udp.h"
#include "microlink/port/lwip/splice.h"

namespace microlink::lwip {

/// UDP of one port: each peer's address and port gets a socket of its own to the same port of 127.0.0.1, so that
/// answers find their way back.
class UdpService final : public posix::Companion {
 public:
  UdpService(UserspaceStack &stack, uint16_t port);
  ~UdpService() override;
  UdpService(const UdpService &) = delete;
  UdpService &operator=(const UdpService &) = delete;

  bool is_open() const { return this->pcb_ != nullptr; }
  size_t flow_count() const { return this->flows_.size(); }
  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  static constexpr size_t MAX_FLOWS = 32;  ///< full: the one that was silent for longest goes
  static constexpr Duration IDLE_LIMIT = seconds(120);

 private:
  struct Flow {
    ip_addr_t peer;
    ip_addr_t own;
    u16_t peer_port;
    posix::Fd socket;
    Instant used;
  };

  static void on_receive_(void *self, udp_pcb *pcb, pbuf *packet, const ip_addr_t *from, u16_t port);
  Flow *flow_(const ip_addr_t &peer, u16_t port, const ip_addr_t &own);
  void answer_(Flow &flow);

  UserspaceStack &stack_;
  const uint16_t port_;
  udp_pcb *pcb_;
  std::vector<Flow> flows_;
  Instant now_{};
};

/// Ports of the tailnet's addresses that lead to the same port of 127.0.0.1, TCP and UDP. The system's services see
/// connections from this machine: who may come in is the packet filter's business.
class LocalServices final {
 public:
  explicit LocalServices(UserspaceStack &stack) : stack_(stack), splices_(stack, MAX_CONNECTIONS) {}
  ~LocalServices();
  LocalServices(const LocalServices &) = delete;
  LocalServices &operator=(const LocalServices &) = delete;

  /// Empty, or one line. Connections beyond MAX_CONNECTIONS are reset, as are those to a port where nobody listens.
  std::string open(const std::vector<uint16_t> &ports);
  /// Live in a runner's loop; before the stack joins it.
  void join(posix::Runner &runner);
  Splices &splices() { return this->splices_; }

  static constexpr size_t MAX_PORTS = 16;
  static constexpr size_t MAX_CONNECTIONS = 32;

 private:
  struct Listener {
    LocalServices *owner;
    uint16_t port;
    tcp_pcb *pcb;
  };

  static err_t on_accept_(void *listener, tcp_pcb *connection, err_t error);

  UserspaceStack &stack_;
  Splices splices_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<UdpService>> udp_;
};

}  // namespace microlink::lwip
