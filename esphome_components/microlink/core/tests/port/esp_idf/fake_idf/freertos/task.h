/* SPDX-License-Identifier: MIT */
#pragma once
#include "freertos/FreeRTOS.h"

typedef struct fake_task *TaskHandle_t;

#ifdef __cplusplus
extern "C" {
#endif
BaseType_t xTaskCreate(void (*run)(void *), const char *name, uint32_t stack, void *argument, UBaseType_t priority,
                       TaskHandle_t *out);
/* Null only: the task that calls. As on the chip, it must not return from its function instead. */
void vTaskDelete(TaskHandle_t task);
void vTaskDelay(TickType_t ticks);
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
#ifdef __cplusplus
}
#endif
