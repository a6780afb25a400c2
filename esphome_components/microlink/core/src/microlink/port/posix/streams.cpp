// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/streams.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>

#include "microlink/port/posix/sockets.h"

namespace microlink::posix {

namespace {

/// The order of the attempts, last first: the resolver's own within a family, families in turn.
std::vector<IpAddress> alternate_families(std::span<const IpAddress> in) {
  std::vector<IpAddress> order;
  if (in.empty())
    return order;
  std::vector<IpAddress> lists[2];
  for (const IpAddress &address : in)
    lists[address.is_v4() == in.front().is_v4() ? 0 : 1].push_back(address);
  for (size_t i = 0; i < lists[0].size() || i < lists[1].size(); i++) {
    for (const std::vector<IpAddress> &list : lists) {
      if (i < list.size() && order.size() < Streams::MAX_ATTEMPTS)
        order.push_back(list[i]);
    }
  }
  return {order.rbegin(), order.rend()};
}

}  // namespace

void Streams::open(Instant now, StreamId id, uint16_t port) {
  if (id >= MAX_STREAMS)
    return;
  Stream &stream = this->streams_[id];
  this->release_(stream);
  stream.state = State::RESOLVING;
  stream.port = port;
  stream.deadline = now + CONNECT_TIMEOUT;
}

void Streams::resolved(Instant now, StreamId id, uint32_t generation, std::span<const IpAddress> addresses) {
  if (id >= MAX_STREAMS)
    return;
  Stream &stream = this->streams_[id];
  if (stream.state != State::RESOLVING || stream.generation != generation)
    return;
  stream.addresses = alternate_families(addresses);
  stream.state = State::CONNECTING;
  this->start_attempt_(now, stream);
}

void Streams::start_attempt_(Instant now, Stream &stream) {
  stream.next_attempt = Instant::NEVER;
  while (!stream.addresses.empty()) {
    const Endpoint to{stream.addresses.back(), stream.port};
    stream.addresses.pop_back();
    Fd fd(::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid())
      continue;
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    sockaddr_storage address{};
    const socklen_t length = to_sockaddr(to, address);
    // A connection that stands at once is noticed as writable by the next poll().
    if (::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0 && errno != EINPROGRESS)
      continue;
    stream.attempts.push_back(std::move(fd));
    if (!stream.addresses.empty())
      stream.next_attempt = now + ATTEMPT_STAGGER;
    return;
  }
  if (stream.attempts.empty())
    this->fail_(stream, Error::CLOSED);
}

Streams::Sent Streams::send(StreamId id, ByteView bytes) {
  if (id >= MAX_STREAMS || this->streams_[id].state != State::OPEN)
    return Sent::WHOLE;  // the client will hear of the end of this stream, or already did
  Stream &stream = this->streams_[id];
  if (stream.queued.empty()) {
    const ssize_t n = ::send(stream.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      this->fail_(stream, Error::CLOSED);
      return Sent::WHOLE;
    }
    bytes = bytes.subspan(n > 0 ? static_cast<size_t>(n) : 0);
    if (bytes.empty())
      return Sent::WHOLE;
  }
  if (stream.queued.size() - stream.queued_from + bytes.size() > MAX_QUEUED_BYTES) {
    this->fail_(stream, Error::NO_SPACE);
    return Sent::WHOLE;
  }
  stream.queued.insert(stream.queued.end(), bytes.begin(), bytes.end());
  return Sent::BLOCKED;
}

void Streams::close(StreamId id) {
  if (id < MAX_STREAMS)
    this->release_(this->streams_[id]);
}

void Streams::close_all() {
  for (Stream &stream : this->streams_)
    this->release_(stream);
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

void Streams::watch(std::vector<pollfd> &fds) {
  for (const Stream &stream : this->streams_) {
    for (const Fd &attempt : stream.attempts)
      fds.push_back({attempt.get(), POLLOUT, 0});
    if (stream.state == State::OPEN)
      fds.push_back({stream.fd.get(), static_cast<short>(stream.queued.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  }
}

void Streams::serve(Instant now, std::span<const pollfd> fds) {
  for (const pollfd &ready : fds) {
    if (ready.revents == 0)
      continue;
    for (StreamId id = 0; id != MAX_STREAMS; id++) {
      Stream &stream = this->streams_[id];
      if (stream.state == State::OPEN && stream.fd.get() == ready.fd) {
        this->serve_open_(stream, id, ready.revents);
        break;
      }
      if (stream.state == State::CONNECTING && this->check_attempts_(now, stream, ready.fd)) {
        if (stream.state == State::OPEN)
          this->sink_.feed({.kind = Input::Kind::STREAM_OPEN, .stream = id});
        break;
      }
    }
  }
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    this->serve_timers_(now, this->streams_[id], id);
}

/// Whether `fd` was one of the stream's attempts.
bool Streams::check_attempts_(Instant now, Stream &stream, int fd) {
  for (size_t i = 0; i != stream.attempts.size(); i++) {
    if (stream.attempts[i].get() != fd)
      continue;
    int problem = 0;
    socklen_t length = sizeof(problem);
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length);
    if (problem == 0) {
      stream.fd = std::move(stream.attempts[i]);
      stream.attempts.clear();
      stream.addresses.clear();
      stream.deadline = stream.next_attempt = Instant::NEVER;
      stream.state = State::OPEN;
      return true;
    }
    stream.attempts.erase(stream.attempts.begin() + static_cast<ptrdiff_t>(i));
    this->start_attempt_(now, stream);
    return true;
  }
  return false;
}

void Streams::serve_open_(Stream &stream, StreamId id, short revents) {
  const uint32_t generation = stream.generation;
  if ((revents & POLLOUT) != 0 && this->flush_(stream)) {
    this->sink_.feed({.kind = Input::Kind::STREAM_WRITABLE, .stream = id});
    if (stream.generation != generation || stream.state != State::OPEN)
      return;
  }
  if (stream.state == State::OPEN && (revents & (POLLIN | POLLHUP | POLLERR)) != 0)
    this->receive_(stream, id);
}

/// Whether a queue has just been emptied.
bool Streams::flush_(Stream &stream) {
  if (stream.queued.empty())
    return false;
  const ByteView rest = ByteView(stream.queued).subspan(stream.queued_from);
  const ssize_t n = ::send(stream.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR)
      this->fail_(stream, Error::CLOSED);
    return false;
  }
  stream.queued_from += static_cast<size_t>(n);
  if (stream.queued_from != stream.queued.size())
    return false;
  stream.queued.clear();
  stream.queued_from = 0;
  return true;
}

void Streams::receive_(Stream &stream, StreamId id) {
  const ssize_t n = ::recv(stream.fd.get(), this->buffer_.data(), this->buffer_.size(), 0);
  if (n > 0) {
    Input input{.kind = Input::Kind::STREAM_BYTES, .stream = id};
    input.bytes = ByteSpan(this->buffer_).first(static_cast<size_t>(n));
    this->sink_.feed(input);
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    this->fail_(stream, Error::CLOSED);
  }
}

void Streams::serve_timers_(Instant now, Stream &stream, StreamId id) {
  if (stream.state == State::CONNECTING && stream.next_attempt <= now)
    this->start_attempt_(now, stream);
  if ((stream.state == State::CONNECTING || stream.state == State::RESOLVING) && stream.deadline <= now)
    this->fail_(stream, Error::TIMED_OUT);
  if (stream.state == State::FAILED) {
    const Error error = stream.error;
    this->release_(stream);  // first: the client may open it again from within
    this->sink_.feed({.kind = Input::Kind::STREAM_CLOSED, .stream = id, .error = error});
  }
}

Instant Streams::next_timeout() const {
  Instant out = Instant::NEVER;
  for (const Stream &stream : this->streams_) {
    if (stream.state == State::FAILED)
      return static_cast<Instant>(0);
    out = earlier(out, earlier(stream.deadline, stream.next_attempt));
  }
  return out;
}

}  // namespace microlink::posix
#endif  // __linux__
