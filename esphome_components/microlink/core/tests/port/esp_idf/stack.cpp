// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/stack.h"

#include <esp_timer.h>

#include <array>

#include "lwip/init.h"
#include "lwip/memp.h"
#include "lwip/stats.h"
#include "lwip/tcpip.h"
#include "tests/port/esp_idf/fake_idf/memory.h"

namespace microlink::chip_test {

namespace {

void signal(void *sem) { sys_sem_signal(static_cast<sys_sem_t *>(sem)); }

}  // namespace

void start_lwip() {
  static const bool STARTED = [] {
    sys_sem_t started;
    (void) sys_sem_new(&started, 0);
    tcpip_init(signal, &started);
    sys_sem_wait(&started);
    sys_sem_free(&started);
    return true;
  }();
  (void) STARTED;
}

std::string lwip_usage() {
  std::string out;
  const auto line = [&out](const char *name, size_t used) {
    if (used != 0)
      out += std::string(name) + " " + std::to_string(used) + "\n";
  };
  on_lwip([&] {
    line("bytes", fake_idf::lwip_used());
    for (const stats_mem *pool : lwip_stats.memp) {
      if (pool != nullptr)
        line(pool->name, pool->used);
    }
  });
  return out;
}

bool wait_until(const std::function<bool()> &done) {
  const int64_t deadline = esp_timer_get_time() + 30'000'000;
  while (!done()) {
    if (esp_timer_get_time() > deadline)
      return false;
    sys_msleep(1);
  }
  return true;
}

HeldLwip::HeldLwip() {
  (void) sys_sem_new(&this->held_, 0);
  (void) sys_sem_new(&this->go_, 0);
  (void) tcpip_callback(
      [](void *self) {
        auto &held = *static_cast<HeldLwip *>(self);
        sys_sem_signal(&held.held_);
        sys_sem_wait(&held.go_);
      },
      this);
  sys_sem_wait(&this->held_);
}

HeldLwip::~HeldLwip() {
  sys_sem_signal(&this->go_);
  // Behind what waited meanwhile.
  (void) tcpip_callback(signal, &this->held_);
  sys_sem_wait(&this->held_);
  sys_sem_free(&this->held_);
  sys_sem_free(&this->go_);
}

}  // namespace microlink::chip_test
