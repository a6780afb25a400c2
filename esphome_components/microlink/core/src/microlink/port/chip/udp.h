// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/chip/bsd.h"
#include "microlink/port/posix/refusals.h"

namespace microlink::chip {

/// The underlay's UDP: one socket for each address family the system has, on one port. Bound to no address, so that
/// they outlive every address and interface; a change of the network needs no new sockets.
class Udp {
 public:
  explicit Udp(posix::InputSink &sink) : sink_(sink) {}

  /// `port` 0: any. False when not one socket could be had.
  bool open(uint16_t port);
  void close();
  /// 0 when that family has no socket.
  uint16_t port_v4() const { return this->port_v4_; }
  uint16_t port_v6() const { return this->port_v6_; }
  /// A datagram that cannot be sent is lost, as on the wire.
  void send(const Endpoint &to, ByteView bytes);
  /// Tell the client where nothing could be sent to; what it says to that leaves too.
  void tell_refusals();

  void watch(Selection &selection) const;
  /// After the wait: hand on what came, BATCH datagrams of each family at most. `room` is used for each in turn.
  void serve(const Selection &selection, ByteSpan room);

  static constexpr int BATCH = 8;

 private:
  void receive_(const Socket &socket, ByteSpan room);

  posix::InputSink &sink_;
  posix::Refusals refusals_;
  Socket v4_;
  Socket v6_;
  uint16_t port_v4_{0};
  uint16_t port_v6_{0};
};

}  // namespace microlink::chip
