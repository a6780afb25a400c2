// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::chip {

/// Stack of the node's task. The deepest paths are TLS and WireGuard handshakes; script/bench chip measures them and
/// wants STACK_MARGIN_BYTES more than that: for the loop around the client (about 1 KB, which that bench does not run),
/// for log lines, and because a chip's calls are not a PC's: RISC-V's frames of mbedTLS are two thirds of a PC's with
/// 32 bits, Xtensa's are larger. A stack that is too small is found by a crash, so the half kilobyte stays.
constexpr size_t STACK_BYTES = 6 * 1024;
constexpr size_t STACK_MARGIN_BYTES = 2 * 1024;

}  // namespace microlink::chip
