// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "microlink/base/short_time.h"
#include "microlink/port/chip/bsd.h"
#include "microlink/port/chip/system.h"
#include "microlink/port/posix/input_sink.h"

namespace microlink::chip {

/// The client's TCP connections in fixed memory, one socket for each at most: a name's addresses are tried one after
/// another, and the first connection that stands is taken.
///
/// A socket that select() calls writable has room for what one action may carry, and no more is counted on: then the
/// client hears STREAM_BLOCKED, and STREAM_WRITABLE from the next turn. So nothing of what it sends has to be kept.
/// When the system is short of memory all the same, send() waits for it: nothing else could be sent meanwhile either.
class Streams {
 public:
  explicit Streams(posix::InputSink &sink) : sink_(sink) {}

  /// Begin; resolved() follows when the caller has found the addresses.
  void open(Instant now, StreamId id, uint16_t port);
  /// Which opening of the stream waits for an answer; an answer for another one is ignored.
  uint32_t generation(StreamId id) const { return this->streams_[id].generation; }
  void resolved(Instant now, StreamId id, uint32_t generation, std::span<const IpAddress> addresses);

  enum class Sent : uint8_t { WHOLE, BLOCKED };
  /// At most MAX_SEND_BYTES. BLOCKED: STREAM_WRITABLE follows. Takes MAX_PAUSES of PAUSE at most, after which the
  /// stream is closed.
  Sent send(StreamId id, ByteView bytes);
  void close(StreamId id);
  void close_all();
  /// Whether the client waits for STREAM_WRITABLE of any stream.
  bool is_any_blocked() const;

  void watch(Selection &selection) const;
  /// After the wait: connect, flush, hand on what came, at most `room` of each stream; then timers.
  void serve(Instant now, const Selection &selection, ByteSpan room);
  Instant next_timeout(Instant now) const;

  static constexpr Duration ATTEMPT_TIME = seconds(3);  ///< for an address that has others behind it
  static constexpr Duration CONNECT_TIMEOUT = seconds(10);
  static constexpr size_t MAX_ADDRESSES = decltype(Answer::addresses)::CAPACITY;
  static_assert(MAX_ADDRESSES == 2, "one is tried, and one kept meanwhile");
  static constexpr size_t MAX_SEND_BYTES = SCRATCH_BYTES;
  static constexpr Duration PAUSE = milliseconds(5);
  static constexpr int MAX_PAUSES = 100;
  /// What a writable socket takes at once: lwIP calls none writable that has less than half of its buffer, and less
  /// than two segments, left; nor one that has less than half of its queue left, which ESP-IDF makes 16 segments long.
  static constexpr size_t WRITABLE_BYTES = 2 * 1440;
  static constexpr uint8_t WRITABLE_PIECES = 4;  ///< of up to two segments

 private:
  /// FREE: nothing. RESOLVING: waits for resolved(); timer: connect time-out. CONNECTING: one attempt runs; timers:
  /// attempt, connect time-out. OPEN: until either side closes. FAILED: STREAM_CLOSED is said at the next serve().
  enum class State : uint8_t { FREE, RESOLVING, CONNECTING, OPEN, FAILED };
  struct Stream {
    State state{State::FREE};
    Error error{Error::NONE};  ///< in FAILED
    bool blocked{false};       ///< the client waits for STREAM_WRITABLE
    uint8_t pieces{0};         ///< calls of send() that the socket surely takes
    uint16_t room{0};          ///< bytes that the socket surely takes
    uint16_t port{0};
    uint32_t generation{0};
    Deadline deadline;
    Deadline next_attempt;
    IpAddress next{};  ///< to be tried next; unset: none
    Socket socket;
  };

  void start_attempt_(Instant now, Stream &stream, std::span<const IpAddress> addresses);
  void next_attempt_(Instant now, Stream &stream);
  void fail_(Stream &stream, Error error);
  void release_(Stream &stream);
  void check_attempt_(Instant now, Stream &stream, StreamId id);
  void serve_open_(Stream &stream, StreamId id, const Selection &selection, ByteSpan room);
  void receive_(Stream &stream, StreamId id, ByteSpan room);
  void serve_timers_(Instant now, Stream &stream, StreamId id);

  posix::InputSink &sink_;
  std::array<Stream, MAX_STREAMS> streams_{};
};

}  // namespace microlink::chip
