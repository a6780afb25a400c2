// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"

namespace microlink {

/// FNV-1a, for telling whether something changed. Not for what somebody could forge.
class Fnv1a {
 public:
  Fnv1a &add(uint8_t byte) {
    this->value_ = (this->value_ ^ byte) * 16777619U;
    return *this;
  }
  Fnv1a &add(ByteView bytes) {
    for (const uint8_t byte : bytes)
      this->add(byte);
    return *this;
  }
  Fnv1a &add(uint16_t number) { return this->add(static_cast<uint8_t>(number >> 8)).add(static_cast<uint8_t>(number)); }
  Fnv1a &add(uint32_t number) {
    return this->add(static_cast<uint16_t>(number >> 16)).add(static_cast<uint16_t>(number));
  }
  uint32_t value() const { return this->value_; }

 private:
  uint32_t value_{2166136261U};
};

inline uint32_t hash_of(const Endpoint &endpoint) {
  return Fnv1a().add(endpoint.address.bytes).add(endpoint.port).value();
}

}  // namespace microlink
