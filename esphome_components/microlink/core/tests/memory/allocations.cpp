// SPDX-License-Identifier: MIT
#include "tests/memory/allocations.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "microlink/tls/mbedtls.h"
#include "microlink/tls/memory.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
// Of sanitizer/allocator_interface.h, which clang installs and gcc does not; both of their run times have them.
extern "C" {
size_t __sanitizer_get_allocated_size(const volatile void *block);
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
}
#endif

namespace microlink::testing {

namespace {

int watches = 0;
volatile bool in_tls = false;  // volatile: the compiler takes it that calloc does not look at it
Allocations core, tls;

void note_taken(size_t bytes) {
  if (watches == 0)
    return;
  Allocations &which = in_tls ? tls : core;
  which.calls++;
  which.live += bytes;
  which.peak = std::max(which.peak, which.live);
}

void note_given_back(size_t bytes) {
  if (watches == 0)
    return;
  Allocations &which = in_tls ? tls : core;
  which.live -= std::min(bytes, which.live);
}

void *tls_calloc(size_t count, size_t size) {
  in_tls = true;
  void *const block = std::calloc(count, size);
  in_tls = false;
  return block;
}

void tls_free(void *block) {
  in_tls = true;
  std::free(block);
  in_tls = false;
}

}  // namespace

Watch::Watch() { watches++; }
Watch::~Watch() { watches--; }

Unwatched::Unwatched() : watches_(std::exchange(watches, 0)) {}
Unwatched::~Unwatched() { watches = this->watches_; }

void watch_tls() {
  tls::count_memory();  // once, so that nobody takes the hooks back
  mbedtls_platform_set_calloc_free(tls_calloc, tls_free);
}

Allocations allocations() { return core; }
Allocations tls_allocations() { return tls; }
void reset_allocations() { core = tls = {}; }
void reset_peaks() {
  for (Allocations *each : {&core, &tls})
    *each = {.calls = 0, .live = each->live, .peak = each->live};
}

#ifdef __SANITIZE_ADDRESS__

namespace {

void on_malloc(const volatile void * /*block*/, size_t size) { note_taken(size); }
void on_free(const volatile void *block) {
  if (block != nullptr && watches != 0)
    note_given_back(__sanitizer_get_allocated_size(block));
}
[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);

}  // namespace

#endif

}  // namespace microlink::testing

#ifndef __SANITIZE_ADDRESS__

// The C library's own names for what is replaced here.
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

void *malloc(size_t size) {
  void *const block = __libc_malloc(size);
  microlink::testing::note_taken(malloc_usable_size(block));
  return block;
}
void *calloc(size_t count, size_t size) {
  void *const block = __libc_calloc(count, size);
  microlink::testing::note_taken(malloc_usable_size(block));
  return block;
}
void *realloc(void *block, size_t size) {
  if (block != nullptr)
    microlink::testing::note_given_back(malloc_usable_size(block));
  void *const moved = __libc_realloc(block, size);
  microlink::testing::note_taken(malloc_usable_size(moved));
  return moved;
}
void free(void *block) {
  if (block != nullptr)
    microlink::testing::note_given_back(malloc_usable_size(block));
  __libc_free(block);
}
}

#endif
