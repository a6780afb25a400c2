// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/programs.h"

#include <esp_timer.h>

#include <algorithm>
#include <cstring>
#include <list>

#include "lwip/inet_chksum.h"
#include "microlink/port/posix/sockets.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {

namespace {

constexpr timeval LIMIT{10, 0};
constexpr timeval PING_LIMIT{1, 0};

struct Client {
  chip::Socket socket;
  std::string unsent{};
};

/// False at its end.
bool serve(Client &client, bool readable, bool writable) {
  char bytes[1500];
  if (readable) {
    const auto n = ::recv(client.socket.get(), bytes, sizeof(bytes), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN))
      return false;
    client.unsent.append(bytes, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  }
  if (writable && !client.unsent.empty()) {
    const auto n = ::send(client.socket.get(), client.unsent.data(), client.unsent.size(), 0);
    if (n < 0)
      return errno == EAGAIN;
    client.unsent.erase(0, static_cast<size_t>(n));
  }
  return true;
}

chip::Socket listener(const IpAddress &any, int type) {
  chip::Socket out = socket_at(type, {any, ECHO_PORT});
  (void) chip::make_non_blocking(out.get());
  if (type == SOCK_STREAM)
    (void) ::listen(out.get(), 4);
  return out;
}

void answer(const chip::Socket &socket) {
  char bytes[4096];
  sockaddr_storage from{};
  socklen_t length = sizeof(from);
  auto *address = reinterpret_cast<sockaddr *>(&from);
  const auto n = ::recvfrom(socket.get(), bytes, sizeof(bytes), 0, address, &length);
  if (n >= 0)
    (void) ::sendto(socket.get(), bytes, static_cast<size_t>(n), 0, address, length);
}

}  // namespace

EchoServer::EchoServer() {
  this->tcp_[0] = listener(IpAddress::v4(0, 0, 0, 0), SOCK_STREAM);
  this->tcp_[1] = listener(IpAddress{}, SOCK_STREAM);
  const IpAddress own[] = {FIRST_V4, SECOND_V4, FIRST_V6, SECOND_V6};
  std::ranges::transform(own, this->udp_, [](const IpAddress &each) { return listener(each, SOCK_DGRAM); });
  this->thread_ = std::thread([this] { this->run_(); });
}

EchoServer::~EchoServer() {
  this->ends_ = true;
  this->thread_.join();
}

chip::Socket socket_at(int type, const Endpoint &own, int protocol) {
  chip::Socket out(::socket(own.address.is_v4() ? AF_INET : AF_INET6, type, protocol));
  const int one = 1;
  (void) ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  (void) ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &LIMIT, sizeof(LIMIT));
  // lwIP keeps an acknowledgement back as long as Nagle's algorithm keeps data back: with both ways in use two ends may
  // wait for each other until one sends again.
  if (type == SOCK_STREAM)
    (void) ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  if (own.address.is_v6())
    (void) ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
  sockaddr_storage address{};
  const socklen_t length = posix::to_sockaddr(own, address);
  if (::bind(out.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0)
    out.close();
  return out;
}

bool is_readable(const chip::Socket &socket, int64_t limit) {
  const int64_t deadline = esp_timer_get_time() + limit;
  for (int64_t left = limit; left > 0; left = deadline - esp_timer_get_time()) {
    chip::Selection selection;
    selection.want_read(socket);
    selection.wait(left);
    if (selection.can_read(socket))
      return true;
  }
  return false;
}

bool connect_to(const chip::Socket &socket, const Endpoint &to) {
  sockaddr_storage address{};
  const socklen_t length = posix::to_sockaddr(to, address);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&address), length) == 0;
}

