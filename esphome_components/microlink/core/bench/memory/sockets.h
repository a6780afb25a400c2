// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <deque>
#include <string>

#include "microlink/ports.h"

namespace microlink::bench {

/// Where the names of the world's servers lead.
inline const IpAddress CONTROL = IpAddress::v4(192, 0, 2, 200);
inline const std::array<IpAddress, 2> RELAYS = {IpAddress::v4(192, 0, 2, 9), IpAddress::v4(192, 0, 2, 10)};

/// What sockets hand on.
class Wire {
 public:
  virtual ~Wire() = default;
  /// OPEN_STREAM, SEND_STREAM, CLOSE_STREAM or SEND_DATAGRAM. The world's streams: from 3 on relays, others to control.
  virtual void left(const Action &action) = 0;
  /// A call that hands on nothing.
  virtual void called() = 0;
  virtual Instant time() = 0;
  virtual uint16_t port() = 0;  ///< of the UDP socket
};

/// lwIP's sockets, as far as port/chip calls them: one for UDP over IPv4, and TCP. There is one of these at a time, and
/// lwip_send() and its like are its methods.
class Sockets {
 public:
  explicit Sockets(Wire &wire);
  /// Nobody hears what is called from now on.
  void end();

  /// What the world sends: DATAGRAM and STREAM_….
  void handle(const Input &input);
  /// Whether the last select() found nothing to do, and until when it would have waited.
  bool was_idle() const { return this->was_idle_; }
  Instant deadline() const { return this->deadline_; }

  struct Stream {
    bool used{false}, connected{false}, refused{false}, ended{false};
    StreamId id{0};  ///< the world's
    std::string in{};
  };
  struct Datagram {
    Endpoint from;
    std::string bytes;
  };
  static constexpr int FIRST_STREAM = 34, DATAGRAMS = 33;  ///< descriptors
  static constexpr StreamId FIRST_RELAY = 3;

  Stream *stream(int descriptor);
  int open();
  void connect(Stream &stream, const Endpoint &to);
  Wire &wire() { return this->wire_; }
  std::deque<Datagram> &datagrams() { return this->datagrams_; }
  /// Of a select() that found so many.
  void selected(int found, Instant deadline) {
    this->was_idle_ = found == 0;
    this->deadline_ = deadline;
  }

 private:
  Wire &wire_;
  std::array<Stream, MAX_STREAMS> streams_{};
  std::deque<Datagram> datagrams_;
  bool was_idle_{false};
  Instant deadline_{Instant::NEVER};
};

}  // namespace microlink::bench
