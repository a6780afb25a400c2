// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "microlink/port/chip/bsd.h"
#include "microlink/base/ip.h"

namespace microlink::chip_test {

// What other components of a firmware do with lwIP's sockets: blocking, with a limit of ten seconds.

constexpr uint16_t ECHO_PORT = 7;

/// Sends back what it gets, over TCP and UDP, on both nodes' addresses.
class EchoServer {
 public:
  EchoServer();
  ~EchoServer();

 private:
  void run_();

  chip::Socket tcp_[2];  ///< IPv4, IPv6
  chip::Socket udp_[4];  ///< one for each address: an answer's way begins with its source
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

/// A blocking socket at an address of ours; any port when it is 0.
chip::Socket socket_at(int type, const Endpoint &own, int protocol = 0);
/// Whether it has something within so many microseconds. lwIP's select() may end without reason: when what it tells of
/// was fetched already.
bool is_readable(const chip::Socket &socket, int64_t limit = 10'000'000);
bool connect_to(const chip::Socket &socket, const Endpoint &to);
/// So much of some text that nothing repeats by itself.
std::string text_of(size_t size);

// From an address of ours to another one's EchoServer.

/// How much of `size` bytes came back unchanged over one TCP connection.
size_t echo_tcp(const IpAddress &from, const IpAddress &to, size_t size);
/// Whether a datagram of `size` bytes came back unchanged.
bool echo_udp(const IpAddress &from, const IpAddress &to, size_t size);
/// Whether lwIP at the other address answered within a second.
bool ping(const IpAddress &from, const IpAddress &to);

}  // namespace microlink::chip_test
