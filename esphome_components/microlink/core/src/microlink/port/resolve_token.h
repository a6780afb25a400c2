// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/ports.h"

namespace microlink {

/// Says to a resolver for whom it looks, and to the loop whether that one still waits: a stream, with its generation,
/// as streams are used again; or the client itself.
class ResolveToken {
 public:
  static constexpr uint32_t CLIENT = 0xff;

  static constexpr uint32_t of_stream(StreamId stream, uint32_t generation) {
    return (generation & GENERATION_MASK) << GENERATION_SHIFT | stream;
  }
  explicit constexpr ResolveToken(uint32_t value) : value_(value) {}
  constexpr bool is_stream() const { return this->stream() < MAX_STREAMS; }
  constexpr StreamId stream() const { return static_cast<StreamId>(this->value_ & STREAM_MASK); }
  /// Whether the stream is still the one that asked.
  constexpr bool is_of(uint32_t generation) const {
    return (generation & GENERATION_MASK) == this->value_ >> GENERATION_SHIFT;
  }

 private:
  static constexpr uint32_t STREAM_MASK = 0xff;
  static constexpr unsigned GENERATION_SHIFT = 8;
  static constexpr uint32_t GENERATION_MASK = 0xffffff;
  static_assert(MAX_STREAMS <= CLIENT);

  uint32_t value_;
};

}  // namespace microlink
