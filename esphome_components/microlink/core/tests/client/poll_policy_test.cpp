// SPDX-License-Identifier: MIT
#include "microlink/client/poll_policy.h"

#include <gtest/gtest.h>

namespace microlink::client {
namespace {

const netmap::Want EIGHT(IpAddress::v4(100, 64, 0, 8));
const netmap::Want NINE(IpAddress::v4(100, 64, 0, 9));

constexpr Instant at(int64_t second) { return Instant{} + seconds(second); }

/// When a poll may begin for somebody who is wanted at that second.
constexpr Instant soon(int64_t second) { return at(second) + PollPolicy::GATHER; }

TEST(PollPolicy, three_in_a_burst_then_one_every_thirty_seconds) {
  PollPolicy policy;
  EXPECT_FALSE(policy.begin(at(0))) << "nobody is wanted";
  for (int64_t i = 0; i != 3; i++) {
    EXPECT_TRUE(policy.want(at(i), NINE));
    EXPECT_FALSE(policy.begin(at(i))) << "others may follow";
    EXPECT_TRUE(policy.begin(soon(i)));
    EXPECT_FALSE(policy.begin(soon(i))) << "one at a time";
    policy.end(soon(i));
  }
  EXPECT_TRUE(policy.want(at(3), NINE));
  EXPECT_FALSE(policy.begin(soon(3)));
  EXPECT_EQ(policy.next_timeout(), soon(32));
  EXPECT_FALSE(policy.begin(soon(31)));
  EXPECT_TRUE(policy.begin(soon(32)));
  policy.end(at(33));
  EXPECT_TRUE(policy.want(at(200), NINE));
  EXPECT_TRUE(policy.begin(soon(200)));
}

TEST(PollPolicy, only_what_is_urgent_is_polled_for_while_it_is_to_be_quiet) {
  PollPolicy policy;
  policy.set_quiet(true);
  policy.want_later(at(3));
  EXPECT_EQ(policy.next_timeout(), Instant::NEVER);
  EXPECT_TRUE(policy.want(at(4), NINE));
  EXPECT_EQ(policy.next_timeout(), at(3));
  EXPECT_TRUE(policy.begin(at(4)));
  policy.end(at(5));
  policy.want_later(at(6));
  policy.set_quiet(false);
  EXPECT_EQ(policy.next_timeout(), at(6));
}

TEST(PollPolicy, one_for_somebody_who_found_no_room_waits_and_one_that_failed_does_not_count) {
  PollPolicy policy;
  policy.want_later(at(3));
  EXPECT_TRUE(policy.only_later());
  EXPECT_EQ(policy.next_timeout(), at(3));
  EXPECT_FALSE(policy.begin(at(2)));
  for (int i = 0; i != 2 * PollPolicy::BURST; i++) {
    EXPECT_TRUE(policy.begin(at(3)));
    policy.cancel();
    policy.want_later(at(3));
  }
  EXPECT_TRUE(policy.want(at(3), NINE));
  EXPECT_FALSE(policy.only_later());
  policy.end(at(4));  // a full map came by itself
  EXPECT_EQ(policy.next_timeout(), Instant::NEVER);
}

TEST(PollPolicy, who_was_not_found_is_not_asked_for_again_for_a_minute) {
  PollPolicy policy;
  policy.note_missing(at(10), NINE);
  EXPECT_FALSE(policy.want(at(69), NINE));
  EXPECT_TRUE(policy.want(at(69), EIGHT));
  EXPECT_TRUE(policy.want(at(70), NINE));
}

netmap::Want stranger(uint8_t number) {
  NodePublic key{};
  key.bytes[31] = number;
  return netmap::Want::by_stranger(key);
}

TEST(PollPolicy, strangers_leave_one_of_the_burst_to_who_is_wanted_here) {
  PollPolicy policy;
  for (uint8_t i = 0; i != 2; i++) {
    EXPECT_TRUE(policy.want(at(i), stranger(i)));
    EXPECT_TRUE(policy.begin(soon(i)));
    policy.end(soon(i));
  }
  EXPECT_TRUE(policy.want(at(2), stranger(2)));
  EXPECT_FALSE(policy.begin(soon(2)));
  EXPECT_EQ(policy.next_timeout(), soon(31));
  EXPECT_TRUE(policy.want(at(3), NINE));
  EXPECT_TRUE(policy.begin(soon(3)));
}

TEST(PollPolicy, thirty_strangers_do_not_make_it_forget_who_was_missing) {
  PollPolicy policy;
  policy.note_missing(at(10), NINE);
  for (uint8_t i = 0; i != 30; i++)
    policy.note_missing(at(11), stranger(i));
  EXPECT_TRUE(policy.is_missing(at(12), NINE));
  EXPECT_TRUE(policy.is_missing(at(12), stranger(29)));
  EXPECT_FALSE(policy.is_missing(at(12), stranger(1)));
}

}  // namespace
}  // namespace microlink::client
