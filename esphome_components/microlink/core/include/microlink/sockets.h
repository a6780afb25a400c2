// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <utility>

#include "microlink/base/ip.h"
#include "microlink/capacity.h"

namespace microlink {

/// TCP and UDP of user code on the tailnet: to peers by name or address, from peers that the tailnet's access rules let
/// in. Nothing blocks and nothing calls back: ask after each turn of the loop. NOT_READY means "not now", and costs
/// nothing.
///
/// Sockets is what a port provides; UdpSocket, TcpConnection and TcpListener are what programs use:
///
///     UdpSocket socket;
///     socket.open(sockets, 7777);
///     socket.send("kitchen", 7777, as_bytes("hello"));
///     while (const auto got = socket.receive(room))
///       socket.send(got->from, got->bytes);
///
/// All of it runs on the thread of the node's loop. Ports refuse what nobody has opened. docs/core.md has whole
/// programs.

/// Names a socket of a Sockets; used again after close().
using SocketId = uint8_t;

/// The longest datagram: one packet in either family.
constexpr size_t MAX_DATAGRAM_BYTES = OVERLAY_MTU - 40 - 8;

struct Datagram {
  Endpoint from{};
  ByteView bytes{};  ///< in the caller's room
};

/// What a port implements; the classes below say what each function does.
class Sockets {
 public:
  virtual ~Sockets() = default;

  virtual Result<SocketId> open_udp(uint16_t port) = 0;
  virtual Error send(SocketId id, const Endpoint &to, ByteView bytes) = 0;
  virtual Result<Datagram> receive(SocketId id, ByteSpan room) = 0;

  virtual Result<SocketId> connect(std::string_view peer, uint16_t port) = 0;
  virtual Result<SocketId> listen(uint16_t port) = 0;
  virtual Result<SocketId> accept(SocketId id) = 0;
  virtual Error status(SocketId id) const = 0;
  virtual Result<size_t> read(SocketId id, ByteSpan room) = 0;
  virtual Result<size_t> write(SocketId id, ByteView bytes) = 0;
  virtual Error end(SocketId id) = 0;
  virtual bool is_finished(SocketId id) const = 0;

  /// The other side of a connection, this node's own port of any other socket.
  virtual Endpoint endpoint(SocketId id) const = 0;
  virtual void close(SocketId id) = 0;

  /// A peer's address by MagicDNS name, FQDN or address, wherever in the tailnet it is. NOT_READY while control is
  /// asked (see Client::find()), UNKNOWN_PEER, MALFORMED.
  virtual Result<IpAddress> find(std::string_view peer) = 0;
};

/// A place in a Sockets, given back at the end. Moves, does not copy.
class Socket {
 public:
  Socket() = default;
  Socket(Socket &&other) noexcept : sockets_(std::exchange(other.sockets_, nullptr)), id_(other.id_) {}
  Socket &operator=(Socket &&other) noexcept {
    std::swap(this->sockets_, other.sockets_);
    std::swap(this->id_, other.id_);
    return *this;
  }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;
  ~Socket() { this->close(); }

  bool is_open() const { return this->sockets_ != nullptr; }
  void close() {
    if (Sockets *const sockets = std::exchange(this->sockets_, nullptr); sockets != nullptr)
      sockets->close(this->id_);
  }

 protected:
  Error hold_(Sockets &sockets, Result<SocketId> id) {
    this->close();
    if (!id)
      return id.error();
    this->sockets_ = &sockets;
    this->id_ = *id;
    return Error::NONE;
  }

  Sockets *sockets_{nullptr};
  SocketId id_{0};
};

/// Datagrams of one port. They may be lost, doubled and swapped, as anywhere.
class UdpSocket : public Socket {
 public:
  /// 0: any free port. UNEXPECTED when the port is taken, NO_SPACE when there are too many sockets.
  Error open(Sockets &sockets, uint16_t port = 0) { return this->hold_(sockets, sockets.open_udp(port)); }
  uint16_t port() const { return this->is_open() ? this->sockets_->endpoint(this->id_).port : uint16_t{0}; }

  /// NOT_READY: not sent, because the node has no address yet or the way out is full; send it again if it still
  /// matters. NO_SPACE: longer than MAX_DATAGRAM_BYTES. UNKNOWN_PEER: no address of a tailnet.
  Error send(const Endpoint &to, ByteView bytes) {
    return this->is_open() ? this->sockets_->send(this->id_, to, bytes) : Error::CLOSED;
  }
  /// To a peer by name or address; NOT_READY, too, while the peer is looked for, and errors as of Sockets::find().
  Error send(std::string_view peer, uint16_t port, ByteView bytes) {
    if (!this->is_open())
      return Error::CLOSED;
    const auto address = this->sockets_->find(peer);
    return address ? this->send(Endpoint{*address, port}, bytes) : address.error();
  }
  /// The next datagram, cut to the room. NOT_READY when there is none. A few wait; further ones are dropped.
  Result<Datagram> receive(ByteSpan room) {
    return this->is_open() ? this->sockets_->receive(this->id_, room) : Error::CLOSED;
  }
};

/// A stream of bytes each way.
class TcpConnection : public Socket {
 public:
  /// Begin to find the peer and to connect; status() tells when it is done. MALFORMED, NO_SPACE.
  Error connect(Sockets &sockets, std::string_view peer, uint16_t port) {
    return this->hold_(sockets, sockets.connect(peer, port));
  }
  /// NONE: connected, or has been. NOT_READY: under way. UNKNOWN_PEER; NO_SPACE: too many connections; REJECTED: nobody
  /// listens there; TIMED_OUT: no answer, as when the access rules forbid it; CLOSED: broken off, or never begun.
  Error status() const { return this->is_open() ? this->sockets_->status(this->id_) : Error::CLOSED; }

  /// How many bytes came; 0: the peer sends no more. NOT_READY, else as status(). What is not read is not acknowledged
  /// for long: the peer waits when the window is full.
  Result<size_t> read(ByteSpan room) {
    return this->is_open() ? this->sockets_->read(this->id_, room) : Result<size_t>(Error::CLOSED);
  }
  /// How many of the bytes were taken, from the front. NOT_READY when none was, else as status().
  Result<size_t> write(ByteView bytes) {
    return this->is_open() ? this->sockets_->write(this->id_, bytes) : Result<size_t>(Error::CLOSED);
  }
  /// Nothing more will be written; the peer reads 0 when it has read the rest. As status().
  Error end() { return this->is_open() ? this->sockets_->end(this->id_) : Error::CLOSED; }
  /// Both sides have ended, and what was written has arrived. Something that came may be left to read.
  bool is_finished() const { return this->is_open() && this->sockets_->is_finished(this->id_); }
  /// Whose connection this is; unset until it is connected. close() lets what was written go out still, unless
  /// something that came was not read: then it breaks the connection off.
  Endpoint peer() const { return this->is_open() ? this->sockets_->endpoint(this->id_) : Endpoint{}; }

 private:
  friend class TcpListener;
};

/// Takes connections to one port.
class TcpListener : public Socket {
 public:
  /// UNEXPECTED when the port is taken, NO_SPACE when there are too many sockets.
  Error open(Sockets &sockets, uint16_t port) { return this->hold_(sockets, sockets.listen(port)); }
  /// The next one, into a connection that is closed before. NOT_READY when there is none. A few wait; further ones are
  /// refused.
  Error accept(TcpConnection &into) {
    if (!this->is_open())
      return Error::CLOSED;
    const auto id = this->sockets_->accept(this->id_);
    return id ? into.hold_(*this->sockets_, *id) : id.error();
  }
};

}  // namespace microlink
