// SPDX-License-Identifier: MIT
#include "microlink/client/poll_policy.h"

#include <gtest/gtest.h>

namespace microlink::client {
namespace {

constexpr Instant at(int64_t second) { return Instant{} + seconds(second); }

TEST(PollPolicy, three_in_a_burst_then_one_every_thirty_seconds) {
  PollPolicy policy;
  EXPECT_FALSE(policy.begin(at(0))) << "nobody is wanted";
  for (int64_t i = 0; i != 3; i++) {
    EXPECT_TRUE(policy.want(at(i), "100.64.0.9"));
    EXPECT_TRUE(policy.begin(at(i)));
    EXPECT_FALSE(policy.begin(at(i))) << "one at a time";
    policy.end(at(i));
  }
  EXPECT_TRUE(policy.want(at(3), "100.64.0.9"));
  EXPECT_FALSE(policy.begin(at(3)));
  EXPECT_EQ(policy.next_timeout(), at(32));
  EXPECT_FALSE(policy.begin(at(31)));
  EXPECT_TRUE(policy.begin(at(32)));
  policy.end(at(33));
  EXPECT_TRUE(policy.want(at(200), "100.64.0.9"));
  EXPECT_TRUE(policy.begin(at(200)));
}

TEST(PollPolicy, who_was_not_found_is_not_asked_for_again_for_a_minute) {
  PollPolicy policy;
  policy.note_missing(at(10), "100.64.0.9");
  EXPECT_FALSE(policy.want(at(69), "100.64.0.9"));
  EXPECT_TRUE(policy.want(at(69), "100.64.0.8"));
  EXPECT_TRUE(policy.want(at(70), "100.64.0.9"));
}

}  // namespace
}  // namespace microlink::client
