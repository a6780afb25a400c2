// SPDX-License-Identifier: MIT
#include "bench/memory/sockets.h"

#include <lwip/sockets.h>

#include <algorithm>
#include <cerrno>

#include "microlink/port/posix/sockets.h"
#include "tests/memory/allocations.h"

namespace microlink::bench {

namespace {

Sockets *sockets = nullptr;

int fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

Sockets::Sockets(Wire &wire) : wire_(wire) { sockets = this; }
void Sockets::end() { sockets = nullptr; }

Sockets::Stream *Sockets::stream(int descriptor) {
  const auto index = static_cast<size_t>(descriptor - FIRST_STREAM);
  return index < MAX_STREAMS && this->streams_[index].used ? &this->streams_[index] : nullptr;
}

int Sockets::open() {
  for (size_t i = 0; i != MAX_STREAMS; i++) {
    if (this->streams_[i].used)
      continue;
    this->streams_[i] = {.used = true, .id = MAX_STREAMS};
    return FIRST_STREAM + static_cast<int>(i);
  }
  return fail(ENFILE);
}

void Sockets::connect(Stream &stream, const Endpoint &to) {
  const bool is_relay = std::ranges::find(RELAYS, to.address) != RELAYS.end();
  StreamId id = is_relay ? FIRST_RELAY : 0;
  while (std::ranges::any_of(this->streams_, [id](const Stream &each) { return each.used && each.id == id; }))
    id++;
  stream.id = id;
  this->wire_.left({.kind = Action::Kind::OPEN_STREAM, .stream = id, .to = to});
}

void Sockets::handle(const Input &input) {
  if (input.kind == Input::Kind::DATAGRAM) {
    this->datagrams_.push_back({input.from, std::string(as_text(input.bytes))});
    return;
  }
  const auto found =
      std::ranges::find_if(this->streams_, [&](const Stream &each) { return each.used && each.id == input.stream; });
  if (found == this->streams_.end())
    return;
  if (input.kind == Input::Kind::STREAM_OPEN)
    found->connected = true;
  else if (input.kind == Input::Kind::STREAM_BYTES)
    found->in += as_text(input.bytes);
  else if (input.kind == Input::Kind::STREAM_CLOSED)
    (found->connected ? found->ended : found->refused) = true;
}

}  // namespace microlink::bench

using microlink::bench::Sockets;
using microlink::bench::sockets;

extern "C" {

int lwip_socket(int domain, int type, int /*protocol*/) {
  sockets->wire().called();
  if (domain != AF_INET)
    return microlink::bench::fail(EAFNOSUPPORT);
  return type == SOCK_DGRAM ? Sockets::DATAGRAMS : sockets->open();
}

int lwip_close(int s) {
  if (sockets == nullptr)
    return 0;
  if (Sockets::Stream *const stream = sockets->stream(s); stream != nullptr) {
    if (stream->id != microlink::MAX_STREAMS)
      sockets->wire().left({.kind = microlink::Action::Kind::CLOSE_STREAM, .stream = stream->id});
    stream->used = false;
  }
  return 0;
}

u16_t lwip_htons(u16_t n) { return __builtin_bswap16(n); }
int lwip_fcntl(int /*s*/, int /*command*/, int /*value*/) { return 0; }
int lwip_setsockopt(int /*s*/, int /*level*/, int /*name*/, const void * /*value*/, socklen_t /*length*/) { return 0; }
int lwip_bind(int /*s*/, const sockaddr * /*name*/, socklen_t /*length*/) { return 0; }

int lwip_getsockname(int /*s*/, sockaddr *name, socklen_t *length) {
  auto &out = *reinterpret_cast<sockaddr_storage *>(name);
  *length = microlink::posix::to_sockaddr({microlink::IpAddress::v4(0, 0, 0, 0), sockets->wire().port()}, out);
  return 0;
}

int lwip_getsockopt(int s, int /*level*/, int /*name*/, void *value, socklen_t * /*length*/) {
  *static_cast<int *>(value) = sockets->stream(s)->refused ? ECONNREFUSED : 0;
  return 0;
}

int lwip_connect(int s, const sockaddr *name, socklen_t /*length*/) {
  sockets->connect(*sockets->stream(s),
                   microlink::posix::from_sockaddr(*reinterpret_cast<const sockaddr_storage *>(name)));
  return microlink::bench::fail(EINPROGRESS);
}

ssize_t lwip_send(int s, const void *bytes, size_t size, int /*flags*/) {
  microlink::Action action{.kind = microlink::Action::Kind::SEND_STREAM, .stream = sockets->stream(s)->id};
  action.bytes = {static_cast<const uint8_t *>(bytes), size};
  sockets->wire().left(action);
  return static_cast<ssize_t>(size);
}

ssize_t lwip_sendto(int /*s*/, const void *bytes, size_t size, int /*flags*/, const sockaddr *to,
                    socklen_t /*length*/) {
  microlink::Action action{.kind = microlink::Action::Kind::SEND_DATAGRAM};
  action.to = microlink::posix::from_sockaddr(*reinterpret_cast<const sockaddr_storage *>(to));
  action.bytes = {static_cast<const uint8_t *>(bytes), size};
  sockets->wire().left(action);
  return static_cast<ssize_t>(size);
}

ssize_t lwip_recv(int s, void *out, size_t size, int /*flags*/) {
  sockets->wire().called();
  Sockets::Stream &stream = *sockets->stream(s);
  if (stream.in.empty())
    return stream.ended ? 0 : microlink::bench::fail(EWOULDBLOCK);
  const size_t got = stream.in.copy(static_cast<char *>(out), size);
  stream.in.erase(0, got);
  return static_cast<ssize_t>(got);
}

ssize_t lwip_recvfrom(int /*s*/, void *out, size_t size, int /*flags*/, sockaddr *from, socklen_t *length) {
  sockets->wire().called();
  if (sockets->datagrams().empty())
    return microlink::bench::fail(EWOULDBLOCK);
  const Sockets::Datagram &first = sockets->datagrams().front();
  *length = microlink::posix::to_sockaddr(first.from, *reinterpret_cast<sockaddr_storage *>(from));
  const size_t got = first.bytes.copy(static_cast<char *>(out), size);
  const microlink::testing::Unwatched unwatched;
  sockets->datagrams().pop_front();
  return static_cast<ssize_t>(got);
}

int lwip_select(int /*count*/, fd_set *readable, fd_set *writable, fd_set * /*exceptional*/, timeval *timeout) {
  sockets->wire().called();
  int found = 0;
  for (int s = Sockets::DATAGRAMS; s != Sockets::FIRST_STREAM + static_cast<int>(microlink::MAX_STREAMS); s++) {
    const Sockets::Stream *const stream = sockets->stream(s);
    const bool has_bytes = stream != nullptr ? !stream->in.empty() || stream->ended : !sockets->datagrams().empty();
    const bool can_write = stream != nullptr && (stream->connected || stream->refused);
    if (FD_ISSET(s, readable) && !has_bytes)
      FD_CLR(s, readable);
    if (FD_ISSET(s, writable) && !can_write)
      FD_CLR(s, writable);
    found += FD_ISSET(s, readable) || FD_ISSET(s, writable);
  }
  const bool waits = timeout == nullptr || timeout->tv_sec != 0 || timeout->tv_usec != 0;
  using microlink::Instant;
  const Instant deadline = timeout == nullptr ? Instant::NEVER
                                              : sockets->wire().time() + microlink::seconds(timeout->tv_sec) +
                                                    microlink::microseconds(timeout->tv_usec);
  sockets->selected(waits ? found : found + 1, deadline);
  return found;
}

}  // extern "C"
