// SPDX-License-Identifier: MIT
/// Node keys that end by the clock: whole clients, a control server, virtual time.
#include <gtest/gtest.h>

#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr char ACCEPTED[] = R"({"User":{"ID":1},"Login":{"ID":1},"MachineAuthorized":true})";

/// `text` with `what` behind the first `where`.
std::string with(std::string text, const std::string &where, const std::string &what) {
  const size_t at = text.find(where);
  EXPECT_NE(at, std::string::npos);
  return text.insert(at + where.size(), what);
}

/// Two nodes that talk with each other; the first one's clock says 2030-01-01T00:00:00Z at its start.
class Expiry : public ::testing::Test {
 protected:
  void start(bool relay_only, WallTime wall = Node::WALL) {
    this->world.emplace(relay_only);
    this->node().start(wall);
    this->world->nodes[1]->start();
    this->world->run_for(seconds(2));
    this->world->send_maps(0);
    this->world->run_for(seconds(5));
    ASSERT_TRUE(this->both_talk());
  }
  Node &node() { return *this->world->nodes[0]; }
  Status status() { return this->node().client().status(); }
  ControlServer &control() { return this->node().control; }
  void patch_peer(const std::string &expiry) {
    this->node().send_map(R"({"PeersChangedPatch":[{"NodeID":2,"KeyExpiry":")" + expiry + "\"}]}");
    this->world->run_for(milliseconds(100));
  }
  /// Control says when the node's own key ends.
  void tell_self(const std::string &expiry) {
    this->node().send_map(this->map_with(expiry));
    this->world->run_for(milliseconds(100));
  }
  std::string map_with(const std::string &expiry) {
    return with(this->world->map_for(0, 0), "{\"Node\":{", "\"KeyExpiry\":\"" + expiry + "\",");
  }
  bool talks(size_t from, size_t to) {
    const size_t before = this->world->nodes[to]->received.size();
    this->world->nodes[from]->send(udp_packet(from, to, 100));
    this->world->run_for(milliseconds(500));
    return this->world->nodes[to]->received.size() == before + 1;
  }
  bool both_talk() { return this->talks(0, 1) && this->talks(1, 0); }
  bool none_talks() { return !this->talks(0, 1) && !this->talks(1, 0); }

  std::optional<World> world;
};

class ExpiryOfPeers : public Expiry, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Ways, ExpiryOfPeers, ::testing::Bool(),
                         [](const auto &way) { return way.param ? "relayed" : "direct"; });

TEST_P(ExpiryOfPeers, a_peer_is_out_of_reach_from_the_second_on_in_which_its_key_ends) {
  this->start(GetParam());
  this->patch_peer("2030-01-01T00:01:00Z");
  ASSERT_TRUE(this->both_talk());
  const PeerStatus before = this->node().client().peer(0);
  EXPECT_FALSE(before.expired);
  EXPECT_TRUE(before.handshake_age);
  this->world->run_for(seconds(60));
  const PeerStatus after = this->node().client().peer(0);
  EXPECT_TRUE(after.expired && !after.allowed);
  EXPECT_FALSE(after.handshake_age) << "the session is gone";
  EXPECT_FALSE(after.direct.is_set());
  EXPECT_TRUE(this->none_talks());
  for (int i = 0; i != 4; i++) {  // until the peer's own session is over: its handshake is not answered either
    this->world->run_for(seconds(50));
    this->node().send_keep_alives();
  }
  EXPECT_TRUE(this->none_talks());
  EXPECT_EQ(this->node().client().find(this->world->now, World::name_of(2)).error(), Error::UNKNOWN_PEER);
  EXPECT_FALSE(this->node().client().resolve(World::name_of(2)));
  EXPECT_EQ(this->node().client().ping(this->world->now, after.node_key), Error::UNKNOWN_PEER);
  EXPECT_EQ(this->status().state, State::ONLINE);
}

TEST_P(ExpiryOfPeers, a_patch_with_a_past_end_puts_a_peer_out_of_reach_and_a_later_end_brings_it_back) {
  this->start(GetParam());
  this->patch_peer("2029-12-31T00:00:00Z");
  EXPECT_TRUE(this->none_talks());
  this->patch_peer("2031-01-01T00:00:00Z");
  this->world->run_for(seconds(10));
  EXPECT_TRUE(this->both_talk());
}

