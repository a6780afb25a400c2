// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"

namespace microlink {

/// Where an engine's randomness comes from; the owner passes it in.
class Random {
 public:
  virtual ~Random() = default;
  /// Fill with bytes fit for keys and nonces.
  virtual void fill(ByteSpan out) = 0;

  uint32_t u32() {
    Bytes<4> raw;
    this->fill(raw);
    return static_cast<uint32_t>(raw[0]) | static_cast<uint32_t>(raw[1]) << 8 | static_cast<uint32_t>(raw[2]) << 16 |
           static_cast<uint32_t>(raw[3]) << 24;
  }
  /// Evenly spread over 0 … bound-1 as far as jitter needs; 0 for a bound of 0. Not for keys.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((static_cast<uint64_t>(this->u32()) * bound) >> 32); }
};

}  // namespace microlink
