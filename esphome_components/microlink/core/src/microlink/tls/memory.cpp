// SPDX-License-Identifier: MIT
#include "microlink/tls/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "microlink/tls/mbedtls.h"

// The hooks are for a whole program. In ESP-IDF that is the firmware: other components have sessions and blocks of
// their own, and the user chose where they come from.
#if defined(MBEDTLS_PLATFORM_MEMORY) && !defined(MBEDTLS_PLATFORM_CALLOC_MACRO) && !defined(ESP_PLATFORM)
#define MICROLINK_TLS_COUNTS_MEMORY
#endif

namespace microlink::tls {

#ifdef MICROLINK_TLS_COUNTS_MEMORY

namespace {

// Each block's size stands before it; the header keeps malloc's alignment.
constexpr size_t HEADER_BYTES = alignof(std::max_align_t);
static_assert(HEADER_BYTES >= sizeof(size_t));

MemoryUse use{};
size_t limit = 0;
bool counting = false;

void *counting_calloc(size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - HEADER_BYTES)
    return nullptr;
  if (limit != 0 && (use.current > limit || bytes > limit - use.current))
    return nullptr;
  auto *block = static_cast<unsigned char *>(std::calloc(1, HEADER_BYTES + bytes));
  if (block == nullptr)
    return nullptr;
  std::memcpy(block, &bytes, sizeof(bytes));
  use.current += bytes;
  use.peak = std::max(use.peak, use.current);
  return block + HEADER_BYTES;
}

void counting_free(void *pointer) {
  if (pointer == nullptr)
    return;
  unsigned char *block = static_cast<unsigned char *>(pointer) - HEADER_BYTES;
  size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof(bytes));
  use.current -= bytes;
  std::free(block);
}

}  // namespace

MemoryUse memory_use() { return use; }

void reset_peak_memory() { use.peak = use.current; }

void limit_memory(size_t bytes) { limit = bytes; }

void count_memory() {
  // Only once: a second call would take over blocks of whatever allocator was set in between.
  if (!counting)
    mbedtls_platform_set_calloc_free(counting_calloc, counting_free);
  counting = true;
}

#else

MemoryUse memory_use() { return {}; }
void reset_peak_memory() {}
void limit_memory(size_t /*bytes*/) {}
void count_memory() {}

#endif

}  // namespace microlink::tls
