// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"

namespace microlink {

/// The shape every engine shares, so that one pump drives them all. Drain order after any
/// handle_*(): poll_event() until empty, poll_transmit() until empty, then arm next_timeout().
template<typename E>
concept Engine = requires(E engine, const E &view, Instant now, ByteSpan out) {
  { engine.handle_timeout(now) } -> std::same_as<void>;
  { engine.poll_event() } -> std::same_as<std::optional<typename E::Event>>;
  { engine.poll_transmit(now, out) } -> std::same_as<std::optional<typename E::Transmit>>;
  { view.next_timeout() } -> std::same_as<Instant>;
};

}  // namespace microlink
