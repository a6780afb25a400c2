// SPDX-License-Identifier: MIT
#include "microlink/magicsock/path.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace microlink::magicsock {
namespace {

using microlink::testing::load_vectors;
using microlink::testing::Value;

Path path_of(const Value &value) {
  return {*parse_endpoint(value["addr"].text()), milliseconds(value["latency_ms"].integer())};
}

TEST(IsBetter, agrees_with_the_vectors) {
  const auto cases = load_vectors("paths.json")["better_addr"];
  for (size_t i = 0; i != cases.size(); i++)
    EXPECT_EQ(is_better(path_of(cases[i]["a"]), path_of(cases[i]["b"])), cases[i]["a_better"].boolean()) << i;
}

TEST(IsBetter, prefers_any_path_to_none_and_never_itself) {
  const Path path{*parse_endpoint("192.0.2.1:1"), milliseconds(5)};
  EXPECT_TRUE(is_better(path, {}));
  EXPECT_FALSE(is_better({}, path));
  EXPECT_FALSE(is_better({}, {}));
  EXPECT_FALSE(is_better({path.endpoint, milliseconds(1)}, path));
}

TEST(IsWorthSwitching, leaves_a_path_for_a_clear_gain_only) {
  const Path current{*parse_endpoint("192.0.2.1:1"), milliseconds(20)};
  EXPECT_FALSE(is_worth_switching({*parse_endpoint("192.0.2.2:1"), milliseconds(19)}, current));
  EXPECT_FALSE(is_worth_switching({*parse_endpoint("192.0.2.2:1"), milliseconds(18)}, current));
  EXPECT_TRUE(is_worth_switching({*parse_endpoint("192.0.2.2:1"), milliseconds(12)}, current));
  EXPECT_TRUE(is_worth_switching({*parse_endpoint("192.168.1.2:1"), milliseconds(19)}, current));
}

TEST(IsWorthSwitching, never_takes_turns) {
  for (int a = 1; a != 60; a++) {
    for (int b = 1; b != 60; b++) {
      const Path first{*parse_endpoint("192.0.2.1:1"), milliseconds(a)};
      const Path second{*parse_endpoint("[2001:db8::1]:1"), milliseconds(b)};
      EXPECT_FALSE(is_worth_switching(first, second) && is_worth_switching(second, first));
    }
  }
}

}  // namespace
}  // namespace microlink::magicsock
