// SPDX-License-Identifier: MIT
#include "microlink/netmap/wants.h"

#include <gtest/gtest.h>

#include "tests/netmap/bench.h"

namespace microlink::netmap {
namespace {

using testing::Bench;
using testing::key_text;
using testing::node;

bool is_wanted(Bench &bench, const std::string &text) { return bench.netmap.wants().contains(*Want::of(text)); }

TEST(Want, one_peer_however_it_is_written) {
  EXPECT_EQ(*Want::of("Kitchen"), *Want::of("kitchen."));
  EXPECT_EQ(*Want::of("100.64.0.9"), Want(*parse_ip("100.64.0.9")));
  EXPECT_EQ(*Want::of("fd7a:115c:a1e0:0:0::9"), *Want::of("fd7a:115c:a1e0::9"));
  const auto key = NodePublic::parse(key_text("nodekey:", 9));
  EXPECT_EQ(*Want::of(key_text("nodekey:", 9)), Want(*key));
  EXPECT_FALSE(*Want::of("kitchen") == *Want::of("kitchens"));
  EXPECT_FALSE(Want::of(""));
  EXPECT_FALSE(Want::of(std::string(100, 'x')));
}

TEST(Want, selects_by_key_address_route_name_and_short_name_of_the_own_tailnet) {
  const auto key = NodePublic::parse(key_text("nodekey:", 9));
  FixedVector<Prefix, 2> addresses;
  ASSERT_TRUE(addresses.push_back(*parse_prefix("100.64.0.9/32")));
  ASSERT_TRUE(addresses.push_back(*parse_prefix("fd7a:115c:a1e0::9/128")));
  tailcfg::AllowedIps routes;
  ASSERT_TRUE(routes.push_back(*parse_prefix("192.168.7.0/24")) && routes.push_back(*parse_prefix("0.0.0.0/0")));
  const Subject subject{"kitchen.t.ts.net", "t.ts.net", *key, addresses, routes, {}};
  for (const char *text : {"kitchen", "KITCHEN.", "kitchen.t.ts.net", "Kitchen.T.ts.net.", "100.64.0.9",
                           "fd7a:115c:a1e0::9", "192.168.7.1"})
    EXPECT_TRUE(Want::of(text)->selects(subject)) << text;
  EXPECT_TRUE(Want(*key).selects(subject));
  for (const char *text : {"kitche", "kitchen.t", "t.ts.net", "100.64.0.8", "192.168.8.1", "9.9.9.9"})
    EXPECT_FALSE(Want::of(text)->selects(subject)) << text;
  const Subject shared{"kitchen.other.ts.net", "t.ts.net", *key, addresses, routes, {}};
  EXPECT_FALSE(Want::of("kitchen")->selects(shared));
  EXPECT_TRUE(Want::of("kitchen.other.ts.net")->selects(shared));
  EXPECT_FALSE(Want{}.selects(subject));
}

TEST(Wants, the_oldest_goes_when_there_are_too_many) {
  Wants wants;
  for (size_t i = 0; i != Wants::MAX + 1; i++)
    wants.add(*Want::of("n" + std::to_string(i)));
  wants.add(*Want::of("N1"));  // known already
  EXPECT_EQ(wants.size(), Wants::MAX);
  EXPECT_FALSE(wants.contains(*Want::of("n0")));
  EXPECT_TRUE(wants.contains(*Want::of("n1")));
}

TEST(Wants, thirty_strangers_take_four_places_and_those_of_nobody_else) {
  const auto stranger = [](int64_t i) { return Want::by_stranger(*NodePublic::parse(key_text("nodekey:", i))); };
  Wants wants;
  wants.add(*Want::of("kitchen"));
  for (int64_t i = 0; i != 30; i++)
    wants.add(stranger(i));
  EXPECT_EQ(wants.size(), 1 + Wants::MAX_BY_STRANGERS);
  EXPECT_TRUE(wants.contains(*Want::of("kitchen")));
  EXPECT_TRUE(wants.contains(stranger(29)));
  EXPECT_FALSE(wants.contains(stranger(25)));
  for (size_t i = 0; i != Wants::MAX - 1; i++)
    wants.add(*Want::of("n" + std::to_string(i)));
  EXPECT_EQ(wants.size(), Wants::MAX);
  EXPECT_TRUE(wants.contains(*Want::of("kitchen"))) << "strangers go first";
  wants.add(stranger(30));
  EXPECT_FALSE(wants.contains(stranger(30)));
  EXPECT_TRUE(wants.contains(*Want::of("kitchen")));
}

TEST(Wants, twenty_strangers_find_their_place_in_one_map) {
  Bench bench;
  std::string peers;
  for (int64_t id = 1; id <= 1000; id++)
    peers += (id == 1 ? "" : ",") + node(id);
  const std::string map = "{\"Peers\":[" + peers + "]}";
  bench.feed(map);
  for (int64_t id = 501; id <= 520; id++)
    bench.netmap.want(*Want::of("n" + std::to_string(id)));
  bench.feed(map);
  EXPECT_EQ(bench.ids().size(), MAX_PEERS);
  EXPECT_EQ(*bench.ids().begin(), 501);
  EXPECT_EQ(bench.netmap.wants().size(), 20 - MAX_PEERS);
  EXPECT_FALSE(bench.netmap.wants().take_missing()) << "they are there, the table is full";
  EXPECT_TRUE(bench.netmap.wants().wait_for_room());
  EXPECT_FALSE(bench.netmap.has_room_for_wanted());
  for (size_t slot = 0; slot != MAX_PEERS; slot++)
    bench.netmap.set_idle(bench.netmap.at(slot), Netmap::IDLE_YIELDS);
  bench.feed(map);
  EXPECT_EQ(bench.netmap.wants().size(), 0U);
  EXPECT_TRUE(bench.netmap.find(520).is_set());
}

TEST(Wants, a_want_of_the_middle_of_a_map_waits_for_the_next_one) {
  Bench bench;
  bench.netmap.want(*Want::of("nobody"));
  bench.netmap.peers_begin();
  bench.netmap.want(*Want::of("late"));
  bench.netmap.peers_end();
  EXPECT_TRUE(bench.netmap.wants().has_unasked());
  EXPECT_EQ(bench.netmap.wants().take_missing(), Want::of("nobody"));
  EXPECT_FALSE(bench.netmap.wants().take_missing());
  EXPECT_TRUE(is_wanted(bench, "late"));
  bench.netmap.peers_begin();
  bench.netmap.peers_end();
  EXPECT_FALSE(bench.netmap.wants().has_unasked());
  EXPECT_EQ(bench.netmap.wants().take_missing(), Want::of("late"));
}

TEST(Wants, one_that_never_finds_room_is_given_up) {
  Bench bench;
  std::string peers;
  for (int64_t id = 1; id <= static_cast<int64_t>(MAX_PEERS) + 1; id++)
    peers += (id == 1 ? "" : ",") + node(id);
  bench.feed("{\"Peers\":[" + peers + "]}");
  for (int64_t id = 1; id <= static_cast<int64_t>(MAX_PEERS); id++)
    bench.netmap.set_live(bench.netmap.find(id), true);
  bench.netmap.want(*Want::of("n" + std::to_string(MAX_PEERS + 1)));
  bench.feed("{\"Peers\":[" + peers + "]}");
  for (uint8_t chance = 1; chance != Wants::MAX_CHANCES; chance++)
    EXPECT_TRUE(bench.netmap.wants().wait_for_room());
  EXPECT_FALSE(bench.netmap.wants().wait_for_room());
  EXPECT_EQ(bench.netmap.wants().size(), 0U);
}

}  // namespace
}  // namespace microlink::netmap
