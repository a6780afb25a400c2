// SPDX-License-Identifier: MIT
#include "memory.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "esp_heap_caps.h"
#include "lwip/timeouts.h"

namespace fake_idf {

namespace {

std::atomic<size_t> until_failure{SIZE_MAX};
std::atomic<size_t> lwip{0};
std::atomic<size_t> psram{0};
std::mutex heap_mutex;
Heap heap_now;
Heap heap() {
  const std::lock_guard lock(heap_mutex);
  return heap_now;
}

bool fails() {
  size_t left = until_failure;
  while (left != SIZE_MAX && left != SIZE_MAX - 1) {
    if (until_failure.compare_exchange_weak(left, left == 0 ? SIZE_MAX - 1 : left - 1))
      return left == 0;
  }
  return false;
}

/// lwIP asserts that its own timers get their memory, whoever else runs at that time; nothing else is of their size.
bool is_of_a_timer(size_t size) { return size == sizeof(sys_timeo); }

constexpr size_t HEADER = 16;

/// A block behind its size, which is added to `used`.
void *take(size_t size, std::atomic<size_t> &used) {
  auto *memory = static_cast<uint8_t *>(std::malloc(size + HEADER));
  if (memory == nullptr)
    return nullptr;
  *reinterpret_cast<size_t *>(memory) = size;
  used += size;
  return memory + HEADER;
}

void give(void *memory, std::atomic<size_t> &used) {
  if (memory == nullptr)
    return;
  auto *start = static_cast<uint8_t *>(memory) - HEADER;
  used -= *reinterpret_cast<size_t *>(start);
  std::free(start);
}

}  // namespace

void fail_allocation(size_t number) { until_failure = number; }
bool stop_failing() { return until_failure.exchange(SIZE_MAX) == SIZE_MAX - 1; }
size_t lwip_used() { return lwip; }
size_t psram_used() { return psram; }
void set_heap(const Heap &given) {
  const std::lock_guard lock(heap_mutex);
  heap_now = given;
}
size_t stack_never_used() { return heap().stack_never_used; }

}  // namespace fake_idf

extern "C" {
void *fake_idf_malloc(size_t size) {
  const bool fails = !fake_idf::is_of_a_timer(size) && fake_idf::fails();
  return fails ? nullptr : fake_idf::take(size, fake_idf::lwip);
}
void *fake_idf_calloc(size_t count, size_t size) {
  void *memory = fake_idf_malloc(count * size);
  return memory == nullptr ? nullptr : std::memset(memory, 0, count * size);
}
void fake_idf_free(void *memory) { fake_idf::give(memory, fake_idf::lwip); }
void *heap_caps_malloc_prefer(size_t size, size_t, ...) { return fake_idf::take(size, fake_idf::psram); }
size_t heap_caps_get_free_size(uint32_t) { return fake_idf::heap().free; }
size_t heap_caps_get_minimum_free_size(uint32_t) { return fake_idf::heap().least; }
size_t heap_caps_get_largest_free_block(uint32_t) { return fake_idf::heap().largest; }
void heap_caps_free(void *memory) { fake_idf::give(memory, fake_idf::psram); }
}
