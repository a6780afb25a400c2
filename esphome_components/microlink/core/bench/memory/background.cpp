// SPDX-License-Identifier: MIT
#include "microlink/port/esp_idf/background.h"

#include "bench/memory/background.h"

namespace microlink::bench {

size_t background_bytes() { return sizeof(esp_idf::Background); }

}  // namespace microlink::bench
