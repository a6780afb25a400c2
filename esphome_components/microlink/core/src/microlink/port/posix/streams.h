// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string>
#include <vector>

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"
#include "microlink/port/posix/input_sink.h"

namespace microlink::posix {

/// The client's TCP connections.
///
/// A name with several addresses is tried like RFC 8305 says: families alternate, a new attempt starts 200 ms after the
/// last one or as soon as that failed, and the first connection that stands is taken.
class Streams final : public Companion {
 public:
  explicit Streams(InputSink &sink) : sink_(sink) {}

  /// Begin; resolved() follows when the caller has found the addresses.
  void open(Instant now, StreamId id, uint16_t port);
  /// Which opening of the stream waits for an answer; an answer for another one is ignored.
  uint32_t generation(StreamId id) const { return this->streams_[id].generation; }
  void resolved(Instant now, StreamId id, uint32_t generation, std::span<const IpAddress> addresses);

  enum class Sent : uint8_t { WHOLE, BLOCKED };
  /// BLOCKED: the rest is kept, is sent first, and STREAM_WRITABLE follows. More than MAX_QUEUED_BYTES kept: the stream
  /// is closed, since a gap would garble it.
  Sent send(StreamId id, ByteView bytes);
  void close(StreamId id);
  void close_all();

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  static constexpr Duration ATTEMPT_STAGGER = milliseconds(200);
  static constexpr Duration CONNECT_TIMEOUT = seconds(10);
  static constexpr size_t MAX_ATTEMPTS = 6;
  static constexpr size_t MAX_QUEUED_BYTES = 64 * 1024;

 private:
  /// FREE: nothing. RESOLVING: waits for resolved(); timer: connect time-out. CONNECTING: attempts run; timers: next
  /// attempt, connect time-out. OPEN: until either side closes. FAILED: STREAM_CLOSED is said at the next serve().
  enum class State : uint8_t { FREE, RESOLVING, CONNECTING, OPEN, FAILED };
  struct Stream {
    State state{State::FREE};
    Error error{Error::NONE};  ///< in FAILED
    uint16_t port{0};
    uint32_t generation{0};
    Instant deadline{Instant::NEVER};
    Instant next_attempt{Instant::NEVER};
    std::vector<IpAddress> addresses;  ///< still to be tried, the next one last
    std::vector<Fd> attempts;
    Fd fd;
    std::vector<uint8_t> queued;
    size_t queued_from{0};  ///< where the unsent part of `queued` begins
  };

  void start_attempt_(Instant now, Stream &stream);
  void fail_(Stream &stream, Error error);
  void release_(Stream &stream);
  bool check_attempts_(Instant now, Stream &stream, int fd);
  void serve_open_(Stream &stream, StreamId id, short revents);
  bool flush_(Stream &stream);
  void receive_(Stream &stream, StreamId id);
  void serve_timers_(Instant now, Stream &stream, StreamId id);

  InputSink &sink_;
  std::array<Stream, MAX_STREAMS> streams_{};
  std::array<uint8_t, 16 * 1024> buffer_{};
};

}  // namespace microlink::posix
