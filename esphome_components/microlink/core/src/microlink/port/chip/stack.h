// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::chip {

/// Stack of the node's task. The deepest paths are TLS and WireGuard handshakes. bench/memory runs the whole node on a
/// painted stack, with the loop, sockets and log lines, and fails when one of the three margins below is not left. It
/// is compiled for a PC with 32 bits, whose frames are the largest: those of the deepest path, which checks a
/// certificate's signature, add up to more there than on RISC-V or Xtensa (docs/memory.md).
constexpr size_t STACK_BYTES = 4992;

/// Beside everything of the node's own and of mbedTLS: what FreeRTOS keeps at the stack's end (thread-local storage,
/// 320 bytes of coprocessors' registers at the most), an interrupt's registers (less than 200; the rest of it has a
/// stack of its own), and drivers of accelerators in the place of mbedTLS's software.
constexpr size_t STACK_MARGIN_BYTES = 1024;
/// From where the system is called: lwIP sends in the caller's task where its core has a lock, down to the Wi-Fi
/// driver, and writing to NVS goes down to the flash.
constexpr size_t STACK_SYSTEM_BYTES = 3 * 1024;
/// From where a text is formatted: the C library's vsnprintf() takes 0.5 to 0.8 KB, and the logger calls it once more.
constexpr size_t STACK_TEXT_BYTES = 2 * 1024;

}  // namespace microlink::chip
