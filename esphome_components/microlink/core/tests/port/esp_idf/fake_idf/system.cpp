// SPDX-License-Identifier: MIT
/// FreeRTOS, the timer, the random source, the certificate bundle.
#include <pthread.h>
#include <sys/random.h>
#include <time.h>

#include <cstdlib>
#include <cstring>

#include "bootloader_random.h"
#include "esp_crt_bundle.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "tests/port/esp_idf/fake_idf/memory.h"
#include "tests/port/esp_idf/fake_idf/noise.h"

namespace fake_idf {

Noise &Noise::get() {
  static Noise noise;
  return noise;
}

}  // namespace fake_idf

using fake_idf::Noise;

namespace {

struct Start {
  void (*run)(void *);
  void *argument;
};

void *run_task(void *start) {
  const Start copy = *static_cast<Start *>(start);
  delete static_cast<Start *>(start);
  copy.run(copy.argument);
  std::abort();  // FreeRTOS does the same
}

}  // namespace

extern "C" {
BaseType_t xTaskCreate(void (*run)(void *), const char *, uint32_t, void *argument, UBaseType_t, TaskHandle_t *out) {
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  // Before it runs: the task may end before this function does.
  *out = reinterpret_cast<TaskHandle_t>(argument);
  auto *start = new Start{run, argument};
  const bool runs = pthread_create(&thread, &detached, run_task, start) == 0;
  pthread_attr_destroy(&detached);
  if (!runs)
    delete start;
  return runs ? pdPASS : pdFAIL;
}

void vTaskDelete(TaskHandle_t task) {
  if (task != nullptr)
    std::abort();
  pthread_exit(nullptr);
}

void vTaskDelay(TickType_t ticks) {
  const timespec time{static_cast<time_t>(ticks / 1000), static_cast<long>(ticks % 1000) * 1'000'000};
  (void) nanosleep(&time, nullptr);
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t) { return static_cast<UBaseType_t>(fake_idf::stack_never_used()); }

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *memory) {
  pthread_mutex_init(&memory->mutex, nullptr);
  pthread_cond_init(&memory->given, nullptr);
  memory->is_given = 0;
  return memory;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) {
  pthread_mutex_lock(&semaphore->mutex);
  const BaseType_t could = semaphore->is_given == 0 ? pdTRUE : pdFALSE;
  semaphore->is_given = 1;
  pthread_cond_signal(&semaphore->given);
  pthread_mutex_unlock(&semaphore->mutex);
  return could;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t wait) {
  if (wait != portMAX_DELAY)
    std::abort();  // nobody does
  pthread_mutex_lock(&semaphore->mutex);
  while (semaphore->is_given == 0)
    pthread_cond_wait(&semaphore->given, &semaphore->mutex);
  semaphore->is_given = 0;
  pthread_mutex_unlock(&semaphore->mutex);
  return pdTRUE;
}

int64_t esp_timer_get_time(void) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

void bootloader_random_enable(void) {
  Noise::get().is_on = true;
  Noise::get().enabled++;
}

void bootloader_random_disable(void) { Noise::get().is_on = false; }

void esp_fill_random(void *out, size_t size) {
  if (Noise &noise = Noise::get(); noise.is_weak) {
    (noise.is_on ? noise.strong_bytes : noise.weak_bytes) += size;
    if (!noise.is_on) {
      memset(out, 'x', size);
      return;
    }
  }
  if (getrandom(out, size, 0) != static_cast<ssize_t>(size))
    std::abort();
}

esp_err_t esp_crt_bundle_attach(void *) { return ESP_OK; }
}
