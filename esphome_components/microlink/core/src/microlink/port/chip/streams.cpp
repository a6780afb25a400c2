// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(__linux__)
#include "microlink/port/chip/streams.h"

#include <algorithm>
#include <utility>

#include "microlink/port/posix/sockets.h"

namespace microlink::chip {

namespace {

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOMEM; }

}  // namespace

void Streams::open(Instant now, StreamId id, uint16_t port) {
  if (id >= MAX_STREAMS)
    return;
  Stream &stream = this->streams_[id];
  this->release_(stream);
  stream.state = State::RESOLVING;
  stream.port = port;
  stream.deadline = Deadline(now + CONNECT_TIMEOUT);
}

void Streams::resolved(Instant now, StreamId id, uint32_t generation, std::span<const IpAddress> addresses) {
  if (id >= MAX_STREAMS)
    return;
  Stream &stream = this->streams_[id];
  if (stream.state != State::RESOLVING || stream.generation != generation)
    return;
  stream.state = State::CONNECTING;
  this->start_attempt_(now, stream, addresses.first(std::min(addresses.size(), MAX_ADDRESSES)));
}

void Streams::next_attempt_(Instant now, Stream &stream) {
  const IpAddress next = std::exchange(stream.next, {});
  this->start_attempt_(now, stream, {&next, next.is_set() ? size_t{1} : size_t{0}});
}

void Streams::start_attempt_(Instant now, Stream &stream, std::span<const IpAddress> addresses) {
  stream.next_attempt.clear();
  stream.socket.close();
  for (; !addresses.empty(); addresses = addresses.subspan(1)) {
    const Endpoint to{addresses.front(), stream.port};
    sockaddr_storage address{};
    const socklen_t length = posix::to_sockaddr(to, address);
    Socket socket = Socket::open(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM);
    if (length == 0 || !socket.valid())
      continue;
    const int one = 1;
    (void) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    // A connection that stands at once is noticed as writable by the next wait.
    if (::connect(socket.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0 && errno != EINPROGRESS)
      continue;
    stream.socket = std::move(socket);
    if (addresses.size() > 1) {
      stream.next = addresses[1];
      stream.next_attempt = Deadline(now + ATTEMPT_TIME);
    }
    return;
  }
  this->fail_(stream, Error::CLOSED);
}

Streams::Sent Streams::send(StreamId id, ByteView bytes) {
  if (id >= MAX_STREAMS || this->streams_[id].state != State::OPEN)
    return Sent::WHOLE;  // the client will hear of the end of this stream, or already did
  Stream &stream = this->streams_[id];
  for (int pauses = 0; !bytes.empty();) {
    const auto n = ::send(stream.socket.get(), bytes.data(), bytes.size(), NO_SIGNAL);
    if (n > 0) {
      const size_t sent = static_cast<size_t>(n);
      bytes = bytes.subspan(sent);
      stream.room -= static_cast<uint16_t>(std::min<size_t>(stream.room, sent));
      continue;
    }
    if (n < 0 && !would_block(errno)) {
      this->fail_(stream, Error::CLOSED);
      return Sent::WHOLE;
    }
    if (pauses++ == MAX_PAUSES) {
      this->fail_(stream, Error::NO_SPACE);  // a gap would garble the stream
      return Sent::WHOLE;
    }
    stream.room = 0;
    Selection().wait(to_microseconds(PAUSE));
  }
  stream.pieces -= stream.pieces == 0 ? 0 : 1;
  stream.blocked = stream.pieces == 0 || stream.room < MAX_SEND_BYTES;
  return stream.blocked ? Sent::BLOCKED : Sent::WHOLE;
}

void Streams::close(StreamId id) {
  if (id < MAX_STREAMS)
    this->release_(this->streams_[id]);
}

void Streams::close_all() {
  for (Stream &stream : this->streams_)
    this->release_(stream);
}

bool Streams::is_any_blocked() const {
  return std::ranges::any_of(this->streams_, [](const Stream &each) { return each.blocked; });
}

void Streams::fail_(Stream &stream, Error error) {
  this->release_(stream);
  stream.state = State::FAILED;
  stream.error = error;
}

void Streams::release_(Stream &stream) {
  const uint32_t generation = stream.generation + 1;
  stream = {};
  stream.generation = generation;
}

void Streams::watch(Selection &selection) const {
  for (const Stream &stream : this->streams_) {
    if (stream.state == State::CONNECTING || (stream.state == State::OPEN && stream.blocked))
      selection.want_write(stream.socket);
    if (stream.state == State::OPEN)
      selection.want_read(stream.socket);
  }
}

void Streams::serve(Instant now, const Selection &selection, ByteSpan room) {
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    Stream &stream = this->streams_[id];
    if (stream.state == State::CONNECTING && selection.can_write(stream.socket))
      this->check_attempt_(now, stream, id);
    else if (stream.state == State::OPEN)
      this->serve_open_(stream, id, selection, room);
  }
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    this->serve_timers_(now, this->streams_[id], id);
}

