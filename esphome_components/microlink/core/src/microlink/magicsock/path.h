// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"
#include "microlink/base/time.h"

namespace microlink::magicsock {

/// An endpoint that has proved to work, and how long it takes there and back.
struct Path {
  Endpoint endpoint{};  ///< unset = no path
  Duration latency{};

  bool is_set() const { return this->endpoint.is_set(); }
};

/// Whether `a` is the better choice, judged by latency with a bonus for near addresses and IPv6 (tailscale
/// wgengine/magicsock, betterAddr). The same endpoint is not better than itself; anything is better than no path.
bool is_better(const Path &a, const Path &b);

/// Whether to leave `current`, which works, for `candidate`: better even if it were an eighth and half a millisecond
/// slower. Keeps two equal paths from taking turns.
bool is_worth_switching(const Path &candidate, const Path &current);

}  // namespace microlink::magicsock
