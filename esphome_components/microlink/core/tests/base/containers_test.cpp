// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/base/secret.h"
#include "microlink/base/timer_table.h"

namespace microlink {
namespace {

TEST(Containers, fixed_vector_says_no_when_full) {
  FixedVector<int, 3> v;
  EXPECT_TRUE(v.push_back(1) && v.push_back(2) && v.push_back(3));
  EXPECT_FALSE(v.push_back(4));
  v.remove(0);
  EXPECT_EQ(v[0], 2);
  v.remove_unordered(0);
  EXPECT_EQ(v[0], 3);
  EXPECT_EQ(v.size(), 1U);
}

TEST(Containers, ring_buffer_keeps_order_across_the_seam) {
  RingBuffer<int, 3> ring;
  int expected = 0;
  for (int i = 0; i != 20; i++) {
    ASSERT_TRUE(ring.push(i));
    if (ring.full()) {
      EXPECT_EQ(ring[0], expected);
      EXPECT_EQ(*ring.pop(), expected++);
    }
  }
  EXPECT_TRUE(ring.push(99));
  EXPECT_FALSE(ring.push(100));
  EXPECT_TRUE(ring.push_dropping_oldest(100));
  EXPECT_EQ(*ring.pop(), 19);
}

TEST(Containers, fixed_string_keeps_the_front) {
  FixedString<4> s;
  EXPECT_FALSE(s.assign("hello"));
  EXPECT_EQ(s.view(), "hell");
  EXPECT_STREQ(s.c_str(), "hell");
}

enum class Timer { A, B, COUNT };

TEST(Containers, timers_fire_once_and_only_when_due) {
  TimerTable<Timer> timers;
  EXPECT_EQ(timers.next(), Instant::NEVER);
  timers.arm(Timer::A, Instant{9});
  timers.arm(Timer::B, Instant{7});
  EXPECT_EQ(timers.next(), Instant{7});
  EXPECT_FALSE(timers.due(Timer::A, Instant{8}));
  EXPECT_FALSE(timers.due(Timer::A, Instant{4}, microseconds(4)));
  EXPECT_TRUE(timers.due(Timer::A, Instant{5}, microseconds(4)));
  EXPECT_FALSE(timers.due(Timer::A, Instant{50}));
  EXPECT_TRUE(timers.is_armed(Timer::B));
}

TEST(Containers, secrets_are_wiped) {
  alignas(Secret<4>) uint8_t room[sizeof(Secret<4>)]{};
  auto *secret = new (room) Secret<4>(Bytes<4>{1, 2, 3, 4});
  EXPECT_TRUE(ct_equal(secret->bytes(), Bytes<4>{1, 2, 3, 4}));
  secret->~Secret();
  const volatile uint8_t *after = room;  // volatile: what was there is to be read, not concluded
  for (size_t i = 0; i != sizeof(room); i++)
    EXPECT_EQ(after[i], 0) << i;
}

}  // namespace
}  // namespace microlink
