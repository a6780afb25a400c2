// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/local_services.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "microlink/port/lwip/listening.h"

namespace microlink::lwip {

namespace {

constexpr int BATCH = 16;  ///< datagrams of one flow in a turn
constexpr size_t MAX_DATAGRAM_BYTES = 65507;
constexpr size_t MAX_PIECES = 64;  ///< more than fragments of the longest datagram

/// A datagram as the stack has it: where it came in fragments, in pieces.
void send_pieces(int fd, const pbuf *packet) {
  std::array<iovec, MAX_PIECES> pieces;
  size_t count = 0;
  for (; packet != nullptr && count != pieces.size(); packet = packet->next)
    pieces[count++] = {packet->payload, packet->len};
  if (packet != nullptr)
    return;
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  (void) ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

UdpService::UdpService(UserspaceStack &stack, uint16_t port)
    : stack_(stack), port_(port), pcb_(udp_new_ip_type(IPADDR_TYPE_ANY)) {
  if (this->pcb_ == nullptr)
    return;
  if (udp_bind(this->pcb_, IP_ANY_TYPE, port) != ERR_OK) {
    udp_remove(this->pcb_);
    this->pcb_ = nullptr;
    return;
  }
  udp_recv(this->pcb_, on_receive_, this);
  this->flows_.reserve(MAX_FLOWS);
}

UdpService::~UdpService() {
  if (this->pcb_ != nullptr)
    udp_remove(this->pcb_);
}

UdpService::Flow *UdpService::flow_(const ip_addr_t &peer, u16_t port, const ip_addr_t &own) {
  for (Flow &flow : this->flows_) {
    if (flow.peer_port == port && ip_addr_eq(&flow.peer, &peer) && ip_addr_eq(&flow.own, &own))
      return &flow;
  }
  posix::Fd socket = connect_to_localhost(SOCK_DGRAM, this->port_);
  if (!socket.valid())
    return nullptr;
  Flow flow{peer, own, port, std::move(socket), this->now_};
  if (this->flows_.size() == MAX_FLOWS) {
    const auto eldest = std::min_element(this->flows_.begin(), this->flows_.end(),
                                         [](const Flow &a, const Flow &b) { return a.used < b.used; });
    *eldest = std::move(flow);
    return &*eldest;
  }
  this->flows_.push_back(std::move(flow));
  return &this->flows_.back();
}

void UdpService::on_receive_(void *self, udp_pcb *, pbuf *packet, const ip_addr_t *from, u16_t port) {
  auto *service = static_cast<UdpService *>(self);
  if (Flow *flow = service->flow_(*from, port, *ip_current_dest_addr()); flow != nullptr) {
    flow->used = service->now_;
    send_pieces(flow->socket.get(), packet);
  }
  pbuf_free(packet);
}

void UdpService::watch(std::vector<pollfd> &fds) {
  for (const Flow &flow : this->flows_)
    fds.push_back({flow.socket.get(), POLLIN, 0});
}

void UdpService::serve(Instant now, std::span<const pollfd> fds) {
  this->now_ = now;
  this->stack_.tell(now);
  for (size_t i = 0; i != std::min(fds.size(), this->flows_.size()); i++) {
    if (fds[i].revents != 0 && fds[i].fd == this->flows_[i].socket.get())
      this->answer_(this->flows_[i]);
  }
  std::erase_if(this->flows_, [now](const Flow &flow) { return flow.used + IDLE_LIMIT <= now; });
}

void UdpService::answer_(Flow &flow) {
  uint8_t bytes[MAX_DATAGRAM_BYTES];
  for (int i = 0; i != BATCH; i++) {
    const ssize_t n = ::recv(flow.socket.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0)
      return;
    flow.used = this->now_;
    const auto size = static_cast<u16_t>(n);
    pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, size, PBUF_RAM);
    if (packet == nullptr)
      return;
    if (pbuf_take(packet, bytes, size) == ERR_OK)
      (void) udp_sendto_if_src(this->pcb_, packet, &flow.peer, flow.peer_port, this->stack_.interface().get(),
                               &flow.own);
    pbuf_free(packet);
  }
}

Instant UdpService::next_timeout() const {
  Instant out = Instant::NEVER;
  for (const Flow &flow : this->flows_)
    out = earlier(out, flow.used + IDLE_LIMIT);
  return out;
}

LocalServices::~LocalServices() {
  for (const auto &listener : this->listeners_)
    (void) tcp_close(listener->pcb);
}

std::string LocalServices::open(const std::vector<uint16_t> &ports) {
  for (const uint16_t port : ports) {
    err_t error = ERR_OK;
    tcp_pcb *const listening = listen_on(port, error);
    if (listening == nullptr)
      return error == ERR_USE ? "port " + std::to_string(port) + " is served twice" : "too many ports are served";
    this->listeners_.push_back(std::make_unique<Listener>(Listener{this, port, listening}));
    tcp_arg(listening, this->listeners_.back().get());
    tcp_accept(listening, on_accept_);
    auto udp = std::make_unique<UdpService>(this->stack_, port);
    if (!udp->is_open())
      return "too many ports are served";
    this->udp_.push_back(std::move(udp));
  }
  return {};
}

void LocalServices::join(posix::Runner &runner) {
  runner.add(&this->splices_);
  for (const auto &udp : this->udp_)
    runner.add(udp.get());
}

err_t LocalServices::on_accept_(void *self, tcp_pcb *connection, err_t error) {
  const auto *listener = static_cast<Listener *>(self);
  if (error != ERR_OK || connection == nullptr)
    return ERR_VAL;
  posix::Fd socket;
  if (!listener->owner->splices_.full())
    socket = connect_to_localhost(SOCK_STREAM, listener->port);
  if (!socket.valid()) {
    tcp_abort(connection);
    return ERR_ABRT;
  }
  listener->owner->splices_.add(connection, std::move(socket), Splice::State::CONNECTING);
  return ERR_OK;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