std::string text_of(size_t size) {
  std::string out(size, '\0');
  uint32_t state = static_cast<uint32_t>(size) + 1;
  for (char &byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return out;
}

size_t echo_tcp(const IpAddress &from, const IpAddress &to, size_t size) {
  const chip::Socket socket = socket_at(SOCK_STREAM, {from, 0});
  if (!socket.valid() || !connect_to(socket, {to, ECHO_PORT}))
    return 0;
  const std::string text = text_of(size);
  // Both ways at once, else the small windows of both sides fill and nothing moves.
  std::thread sender([&] {
    for (size_t sent = 0; sent != text.size();) {
      const auto n = ::send(socket.get(), text.data() + sent, text.size() - sent, 0);
      if (n <= 0)
        return;
      sent += static_cast<size_t>(n);
    }
  });
  size_t same = 0;
  char bytes[1500];
  while (same != text.size()) {
    const auto n = ::recv(socket.get(), bytes, sizeof(bytes), 0);
    if (n <= 0 || text.compare(same, static_cast<size_t>(n), bytes, static_cast<size_t>(n)) != 0)
      break;
    same += static_cast<size_t>(n);
  }
  sender.join();
  return same;
}

bool echo_udp(const IpAddress &from, const IpAddress &to, size_t size) {
  const chip::Socket socket = socket_at(SOCK_DGRAM, {from, 0});
  const std::string text = text_of(size);
  if (!socket.valid() || !connect_to(socket, {to, ECHO_PORT}) ||
      ::send(socket.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(size))
    return false;
  char bytes[4096];
  const auto n = ::recv(socket.get(), bytes, sizeof(bytes), 0);
  return n == static_cast<ssize_t>(size) && text.compare(0, size, bytes, size) == 0;
}

bool ping(const IpAddress &from, const IpAddress &to) {
  constexpr uint8_t IDENTIFIER = 0x5a;
  const bool is_v4 = from.is_v4();
  const chip::Socket socket = socket_at(SOCK_RAW, {from, 0}, is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  uint8_t request[64]{static_cast<uint8_t>(is_v4 ? 8 : 128), 0, 0, 0, IDENTIFIER, IDENTIFIER};
  if (is_v4) {
    const uint16_t sum = inet_chksum(request, sizeof(request));
    std::memcpy(request + 2, &sum, sizeof(sum));
  }
  (void) ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &PING_LIMIT, sizeof(PING_LIMIT));
  if (!socket.valid() || !connect_to(socket, {to, 0}) ||
      ::send(socket.get(), request, sizeof(request), 0) != sizeof(request))
    return false;
  uint8_t bytes[200];
  // The raw socket sees every ICMP message that comes to its address; the header of IP is in front.
  while (true) {
    const auto n = ::recv(socket.get(), bytes, sizeof(bytes), 0);
    if (n <= 0)
      return false;
    const size_t header = static_cast<size_t>(n) - sizeof(request);
    if (bytes[header] == (is_v4 ? 0 : 129) && bytes[header + 4] == IDENTIFIER)
      return true;
  }
}

void EchoServer::run_() {
  std::list<Client> clients;
  while (!this->ends_) {
    chip::Selection selection;
    for (const chip::Socket &each : this->tcp_)
      selection.want_read(each);
    for (const chip::Socket &each : this->udp_)
      selection.want_read(each);
    for (const Client &client : clients) {
      selection.want_read(client.socket);
      if (!client.unsent.empty())
        selection.want_write(client.socket);
    }
    selection.wait(5'000);
    for (const chip::Socket &each : this->udp_) {
      if (selection.can_read(each))
        answer(each);
    }
    for (const chip::Socket &each : this->tcp_) {
      if (!selection.can_read(each))
        continue;
      chip::Socket accepted(::accept(each.get(), nullptr, nullptr));
      if (accepted.valid() && chip::make_non_blocking(accepted.get()))
        clients.push_back({std::move(accepted)});
    }
    std::erase_if(clients, [&](Client &client) {
      return !serve(client, selection.can_read(client.socket), selection.can_write(client.socket));
    });
  }
}

}  // namespace microlink::chip_test
