// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/port/lwip/userspace_stack.h"
#include "microlink/sockets.h"

namespace microlink::lwip {

/// Sockets on the stack in userspace. One thread, the Runner's; between its turns any function may be called, and what
/// it causes leaves with the next turn.
class UserspaceSockets final : public Sockets, public posix::Companion {
 public:
  explicit UserspaceSockets(UserspaceStack &stack, size_t limit = 32);
  ~UserspaceSockets() override;
  UserspaceSockets(const UserspaceSockets &) = delete;
  UserspaceSockets &operator=(const UserspaceSockets &) = delete;

  /// Live in a runner's loop, which must not turn any more when this has gone; before the stack joins it.
  void join(posix::Runner &runner);

  Result<SocketId> open_udp(uint16_t port) override;
  Error send(SocketId id, const Endpoint &to, ByteView bytes) override;
  Result<Datagram> receive(SocketId id, ByteSpan room) override;
  Result<SocketId> connect(std::string_view peer, uint16_t port) override;
  Result<SocketId> listen(uint16_t port) override;
  Result<SocketId> accept(SocketId id) override;
  Error status(SocketId id) const override;
  Result<size_t> read(SocketId id, ByteSpan room) override;
  Result<size_t> write(SocketId id, ByteView bytes) override;
  Error end(SocketId id) override;
  bool is_finished(SocketId id) const override;
  Endpoint endpoint(SocketId id) const override;
  void close(SocketId id) override;
  Result<IpAddress> find(std::string_view peer) override;

  void watch(std::vector<pollfd> &) override {}
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  /// Sockets in use, connections that wait for accept() included.
  size_t size() const;

  static constexpr size_t MAX_WAITING_DATAGRAMS = 16;   ///< of one socket; more are dropped
  static constexpr size_t MAX_WAITING_CONNECTIONS = 4;  ///< of one listener; more are refused
  static constexpr Duration CONNECT_LIMIT = seconds(20);

 private:
  struct Slot {
    enum class State : uint8_t {
      FREE,
      DATAGRAMS,   ///< UDP
      LISTENING,   ///< TCP
      FINDING,     ///< TCP: the peer is looked for with each turn. Exits: CONNECTING, FAILED. Timer: FIND_LIMIT
      CONNECTING,  ///< TCP. Exits: CONNECTED, FAILED. Timer: CONNECT_LIMIT
      CONNECTED,   ///< TCP; either direction may have ended. Exit: FAILED
      FAILED,      ///< TCP: `error` says why
    };
    struct Waiting {
      pbuf *bytes;
      Endpoint from;
    };

    UserspaceSockets *owner{nullptr};
    State state{State::FREE};
    Error error{Error::NONE};
    bool ended{false};         ///< the peer sends no more
    bool has_ended{false};     ///< this side sends no more, and the peer knows
    bool for_listener{false};  ///< waits for accept() of `listener`
    SocketId listener{0};
    uint16_t port{0};  ///< own; of the peer while it is looked for
    udp_pcb *udp{nullptr};
    tcp_pcb *tcp{nullptr};        ///< null: lwIP has no more of it
    std::deque<pbuf *> received;  ///< at most the window
    RingBuffer<Waiting, MAX_WAITING_DATAGRAMS> datagrams;
    Endpoint peer{};
    std::string name;
    Instant deadline{Instant::NEVER};
  };

  static void on_datagram_(void *slot, udp_pcb *pcb, pbuf *bytes, const ip_addr_t *from, u16_t port);
  static err_t on_accept_(void *slot, tcp_pcb *connection, err_t error);
  static err_t on_connected_(void *slot, tcp_pcb *connection, err_t error);
  static err_t on_bytes_(void *slot, tcp_pcb *connection, pbuf *bytes, err_t error);
  static void on_error_(void *slot, err_t error);

  Instant now_();
  Slot *take_();
  SocketId id_of_(const Slot &slot) const { return static_cast<SocketId>(&slot - this->slots_.data()); }
  const Slot *slot_(SocketId id, Slot::State state) const;
  Slot *slot_(SocketId id, Slot::State state) { return const_cast<Slot *>(std::as_const(*this).slot_(id, state)); }
  size_t waiting_for_(SocketId listener) const;
  void adopt_(Slot &slot, tcp_pcb *connection);
  void look_(Slot &slot);
  void dial_(Slot &slot, const IpAddress &address);
  void fail_(Slot &slot, Error error);
  static void let_go_(Slot &slot);
  static void release_(Slot &slot);

  UserspaceStack &stack_;
  posix::Runner *runner_{nullptr};
  std::vector<Slot> slots_;  ///< never grows: lwIP knows their addresses
};

}  // namespace microlink::lwip
