/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "freertos/FreeRTOS.h"

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t given;
  int is_given;
} StaticSemaphore_t;
typedef StaticSemaphore_t *SemaphoreHandle_t;

#ifdef __cplusplus
extern "C" {
#endif
SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *memory);
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore);
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t wait);
#ifdef __cplusplus
}
#endif
