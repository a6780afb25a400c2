// SPDX-License-Identifier: MIT
#pragma once

#include <random>

#include "microlink/base/random.h"

namespace microlink::testing {

/// Not random at all: the same seed gives the same bytes, on every machine.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint32_t seed = 1) : engine_(seed) {}
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = static_cast<uint8_t>(this->engine_());
  }

 private:
  std::mt19937 engine_;
};

}  // namespace microlink::testing
