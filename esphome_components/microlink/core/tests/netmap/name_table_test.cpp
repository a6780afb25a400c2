// SPDX-License-Identifier: MIT
#include "microlink/netmap/name_table.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/seeded_random.h"

namespace microlink::netmap {
namespace {

TEST(NameTable, keeps_a_name_for_each_slot) {
  NameTable names;
  EXPECT_EQ(names.get(0).view(), "");
  EXPECT_TRUE(names.set(2, "phone.tail1234.ts.net"));
  EXPECT_TRUE(names.set(0, "sensor.tail1234.ts.net"));
  EXPECT_TRUE(names.set(1, "guest.other.ts.net"));
  EXPECT_TRUE(names.set(3, "plain"));
  EXPECT_FALSE(names.set(2, "phone.tail1234.ts.net")) << "nothing new";
  EXPECT_EQ(names.get(0).view(), "sensor.tail1234.ts.net");
  EXPECT_EQ(names.get(1).view(), "guest.other.ts.net");
  EXPECT_EQ(names.get(2).view(), "phone.tail1234.ts.net");
  EXPECT_EQ(names.get(3).view(), "plain");
  EXPECT_TRUE(names.set(0, ""));
  EXPECT_EQ(names.get(0).view(), "");
  EXPECT_EQ(names.get(2).view(), "phone.tail1234.ts.net");
}

TEST(NameTable, another_tailnets_names_take_over_when_nobody_of_the_first_is_left) {
  NameTable names;
  (void) names.set(0, "a.first.ts.net");
  (void) names.set(1, "b.second.ts.net");
  (void) names.set(0, "c.second.ts.net");
  (void) names.set(1, "d.second.ts.net");
  EXPECT_EQ(names.get(0).view(), "c.second.ts.net");
  EXPECT_EQ(names.get(1).view(), "d.second.ts.net");
}

TEST(NameTable, holds_a_full_table_of_one_tailnet_with_names_of_22_letters) {
  NameTable names;
  for (size_t slot = 0; slot != MAX_PEERS; slot++)
    (void) names.set(slot, std::string(20, 'x') + std::to_string(10 + slot) + ".tail0123456.ts.net");
  for (size_t slot = 0; slot != MAX_PEERS; slot++)
    EXPECT_EQ(names.get(slot).view(), std::string(20, 'x') + std::to_string(10 + slot) + ".tail0123456.ts.net");
}

TEST(NameTable, what_finds_no_room_is_cut_so_that_it_names_nobody) {
  NameTable names;
  const std::string longest(MAX_NODE_NAME_BYTES, 'n');
  size_t slot = 0;
  while (names.set(slot, longest) && names.get(slot) == longest)
    slot++;
  ASSERT_LT(slot, MAX_PEERS);
  EXPECT_GE(slot, NAME_TABLE_BYTES / MAX_NODE_NAME_BYTES);
  for (size_t i = slot; i != MAX_PEERS; i++) {
    (void) names.set(i, "short.ts.net");
    EXPECT_TRUE(names.get(i).empty() || names.get(i).view().back() == '~' || names.get(i) == "short.ts.net");
  }
  (void) names.set(0, "");
  EXPECT_TRUE(names.set(MAX_PEERS - 1, "short.ts.net"));
  EXPECT_EQ(names.get(MAX_PEERS - 1).view(), "short.ts.net") << "there is room again";
}

/// Against names that are kept one by one, as long as there is room.
TEST(NameTable, changes_of_one_name_leave_the_others_alone) {
  testing::SeededRandom random(11);
  NameTable names;
  std::array<std::string, MAX_PEERS> model;
  const std::array<std::string, 4> tails{".tail1234.ts.net", ".other.ts.net", "", ".x"};
  for (int i = 0; i != 5'000; i++) {
    const size_t slot = random.below(MAX_PEERS);
    const uint32_t kind = random.below(8);
    const std::string name =
        kind == 7 ? "" : std::string(1 + random.below(18), static_cast<char>('a' + random.below(26))) + tails[kind % 4];
    (void) names.set(slot, name);
    model[slot] = name;
    for (size_t j = 0; j != MAX_PEERS; j++) {
      const tailcfg::NodeName got = names.get(j);
      if (got.view() == model[j])
        continue;
      ASSERT_TRUE(got.empty() || got.view().back() == '~') << got.view() << " is not " << model[j];
      model[j] = got.view();
    }
  }
}

}  // namespace
}  // namespace microlink::netmap
