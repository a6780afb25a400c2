// SPDX-License-Identifier: MIT
/// How often a node wakes up, counted in virtual time: what may come a little early waits for nobody, and so comes
/// together with something else. `script/bench idle` counts the same in real time, with a chip's loop around it.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr size_t PEERS = 8;

/// A node that has a session with each of PEERS others, all over UDP; they began 170 ms after each other.
class Wakes : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto &node : this->world.nodes)
      node->start();
    this->world.run_for(seconds(2));
    this->world.send_maps(0);
    this->world.run_for(seconds(5));
    this->greet();
    ASSERT_EQ(this->node().received.size(), PEERS);
    for (size_t i = 0; i != PEERS; i++)
      ASSERT_TRUE(this->node().client().peer(i).direct.is_set());
  }
  Node &node() { return *this->world.nodes[0]; }
  /// A packet from each peer, and one for it.
  void greet() {
    for (size_t peer = 1; peer <= PEERS; peer++) {
      this->world.nodes[peer]->send(udp_packet(peer, 0, 100));
      this->node().send(udp_packet(0, peer, 100));
      this->world.run_for(milliseconds(170));
    }
  }
  void keep_alive() {
    for (const auto &node : this->world.nodes)
      node->send_keep_alives();
  }

  World world{World::Options{.nodes = PEERS + 1, .watch_others = false}};
};

TEST_F(Wakes, of_an_idle_node_are_the_servers_keep_alives_and_little_else) {
  for (int minute = 0; minute != 5; minute++) {  // sessions end, paths fall asleep
    this->world.run_for(seconds(60));
    this->keep_alive();
  }
  const size_t before = this->node().wakes;
  constexpr int MINUTES = 30;
  for (int minute = 0; minute != MINUTES; minute++) {
    this->world.run_for(seconds(60));
    this->keep_alive();
  }
  const size_t wakes = this->node().wakes - before;
  std::printf("idle, %zu sessions before: %.2f wake-ups a minute\n", PEERS, static_cast<double>(wakes) / MINUTES);
  EXPECT_GE(wakes, size_t{MINUTES}) << "the keep-alives";
  EXPECT_LE(wakes, size_t{MINUTES} * 5 / 2) << "no STUN server answers here, which is looked at once a minute";
}

TEST_F(Wakes, by_the_timers_of_many_active_peers_are_as_many_as_by_those_of_one) {
  constexpr int ROUNDS = 12;
  this->greet();
  size_t alarms = 0;
  for (int round = 0; round != ROUNDS; round++) {
    const size_t before = this->node().alarms;
    this->world.run_for(seconds(30));  // nobody has anything to say, and all paths are kept alive
    alarms += this->node().alarms - before;
    this->greet();
  }
  const double a_minute = alarms * 2.0 / ROUNDS;
  std::printf("%zu active peers: %.2f timers a minute\n", PEERS, a_minute);
  // Heartbeats of one peer are 20 a minute, and looking for a STUN server, where none answers, is as much again. Each
  // at its own time, those of all peers would be 178.
  EXPECT_LE(a_minute, 60);
}

}  // namespace
}  // namespace microlink::testing
