/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* FreeRTOS on pthreads, as much of it as the component uses; a tick is a millisecond. */
typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint8_t StackType_t;
#define pdTRUE 1
#define pdFALSE 0
#define pdPASS 1
#define pdFAIL 0
#define portMAX_DELAY 0xffffffffU
