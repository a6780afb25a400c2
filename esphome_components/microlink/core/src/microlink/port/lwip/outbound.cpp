// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/outbound.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace microlink::lwip {

Outbound::Outbound(Instant now, Splices &splices, posix::Fd socket)
    : splices_(splices),
      socket_(std::move(socket)),
      speaks_socks_(true),
      state_(State::ASKING),
      deadline_(now + ASK_LIMIT) {}

Outbound::Outbound(Instant now, Splices &splices, posix::Fd socket, std::string peer, uint16_t port)
    : splices_(splices),
      socket_(std::move(socket)),
      speaks_socks_(false),
      peer_(std::move(peer)),
      port_(port),
      state_(State::RESOLVING),
      deadline_(now + Client::FIND_LIMIT) {}

Outbound::~Outbound() { this->release_(); }

Instant Outbound::next_timeout() const {
  return this->state_ == State::DONE ? static_cast<Instant>(0) : this->deadline_;
}

void Outbound::serve(Instant now, short happened, posix::Runner *runner) {
  if (this->state_ == State::ASKING && happened != 0)
    this->ask_(now);
  const bool waits = this->state_ == State::RESOLVING || this->state_ == State::CONNECTING;
  if (waits && (happened & (POLLHUP | POLLERR)) != 0)
    this->fail_(Socks5::Reply::FAILURE);  // nobody waits for it any more
  if (this->state_ == State::RESOLVING)
    this->resolve_(now, runner);
  if (this->state_ != State::DONE && this->deadline_ <= now)
    this->fail_(Socks5::Reply::HOST_UNREACHABLE);
}

void Outbound::ask_(Instant now) {
  while (const size_t wanted = this->socks_.wants()) {
    uint8_t bytes[512];
    const ssize_t n = ::recv(this->socket_.get(), bytes, std::min(wanted, sizeof(bytes)), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      return;
    if (n <= 0) {
      this->release_();
      return;
    }
    this->socks_.take(ByteView(bytes).first(static_cast<size_t>(n)));
    const bool sent = this->send_(this->socks_.take_output());
    if (!sent || this->socks_.state() == Socks5::State::REFUSED) {
      this->release_();  // the answer is said already
      return;
    }
  }
  this->peer_ = this->socks_.host();
  this->port_ = this->socks_.port();
  this->state_ = State::RESOLVING;
  this->deadline_ = now + Client::FIND_LIMIT;
}

void Outbound::resolve_(Instant now, posix::Runner *runner) {
  const auto address = posix::find_address(runner, this->peer_);
  if (address)
    this->connect_(now, *address);
  else if (address.error() != Error::NOT_READY)
    this->fail_(Socks5::Reply::HOST_UNREACHABLE);
}

void Outbound::connect_(Instant now, const IpAddress &address) {
  const ip_addr_t to = to_lwip(address);
  this->connection_ = tcp_new_ip_type(address.is_v4() ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  if (this->connection_ == nullptr) {
    this->fail_(Socks5::Reply::FAILURE);
    return;
  }
  tcp_arg(this->connection_, this);
  tcp_err(this->connection_, on_error_);
  this->state_ = State::CONNECTING;
  this->deadline_ = now + CONNECT_LIMIT;
  if (const err_t error = tcp_connect(this->connection_, &to, this->port_, on_connected_); error != ERR_OK)
    this->fail_(error == ERR_RTE ? Socks5::Reply::HOST_UNREACHABLE : Socks5::Reply::FAILURE);
}

err_t Outbound::on_connected_(void *self, tcp_pcb *connection, err_t) {
  auto *outbound = static_cast<Outbound *>(self);
  // If the socket is gone, the splice will see it.
  if (outbound->speaks_socks_)
    (void) outbound->send_(Socks5::reply(Socks5::Reply::SUCCEEDED));
  outbound->connection_ = nullptr;
  outbound->state_ = State::DONE;
  outbound->splices_.add(connection, std::move(outbound->socket_), Splice::State::FLOWING);
  return ERR_OK;
}

void Outbound::on_error_(void *self, err_t error) {
  auto *outbound = static_cast<Outbound *>(self);
  outbound->connection_ = nullptr;  // freed by lwIP already
  outbound->fail_(error == ERR_RST ? Socks5::Reply::CONNECTION_REFUSED : Socks5::Reply::HOST_UNREACHABLE);
}

bool Outbound::send_(const std::string &bytes) {
  // A few bytes into an empty buffer: all of them, or the other side is gone.
  return bytes.empty() || ::send(this->socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
                              static_cast<ssize_t>(bytes.size());
}

void Outbound::fail_(Socks5::Reply reply) {
  if (this->speaks_socks_ && (this->state_ == State::RESOLVING || this->state_ == State::CONNECTING))
    (void) this->send_(Socks5::reply(reply));
  this->release_();
}

void Outbound::release_() {
  this->state_ = State::DONE;
  this->socket_.reset();
  if (this->connection_ != nullptr) {
    tcp_arg(this->connection_, nullptr);
    tcp_err(this->connection_, nullptr);
    tcp_abort(this->connection_);
  }
  this->connection_ = nullptr;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
