// SPDX-License-Identifier: MIT
#include "microlink/base/time.h"

#include <gtest/gtest.h>

namespace microlink {
namespace {

TEST(WallTime, of_calendar_dates) {
  EXPECT_EQ(wall_time_of(1970, 1, 1, 0, 0, 0), wall_seconds(0));
  EXPECT_EQ(wall_time_of(2000, 2, 29, 12, 0, 1), wall_seconds(951'825'601));
  EXPECT_EQ(wall_time_of(2030, 1, 1, 0, 0, 0), wall_seconds(1'893'456'000));
  EXPECT_EQ(wall_time_of(2100, 3, 1, 0, 0, 0), wall_seconds(4'107'542'400));
  EXPECT_EQ(wall_time_of(9999, 12, 31, 23, 59, 59), wall_seconds(253'402'300'799));
}

TEST(Instant, that_is_never_stays_never) {
  constexpr Instant NEVER = Instant::NEVER + seconds(-1);
  static_assert(NEVER == Instant::NEVER);
  volatile int64_t second = 1;
  EXPECT_EQ(Instant::NEVER + seconds(second), Instant::NEVER);
  EXPECT_EQ(Instant::NEVER - seconds(second), Instant::NEVER);
  EXPECT_EQ(static_cast<Instant>(5) + seconds(second), static_cast<Instant>(1'000'005));
}

}  // namespace
}  // namespace microlink
