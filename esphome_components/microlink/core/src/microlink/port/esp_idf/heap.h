// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tls/heap.h"

namespace microlink::esp_idf {

/// The heap that the firmware's mbedTLS takes its memory from (CONFIG_MBEDTLS_*_MEM_ALLOC); null where the user brought
/// an allocator of their own.
const tls::Heap *tls_heap();

/// Internal memory, which everybody needs.
struct InternalMemory {
  size_t free;
  size_t least;    ///< that was ever free since the start
  size_t largest;  ///< piece that could be taken at once
};
InternalMemory internal_memory();

}  // namespace microlink::esp_idf