TEST_F(Expiry, nobody_is_expired_while_there_is_no_clock_and_all_are_judged_when_it_is_set) {
  this->start(true, WallTime::UNKNOWN);
  this->patch_peer("2029-12-31T00:00:00Z");
  EXPECT_TRUE(this->both_talk());
  this->node().set_wall_time(wall_seconds(3600));  // 1970: a chip before SNTP
  this->world->run_for(seconds(1));
  EXPECT_TRUE(this->both_talk());
  this->node().set_wall_time(Node::WALL);
  this->world->run_for(seconds(1));
  EXPECT_TRUE(this->none_talks());
  this->node().set_wall_time(wall_seconds(1'861'920'000));  // 2029-01-01: the clock had been wrong
  this->world->run_for(seconds(10));
  EXPECT_TRUE(this->both_talk());
}

TEST_F(Expiry, control_tells_the_time_when_the_node_has_a_wrong_one) {
  this->start(true, wall_seconds(2'208'988'800));  // 2040-01-01
  this->node().send_map(R"({"ControlTime":"2030-01-01T00:00:00Z"})");
  this->patch_peer("2030-01-01T00:01:00Z");
  EXPECT_TRUE(this->both_talk());
  this->world->run_for(seconds(60));
  EXPECT_TRUE(this->none_talks());
}

TEST_F(Expiry, at_the_end_of_its_own_key_the_node_stops_and_asks_for_another) {
  this->start(true);
  std::string asked;
  this->control().answer_registration = [&](const std::string &body) {
    asked = body;
    return std::string(R"({"AuthURL":"https://control.example/a/1"})");
  };
  const std::string key = this->status().node_key.to_text().c_str();
  this->tell_self("2030-01-01T00:00:30Z");
  this->world->run_for(seconds(15));
  EXPECT_EQ(this->status().state, State::ONLINE) << "what control refuses ahead changes nothing";
  EXPECT_TRUE(this->both_talk());
  asked.clear();
  this->world->run_for(seconds(20));
  EXPECT_EQ(text_member(asked, "OldNodeKey"), key);
  EXPECT_EQ(this->status().state, State::NEEDS_LOGIN);
  EXPECT_EQ(this->status().login_url, "https://control.example/a/1");
  EXPECT_TRUE(this->none_talks());
}

TEST_F(Expiry, a_node_whose_key_ended_goes_on_with_the_one_that_control_gives_it) {
  this->start(true);
  this->control().answer_registration = [](const std::string &body) {
    return body.find("\"OldNodeKey\"") != std::string::npos ? std::string(ACCEPTED) : "{\"NodeKeyExpired\":true}";
  };
  const NodePublic key = this->status().node_key;
  this->tell_self("2029-12-31T00:00:00Z");
  this->world->run_for(seconds(5));
  EXPECT_NE(this->status().node_key, key);
  this->world->send_maps(0);
  this->world->run_for(seconds(10));
  EXPECT_EQ(this->status().state, State::ONLINE);
  EXPECT_TRUE(this->both_talk());
}

TEST_F(Expiry, a_server_that_gives_no_key_any_life_is_not_flooded) {
  this->start(true);
  this->tell_self("2029-12-31T00:00:00Z");
  const size_t before = this->control().registrations;
  for (int second = 0; second != 120; second++) {
    this->world->run_for(seconds(1));
    this->tell_self("2029-12-31T00:00:00Z");
  }
  EXPECT_GE(this->control().registrations - before, 2U);
  EXPECT_LE(this->control().registrations - before, 5U);
}

TEST_F(Expiry, a_key_is_replaced_before_it_ends_and_traffic_goes_on) {
  this->start(true);
  const NodePublic key = this->status().node_key;
  this->tell_self("2030-01-01T00:01:00Z");
  this->world->run_for(seconds(20));
  EXPECT_EQ(this->status().node_key, key);
  this->world->run_for(seconds(20));
  EXPECT_NE(this->status().node_key, key);
  this->world->nodes[0]->send_map(this->map_with("2030-07-01T00:00:00Z"));
  this->world->nodes[1]->send_map(this->world->map_for(1, 0));
  this->world->run_for(seconds(60));
  EXPECT_EQ(this->status().state, State::ONLINE);
  EXPECT_TRUE(this->both_talk());
}

TEST_F(Expiry, a_key_that_ends_in_months_is_replaced_a_week_before_and_a_refusal_is_asked_again_ever_later) {
  this->start(true);
  std::vector<int64_t> asked;  // hours before the end
  this->control().answer_registration = [&](const std::string &) {
    const Duration since_start = this->world->now - Instant{1'000'000};
    asked.push_back(90 * 24 - to_milliseconds(since_start) / 3'600'000);
    return std::string(R"({"Error":"log in first"})");
  };
  const NodePublic key = this->status().node_key;
  this->tell_self("2030-04-01T00:00:00Z");
  for (int hour = 0; hour != 90 * 24 - 1; hour++) {
    for (int minute = 0; minute != 60; minute++) {
      this->world->run_for(seconds(60));
      for (const auto &node : this->world->nodes)
        node->send_keep_alives();
    }
    ASSERT_EQ(this->status().state, State::ONLINE);
  }
  EXPECT_EQ(this->status().node_key, key);
  EXPECT_EQ(this->status().message, "log in first");
  ASSERT_GE(asked.size(), 4U);
  EXPECT_LE(asked.size(), 9U);
  EXPECT_NEAR(asked[0], 7 * 24, 2);
  EXPECT_NEAR(asked[1], 7 * 12, 2);
  EXPECT_NEAR(asked[2], 7 * 6, 2);
}

}  // namespace
}  // namespace microlink::testing
