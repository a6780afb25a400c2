// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <type_traits>

#include "microlink/ports.h"

namespace microlink::bench {

/// What a client was given in a scenario, so that the same client does the same on another machine: it draws no
/// randomness but from its SEED. A recording is entries, one behind the other, each an Entry followed by its endpoints,
/// bytes and text, all padded to whole words; words are little-endian, as both machines are.
struct Entry {
  enum Kind : uint32_t {
    CONFIG = 100,  ///< a new client: `bytes` its control URL, `text` its name, `stream` whether it is relay-only
    MARK,          ///< a part named `text` begins
  };
  uint32_t kind;  ///< or Input::Kind
  uint32_t stream, record, error;
  int64_t now, wall_time;
  Endpoint from;
  uint16_t unused;
  uint32_t endpoints, bytes, text;  ///< how many of each follow
  uint32_t digest;                  ///< of the actions that follow from it
};
static_assert(std::is_trivially_copyable_v<Entry> && std::is_trivially_copyable_v<Endpoint> && sizeof(Endpoint) == 18);
static_assert(sizeof(Entry) == 72, "the same on both machines");

constexpr size_t padded(size_t bytes) { return (bytes + 3) / 4 * 4; }

/// FNV-1a of what a client does.
class Digest {
 public:
  void add(const Action &action) {
    this->add_(static_cast<uint8_t>(action.kind));
    this->add_(action.stream);
    this->add_(static_cast<uint8_t>(action.to.port));
    for (const uint8_t byte : action.bytes)
      this->add_(byte);
  }
  uint32_t value() const { return this->value_; }

 private:
  void add_(uint8_t byte) { this->value_ = (this->value_ ^ byte) * 16777619U; }
  uint32_t value_{2166136261U};
};

}  // namespace microlink::bench
