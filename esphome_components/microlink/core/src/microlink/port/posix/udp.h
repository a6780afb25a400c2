// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"
#include "microlink/port/posix/input_sink.h"
#include "microlink/port/posix/outbox.h"

namespace microlink::posix {

/// One UDP socket for each address family, on the same port where that can be had.
class UdpSockets final : public Companion {
 public:
  explicit UdpSockets(InputSink &sink);
  ~UdpSockets() override;

  /// `port` 0: any. Empty, or one line that says what is wrong. A machine without IPv6 is none.
  std::string open(uint16_t port);
  /// 0 when that family has no socket.
  uint16_t port_v4() const { return this->port_v4_; }
  uint16_t port_v6() const { return this->port_v6_; }
  /// Leaves with flush(), or before. A datagram that cannot be sent is lost, as on the wire.
  void send(const Endpoint &to, ByteView bytes);
  /// Also tells the client where nothing can be sent to; what it says to that leaves too.
  void flush();

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;

 private:
  struct Batch;
  bool open_both_(uint16_t port);
  void send_out_();
  void receive_(int fd);
  void feed_(const Endpoint &from, ByteSpan bytes, size_t datagram_bytes);

  InputSink &sink_;
  std::unique_ptr<Batch> batch_;
  Outbox outbox_;
  Fd v4_;
  Fd v6_;
  uint16_t port_v4_{0};
  uint16_t port_v6_{0};
};

}  // namespace microlink::posix
