// SPDX-License-Identifier: MIT
#include "microlink/base/short_time.h"

#include <gtest/gtest.h>

namespace microlink {
namespace {

TEST(ShortTime, a_stamp_knows_its_age_also_across_the_wrap) {
  EXPECT_FALSE(Stamp().is_set());
  EXPECT_GT(Stamp().age(Instant{0}), seconds(1'000'000'000));
  const Instant wrap{(int64_t{1} << 32) * 1'000};
  for (const Instant at : {Instant{0}, Instant{5'000'000}, wrap - seconds(1), wrap, wrap + seconds(1)}) {
    const Stamp stamp(at);
    EXPECT_TRUE(stamp.is_set());
    EXPECT_LE(stamp.age(at), milliseconds(1));
    EXPECT_LE(stamp.age(at + seconds(3)), milliseconds(3'001));
    EXPECT_GE(stamp.age(at + seconds(3)), milliseconds(2'999));
    EXPECT_LE(stamp.at(at + seconds(3)) - at, milliseconds(1));
  }
}

TEST(ShortTime, a_deadline_is_not_due_before_its_time_and_survives_the_wrap) {
  EXPECT_EQ(Deadline().at(Instant{0}), Instant::NEVER);
  EXPECT_FALSE(Deadline().is_due(Instant{0}));
  EXPECT_FALSE(Deadline(Instant::NEVER).is_set());
  const Instant wrap{(int64_t{1} << 32) * 1'000};
  for (const Instant at : {Instant{1}, Instant{5'000'400}, wrap - microseconds(1), wrap, wrap + milliseconds(7)}) {
    const Deadline deadline(at);
    const Instant before = at - seconds(180);
    EXPECT_FALSE(deadline.is_due(before));
    EXPECT_GE(deadline.at(before), at);
    EXPECT_LE(deadline.at(before) - at, milliseconds(2));
    EXPECT_FALSE(deadline.is_due(deadline.at(before) - milliseconds(1)));
    EXPECT_TRUE(deadline.is_due(deadline.at(before)));
    EXPECT_TRUE(deadline.is_due(at + seconds(3600)));
  }
}

}  // namespace
}  // namespace microlink
