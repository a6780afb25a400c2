// SPDX-License-Identifier: MIT
#include "microlink/port/esp_idf/wake.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "tests/port/esp_idf/fake_idf/memory.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using esp_idf::Wake;

class Woken : public OnLwip {
 protected:
  Woken() { EXPECT_TRUE(this->wake.open()); }
  /// Whether the wait ends before `limit`, because of the wake.
  bool wakes() { return is_readable(this->wake.socket()); }
  bool wakes_soon() { return is_readable(this->wake.socket(), 30'000); }
  void expect_quiet() { EXPECT_FALSE(this->wakes_soon()); }

  Wake wake;
};

TEST_F(Woken, ends_a_wait_from_any_task_once_for_however_many_signals) {
  this->expect_quiet();
  for (int i = 0; i != 100; i++)
    this->wake.signal();
  EXPECT_TRUE(this->wakes());
  this->wake.clear();
  this->expect_quiet();
  on_lwip([this] { this->wake.signal(); });
  EXPECT_TRUE(this->wakes());
  this->wake.clear();
  std::thread other([this] { this->wake.signal(); });
  EXPECT_TRUE(this->wakes());
  other.join();
}

TEST_F(Woken, misses_nothing_that_several_tasks_say_at_once) {
  constexpr int ROUNDS = 2'000;
  std::array<std::atomic<int>, 3> said{};
  std::array<std::thread, 2> threads;
  for (size_t i = 0; i != threads.size(); i++) {
    threads[i] = std::thread([&, i] {
      for (int round = 1; round <= ROUNDS; round++) {
        said[i] = round;
        this->wake.signal();
      }
    });
  }
  while (said[0] != ROUNDS || said[1] != ROUNDS || said[2] != ROUNDS) {
    on_lwip([&] {
      said[2] = std::min(said[2] + 1, ROUNDS);
      this->wake.signal();
    });
    ASSERT_TRUE(this->wakes());
    this->wake.clear();
  }
  for (std::thread &each : threads)
    each.join();
  if (this->wakes_soon())
    this->wake.clear();
  this->expect_quiet();
}

TEST_F(Woken, does_nothing_when_it_is_closed_and_can_be_opened_again) {
  this->wake.signal();
  this->wake.close();
  this->wake.signal();
  this->wake.close();
  ASSERT_TRUE(this->wake.open());
  ASSERT_TRUE(this->wake.open());
  this->wake.signal();
  EXPECT_TRUE(this->wakes());
}

TEST_F(Woken, opens_or_says_that_it_did_not_whichever_allocation_fails) {
  bool failed = true;
  for (size_t number = 0; failed; number++) {
    Wake other;
    fake_idf::fail_allocation(number);
    (void) other.open();
    failed = fake_idf::stop_failing();
    ASSERT_TRUE(other.open()) << number;
    other.signal();
    EXPECT_TRUE(is_readable(other.socket())) << number;
  }
}

}  // namespace
}  // namespace microlink::chip_test
