/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C"
#endif
    void
    esp_fill_random(void *out, size_t size);
