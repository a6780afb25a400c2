/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MALLOC_CAP_SPIRAM (1U << 10)
#define MALLOC_CAP_DEFAULT (1U << 12)

#ifdef __cplusplus
extern "C" {
#endif
void *heap_caps_malloc_prefer(size_t size, size_t count, ...);
void heap_caps_free(void *memory);
#ifdef __cplusplus
}
#endif
