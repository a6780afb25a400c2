// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "microlink/port/chip/bsd.h"
#include "microlink/port/lwip/tcpip_message.h"

struct udp_pcb;

namespace microlink::esp_idf {

/// Ends the node's select() from any task: a datagram over the loopback interface. lwIP's select() knows no other
/// descriptors than its own (an eventfd would need IDF's virtual file system with its select(), which ESPHome leaves
/// out), and its sockets must not be used on its own thread, where most of the news comes from; so lwIP's thread sends.
/// However much happens, one datagram is under way.
class Wake {
 public:
  Wake() = default;
  /// Nobody may signal any more.
  ~Wake();
  Wake(const Wake &) = delete;
  Wake &operator=(const Wake &) = delete;

  bool open();
  void close();
  const chip::Socket &socket() const { return this->socket_; }
  /// From any task, lwIP's thread included. No-op before open().
  void signal();
  /// On the task that waits: make the socket unreadable. What is signalled from then on makes it readable again.
  void clear();

 private:
  static void serve_(void *self);
  void send_();

  chip::Socket socket_;
  uint16_t port_{0};
  udp_pcb *pcb_{nullptr};
  lwip::TcpipMessage message_;
  std::atomic<bool> signalled_{true};  ///< nothing to do: closed, or a datagram is under way
};

}  // namespace microlink::esp_idf
