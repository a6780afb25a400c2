// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/outbound_services.h"

#include <cerrno>
#include <cstring>

#include "microlink/port/posix/sockets.h"

namespace microlink::lwip {

std::string OutboundServices::open_socks5(const Endpoint &local) { return this->listen_(local, {}, 0); }

std::string OutboundServices::open_forward(const Endpoint &local, const std::string &peer, uint16_t port) {
  return this->listen_(local, peer, port);
}

std::string OutboundServices::listen_(const Endpoint &local, std::string peer, uint16_t port) {
  sockaddr_storage address{};
  const socklen_t size = posix::to_sockaddr(local, address);
  posix::Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  (void) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), size) != 0 ||
      ::listen(socket.get(), static_cast<int>(MAX_CONNECTIONS)) != 0)
    return "cannot listen on " + std::string(to_text(local).view()) + ": " + std::strerror(errno);
  this->listeners_.push_back({std::move(socket), std::move(peer), port});
  return {};
}

bool OutboundServices::connect(Instant now, posix::Fd socket, std::string peer, uint16_t port) {
  if (this->full_())
    return false;
  this->outbounds_.push_back(std::make_unique<Outbound>(now, this->splices_, std::move(socket), std::move(peer), port));
  return true;
}

void OutboundServices::join(posix::Runner &runner) {
  this->runner_ = &runner;
  runner.add(&this->splices_);
  runner.add(this);
}

void OutboundServices::watch(std::vector<pollfd> &fds) {
  std::erase_if(this->outbounds_, [](const auto &each) { return each->state() == Outbound::State::DONE; });
  for (const Listener &listener : this->listeners_)  // full: they wait in the system's queue
    fds.push_back({this->full_() ? -1 : listener.socket.get(), POLLIN, 0});
  for (const auto &each : this->outbounds_)
    fds.push_back({each->fd(), static_cast<short>(each->state() == Outbound::State::ASKING ? POLLIN : 0), 0});
  this->watched_ = this->outbounds_.size();
}

void OutboundServices::serve(Instant now, std::span<const pollfd> fds) {
  this->stack_.tell(now);
  for (size_t i = 0; i != this->outbounds_.size(); i++)
    this->outbounds_[i]->serve(now, i < this->watched_ ? fds[this->listeners_.size() + i].revents : short{0},
                               this->runner_);
  for (size_t i = 0; i != this->listeners_.size(); i++) {
    if (fds[i].revents != 0)
      this->accept_(now, this->listeners_[i]);
  }
}

void OutboundServices::accept_(Instant now, const Listener &listener) {
  while (!this->full_()) {
    posix::Fd socket(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid())
      return;
    if (listener.peer.empty())
      this->outbounds_.push_back(std::make_unique<Outbound>(now, this->splices_, std::move(socket)));
    else
      (void) this->connect(now, std::move(socket), listener.peer, listener.port);
  }
}

Instant OutboundServices::next_timeout() const {
  Instant out = Instant::NEVER;
  for (const auto &each : this->outbounds_)
    out = earlier(out, each->next_timeout());
  return out;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
