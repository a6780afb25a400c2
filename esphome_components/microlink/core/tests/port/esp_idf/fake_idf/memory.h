// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace fake_idf {

/// lwIP's allocation with this number, from 0 on, fails, and no other. Its own timers are not counted.
void fail_allocation(size_t number);
/// Let all succeed again. Whether one has failed.
bool stop_failing();
/// Bytes that lwIP has now.
size_t lwip_used();
/// What the system says of the heap that others and mbedTLS use: much, unless a test sets it.
struct Heap {
  size_t free{200'000};
  size_t least{150'000};
  size_t largest{110'000};
  size_t stack_never_used{1'000};  ///< of any task
};
void set_heap(const Heap &heap);
size_t stack_never_used();
/// Bytes that are taken from PSRAM now.
size_t psram_used();

}  // namespace fake_idf
