// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/heap.h"

#include <esp_heap_caps.h>
#include <sdkconfig.h>

namespace microlink::esp_idf {

namespace {

constexpr uint32_t INTERNAL = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;
// With IRAM allowed for records there may be more than this; then it is the user's reserve.
#if defined(CONFIG_MBEDTLS_EXTERNAL_MEM_ALLOC)
constexpr uint32_t TLS = MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT;
#elif defined(CONFIG_MBEDTLS_DEFAULT_MEM_ALLOC)
constexpr uint32_t TLS = MALLOC_CAP_DEFAULT;
#else
constexpr uint32_t TLS = INTERNAL;
#endif

}  // namespace

const tls::Heap *tls_heap() {
#ifdef CONFIG_MBEDTLS_CUSTOM_MEM_ALLOC
  return nullptr;
#else
  static constexpr tls::Heap HEAP{[] { return heap_caps_get_free_size(TLS); },
                                  [] { return heap_caps_get_largest_free_block(TLS); }};
  return &HEAP;
#endif
}

InternalMemory internal_memory() {
  return {.free = heap_caps_get_free_size(INTERNAL),
          .least = heap_caps_get_minimum_free_size(INTERNAL),
          .largest = heap_caps_get_largest_free_block(INTERNAL)};
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
