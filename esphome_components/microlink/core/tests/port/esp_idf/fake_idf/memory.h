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
/// Bytes that are taken from PSRAM now.
size_t psram_used();

}  // namespace fake_idf
