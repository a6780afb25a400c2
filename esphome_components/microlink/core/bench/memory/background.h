// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::bench {

/// What the owner of a node on a chip holds of it: its task, the system around it, names that are asked for. With the
/// headers of tests/port/esp_idf in place of ESP-IDF's, whose locks are of other sizes.
size_t background_bytes();

}  // namespace microlink::bench
