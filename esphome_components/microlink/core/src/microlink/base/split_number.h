// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace microlink {

/// A 64-bit number that lies anywhere a 32-bit one does: what has it needs no alignment to 8 bytes, nor padding for it.
class SplitNumber {
 public:
  SplitNumber() = default;
  SplitNumber(uint64_t value) : low_(static_cast<uint32_t>(value)), high_(static_cast<uint32_t>(value >> 32)) {}
  operator uint64_t() const { return uint64_t{this->high_} << 32 | this->low_; }
  SplitNumber &operator+=(uint64_t more) { return *this = *this + more; }

 private:
  uint32_t low_{0};
  uint32_t high_{0};
};

}  // namespace microlink
