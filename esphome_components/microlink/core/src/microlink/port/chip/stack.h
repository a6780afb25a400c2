// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::chip {

/// Stack of the node's task. The deepest path is a TLS handshake; script/bench memory measures it and wants
/// STACK_MARGIN_BYTES more than that: for the loop around the client, for interrupts, and because a chip's calls are
/// not a PC's.
constexpr size_t STACK_BYTES = 8 * 1024;
constexpr size_t STACK_MARGIN_BYTES = 2 * 1024;

}  // namespace microlink::chip
