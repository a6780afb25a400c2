// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/udp.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "microlink/port/posix/sockets.h"

namespace microlink::posix {

namespace {

constexpr size_t BATCH = 8;
// Many datagrams that came in a row from one place may be in one message (UDP_GRO, Linux 5.0).
constexpr size_t MAX_MESSAGE_BYTES = 65'536;
// The largest message is MAX_WIREGUARD_BYTES; whatever is longer than this is noise.
constexpr size_t MAX_DATAGRAM_BYTES = 2048;
constexpr int BUFFER_BYTES = 1 << 21;  // rides out a burst while a file is synced
constexpr int PORT_ATTEMPTS = 8;

/// Beyond the system's limit where we may.
void set_buffer(int fd, int option, int option_force) {
  if (::setsockopt(fd, SOL_SOCKET, option_force, &BUFFER_BYTES, sizeof(BUFFER_BYTES)) != 0)
    ::setsockopt(fd, SOL_SOCKET, option, &BUFFER_BYTES, sizeof(BUFFER_BYTES));
}

/// The length of each datagram but the last in a message; 0: it is one.
size_t datagram_bytes_of(msghdr &message) {
  for (cmsghdr *control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO)
      continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(control), sizeof(size));
    return static_cast<size_t>(std::max(size, 0));
  }
  return 0;
}

Fd open_socket(int family, uint16_t port, uint16_t &bound) {
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid())
    return {};
  const int one = 1;
  if (family == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
  set_buffer(fd.get(), SO_RCVBUF, SO_RCVBUFFORCE);
  set_buffer(fd.get(), SO_SNDBUF, SO_SNDBUFFORCE);
  ::setsockopt(fd.get(), SOL_UDP, UDP_GRO, &one, sizeof(one));  // without it each comes by itself
  sockaddr_storage address{};
  const IpAddress any = family == AF_INET ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
  socklen_t length = to_sockaddr({any, port}, address);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0)
    return {};
  length = sizeof(address);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &length) != 0)
    return {};
  bound = from_sockaddr(address).port;
  return fd;
}

}  // namespace

/// Room for one recvmmsg().
struct UdpSockets::Batch {
  alignas(uint64_t) std::array<Bytes<MAX_MESSAGE_BYTES>, BATCH> bytes;  // as the AEAD likes it
  struct Control {
    alignas(cmsghdr) uint8_t room[CMSG_SPACE(sizeof(int))];
  };
  std::array<Control, BATCH> control;
  std::array<sockaddr_storage, BATCH> from;
  std::array<iovec, BATCH> vectors;
  std::array<mmsghdr, BATCH> messages;
};

// The room is touched when it is needed: zeroing it took a tenth of the time to the first pong after a restart.
UdpSockets::UdpSockets(InputSink &sink) : sink_(sink), batch_(std::make_unique_for_overwrite<Batch>()) {}
UdpSockets::~UdpSockets() = default;

std::string UdpSockets::open(uint16_t port) {
  for (int attempt = 0; attempt != PORT_ATTEMPTS; attempt++) {
    const bool same = this->open_both_(port);
    if (same || port != 0)
      break;
  }
  if (port != 0 && this->port_v4_ == 0 && this->port_v6_ == 0)
    return "cannot listen on UDP port " + std::to_string(port) + ": " + std::strerror(errno) +
           "; choose another with --listen-port";
  if (this->port_v4_ == 0 && this->port_v6_ == 0)
    return std::string("cannot open a UDP socket: ") + std::strerror(errno);
  return {};
}

/// Whether both families have a socket on the same port, or one of them has none at all.
bool UdpSockets::open_both_(uint16_t port) {
  this->port_v4_ = this->port_v6_ = 0;
  this->v6_.reset();
  this->v4_ = open_socket(AF_INET, port, this->port_v4_);
  const int v4_errno = errno;
  this->v6_ = open_socket(AF_INET6, this->v4_.valid() ? this->port_v4_ : port, this->port_v6_);
  if (!this->v4_.valid()) {
    errno = v4_errno;
    return true;
  }
  if (this->v6_.valid() || errno != EADDRINUSE)
    return true;
  this->v6_ = open_socket(AF_INET6, 0, this->port_v6_);
  return false;
}

void UdpSockets::send(const Endpoint &to, ByteView bytes) {
  if (this->outbox_.add(to, bytes))
    return;
  this->send_out_();
  (void) this->outbox_.add(to, bytes);
}

void UdpSockets::send_out_() {
  if (!this->outbox_.empty())
    this->outbox_.send(this->v4_.get(), this->v6_.get());
}

void UdpSockets::flush() {
  for (int i = 0; i != Refusals::MAX_ROUNDS; i++) {
    this->send_out_();
    if (!this->outbox_.refusals().tell(this->sink_))
      return;
  }
}

void UdpSockets::watch(std::vector<pollfd> &fds) {
  fds.push_back({this->v4_.get(), POLLIN, 0});  // poll() skips a descriptor of -1
  fds.push_back({this->v6_.get(), POLLIN, 0});
}

void UdpSockets::serve(Instant, std::span<const pollfd> fds) {
  for (const pollfd &fd : fds) {
    if (fd.revents != 0)
      this->receive_(fd.fd);
  }
}

void UdpSockets::receive_(int fd) {
  Batch &batch = *this->batch_;
  for (size_t i = 0; i != BATCH; i++) {
    batch.vectors[i] = {batch.bytes[i].data(), batch.bytes[i].size()};
    batch.messages[i] = {};
    batch.messages[i].msg_hdr.msg_name = &batch.from[i];
    batch.messages[i].msg_hdr.msg_namelen = sizeof(batch.from[i]);
    batch.messages[i].msg_hdr.msg_iov = &batch.vectors[i];
    batch.messages[i].msg_hdr.msg_iovlen = 1;
    batch.messages[i].msg_hdr.msg_control = batch.control[i].room;
    batch.messages[i].msg_hdr.msg_controllen = sizeof(batch.control[i].room);
  }
  const int count = ::recvmmsg(fd, batch.messages.data(), BATCH, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; i++) {
    const auto index = static_cast<size_t>(i);
    mmsghdr &message = batch.messages[index];
    if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0)
      continue;
    this->feed_(from_sockaddr(batch.from[index]), ByteSpan(batch.bytes[index]).first(message.msg_len),
                datagram_bytes_of(message.msg_hdr));
  }
}

void UdpSockets::feed_(const Endpoint &from, ByteSpan bytes, size_t datagram_bytes) {
  const size_t each = datagram_bytes == 0 ? bytes.size() : datagram_bytes;
  do {
    const size_t n = std::min(each, bytes.size());
    Input input{.kind = Input::Kind::DATAGRAM};
    input.from = from;
    input.bytes = bytes.first(n);
    if (n <= MAX_DATAGRAM_BYTES)
      this->sink_.feed(input);
    bytes = bytes.subspan(n);
  } while (!bytes.empty());
}

}  // namespace microlink::posix
#endif  // __linux__
