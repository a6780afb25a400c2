// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/attempt.h"
#include "microlink/control/key_fetch.h"

namespace microlink::control {

/// What a session needs until a connection is established, and nobody after it: it lives where the established
/// connection's records will.
struct Connecting {
  /// Read in such pieces, nothing that follows the server's response is read with it: the first piece that holds a part
  /// of the response ends inside it.
  static constexpr size_t ROOM_BYTES = noise::RESPONSE_BYTES;

  KeyFetch key_fetch;
  std::array<Attempt, 2> attempts;

  Bytes<ROOM_BYTES> room;

  Attempt &attempt(Link link) { return this->attempts[link == Link::NOISE_FALLBACK ? 1 : 0]; }
};

}  // namespace microlink::control
