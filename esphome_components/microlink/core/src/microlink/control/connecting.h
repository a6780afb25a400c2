// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/attempt.h"
#include "microlink/control/key_fetch.h"

namespace microlink::control {

/// What a session needs until a connection is established, and nobody after it: it lives where the established
/// connection's records will.
struct Connecting {
  KeyFetch key_fetch;
  std::array<Attempt, 2> attempts;

  Attempt &attempt(Link link) { return this->attempts[link == Link::NOISE_FALLBACK ? 1 : 0]; }
};

}  // namespace microlink::control
