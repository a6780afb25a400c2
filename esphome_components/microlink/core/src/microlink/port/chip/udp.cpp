// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(__linux__)
#include "microlink/port/chip/udp.h"

#include "microlink/port/posix/sockets.h"

namespace microlink::chip {

namespace {

constexpr int PORT_ATTEMPTS = 8;

Socket bind_socket(int family, uint16_t port, uint16_t &bound) {
  Socket socket = Socket::open(family, SOCK_DGRAM);
  if (!socket.valid())
    return socket;
#if defined(IPV6_V6ONLY)
  const int one = 1;
  if (family == AF_INET6)
    (void) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
#endif
  sockaddr_storage address{};
  const IpAddress any = family == AF_INET ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
  socklen_t length = posix::to_sockaddr({any, port}, address);
  if (length == 0 || ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0) {
    socket.close();
    return socket;
  }
  length = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&address), &length) != 0)
    socket.close();
  else
    bound = posix::from_sockaddr(address).port;
  return socket;
}

}  // namespace

bool Udp::open(uint16_t port) {
  // With any port, the one that IPv4 got may be taken for IPv6: another one then. At the end each has its own.
  for (int attempt = 0; attempt != PORT_ATTEMPTS; attempt++) {
    this->close();
    this->v4_ = bind_socket(AF_INET, port, this->port_v4_);
    this->v6_ = bind_socket(AF_INET6, this->v4_.valid() ? this->port_v4_ : port, this->port_v6_);
    if (this->v6_.valid() || !this->v4_.valid() || errno != EADDRINUSE)
      return this->v4_.valid() || this->v6_.valid();
    if (port != 0)
      break;
  }
  this->v6_ = bind_socket(AF_INET6, 0, this->port_v6_);
  return true;
}

void Udp::close() {
  this->v4_.close();
  this->v6_.close();
  this->port_v4_ = this->port_v6_ = 0;
}

void Udp::send(const Endpoint &to, ByteView bytes) {
  const Socket &socket = to.address.is_v4() ? this->v4_ : this->v6_;
  if (!socket.valid())
    return;
  sockaddr_storage address{};
  const socklen_t length = posix::to_sockaddr(to, address);
  if (::sendto(socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr *>(&address), length) < 0)
    this->refusals_.note(errno, to);
}

void Udp::tell_refusals() {
  for (int i = 0; i != posix::Refusals::MAX_ROUNDS && this->refusals_.tell(this->sink_); i++) {
  }
}

void Udp::watch(Selection &selection) const {
  selection.want_read(this->v4_);
  selection.want_read(this->v6_);
}

void Udp::serve(const Selection &selection, ByteSpan room) {
  if (selection.can_read(this->v4_))
    this->receive_(this->v4_, room);
  if (selection.can_read(this->v6_))
    this->receive_(this->v6_, room);
}

void Udp::receive_(const Socket &socket, ByteSpan room) {
  for (int i = 0; i != BATCH && socket.valid(); i++) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    const auto n =
        ::recvfrom(socket.get(), room.data(), room.size(), 0, reinterpret_cast<sockaddr *>(&address), &length);
    if (n < 0)
      return;
    // What fills the room may have been longer, and nothing of ours is.
    if (static_cast<size_t>(n) >= room.size())
      continue;
    Input input{.kind = Input::Kind::DATAGRAM};
    input.from = posix::from_sockaddr(address);
    input.bytes = room.first(static_cast<size_t>(n));
    this->sink_.feed(input);
  }
}

}  // namespace microlink::chip
#endif  // ESP_PLATFORM || __linux__