void Streams::check_attempt_(Instant now, Stream &stream, StreamId id) {
  int problem = 0;
  socklen_t length = sizeof(problem);
  (void) ::getsockopt(stream.socket.get(), SOL_SOCKET, SO_ERROR, &problem, &length);
  if (problem != 0) {
    this->next_attempt_(now, stream);
    return;
  }
  stream.next = {};
  stream.deadline.clear();
  stream.next_attempt.clear();
  stream.room = WRITABLE_BYTES;
  stream.pieces = WRITABLE_PIECES;
  stream.state = State::OPEN;
  this->sink_.feed({.kind = Input::Kind::STREAM_OPEN, .stream = id});
}

void Streams::serve_open_(Stream &stream, StreamId id, const Selection &selection, ByteSpan room) {
  const uint32_t generation = stream.generation;
  if (stream.blocked && selection.can_write(stream.socket)) {
    stream.room = WRITABLE_BYTES;
    stream.pieces = WRITABLE_PIECES;
    stream.blocked = false;
    this->sink_.feed({.kind = Input::Kind::STREAM_WRITABLE, .stream = id});
  }
  if (stream.generation == generation && stream.state == State::OPEN && selection.can_read(stream.socket))
    this->receive_(stream, id, room);
}

void Streams::receive_(Stream &stream, StreamId id, ByteSpan room) {
  const auto n = ::recv(stream.socket.get(), room.data(), room.size(), 0);
  if (n > 0) {
    Input input{.kind = Input::Kind::STREAM_BYTES, .stream = id};
    input.bytes = room.first(static_cast<size_t>(n));
    this->sink_.feed(input);
  } else if (n == 0 || !would_block(errno)) {
    this->fail_(stream, Error::CLOSED);
  }
}

void Streams::serve_timers_(Instant now, Stream &stream, StreamId id) {
  if (stream.state == State::CONNECTING && stream.next_attempt.is_due(now))
    this->next_attempt_(now, stream);
  if ((stream.state == State::CONNECTING || stream.state == State::RESOLVING) && stream.deadline.is_due(now))
    this->fail_(stream, Error::TIMED_OUT);
  if (stream.state == State::FAILED) {
    const Error error = stream.error;
    this->release_(stream);  // first: the client may open it again from within
    this->sink_.feed({.kind = Input::Kind::STREAM_CLOSED, .stream = id, .error = error});
  }
}

Instant Streams::next_timeout(Instant now) const {
  Instant out = Instant::NEVER;
  for (const Stream &stream : this->streams_) {
    if (stream.state == State::FAILED)
      return static_cast<Instant>(0);
    out = earlier(out, earlier(stream.deadline.at(now), stream.next_attempt.at(now)));
  }
  return out;
}

}  // namespace microlink::chip
#endif  // ESP_PLATFORM || __linux__
