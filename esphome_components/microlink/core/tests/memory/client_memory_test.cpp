// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdio>

#include "microlink/client/core.h"
#include "tests/memory/allocations.h"
#include "tests/memory/world.h"

namespace microlink::testing {

namespace {

/// Starts both nodes, lets them register, and gives them their first map with `others` further peers.
void bring_online(World &world, size_t others) {
  for (const auto &node : world.nodes)
    node->start();
  world.run_for(seconds(2));
  for (const auto &node : world.nodes)
    ASSERT_EQ(node->control.registrations, 1U);
  world.send_maps(others);
  world.run_for(seconds(5));
  for (const auto &node : world.nodes)
    ASSERT_EQ(node->client().status().state, State::ONLINE);
}

/// Packets of every size class both ways, a round each second.
void talk(World &world, int rounds) {
  for (int i = 0; i != rounds; i++) {
    world.nodes[0]->send(udp_packet(0, 1, 1280));
    world.run_for(milliseconds(100));
    world.nodes[1]->send(udp_packet(1, 0, 100));
    world.run_for(milliseconds(900));
    if (i % 60 == 59) {
      for (const auto &node : world.nodes)
        node->send_keep_alives();
    }
  }
}

class AfterStart : public ::testing::TestWithParam<bool> {};

TEST_P(AfterStart, nothing_is_allocated_on_any_path) {
  const bool relay_only = GetParam();
  World world(relay_only);
  reset_allocations();  // what the constructors took is not after start
  bring_online(world, 40);
  talk(world, 200);  // beyond a WireGuard session's life: keys are made anew
  EXPECT_GT(world.nodes[0]->received.size(), 190U);
  EXPECT_GT(world.nodes[1]->received.size(), 190U);
  EXPECT_EQ(world.nodes[0]->client().peer(0).direct.is_set(), !relay_only);
  world.nodes[0]->send_map(R"({"PeersRemoved":[4,5],"PeersChangedPatch":[{"NodeID":6,"Online":true}]})");
  world.nodes[0]->send_map(world.map_for(0, 10));
  world.run_for(seconds(30));
  for (const auto &node : world.nodes) {
    EXPECT_EQ(node->client().statistics().control_connects, 1U);  // it brought the key and serves the session
    EXPECT_EQ(node->client().statistics().relay_connects, 1U);
  }
  EXPECT_EQ(allocations().calls, 0U);
  std::printf(
      "%s: %zu allocations by the core after start; TLS: %zu, %zu bytes at the most, %zu in the end (2 nodes)\n",
      relay_only ? "relayed" : "direct", allocations().calls, tls_allocations().calls, tls_allocations().peak,
      tls_allocations().live);
}

INSTANTIATE_TEST_SUITE_P(Paths, AfterStart, ::testing::Values(false, true));

TEST(Tailnet, its_size_does_not_change_what_a_node_needs) {
  size_t peaks[3]{};
  size_t *peak = peaks;
  for (const size_t peers : {10U, 1'000U, 10'000U}) {
    reset_allocations();
    World world;
    bring_online(world, peers - 1);
    talk(world, 5);
    EXPECT_EQ(world.nodes[0]->client().status().peers_in_tailnet, peers);
    EXPECT_GE(world.nodes[1]->received.size(), 4U);
    *peak++ = allocations().peak / world.nodes.size();
    std::printf("%zu peers in the tailnet: peak heap %zu bytes a node, TLS apart\n", peers, peak[-1]);
  }
  EXPECT_EQ(peaks[0], peaks[1]);
  EXPECT_EQ(peaks[0], peaks[2]);
  EXPECT_LE(peaks[0], sizeof(client::Core) + 64);
  EXPECT_LE(peaks[0], CLIENT_BUDGET_BYTES + (sizeof(void *) == 4 ? 64 : 4'000));  // pointers of 64 bits are not in it
}

TEST(TlsHandshakes, take_turns) {
  World world({.tls = true, .has_port_80 = false});
  bring_online(world, 3);
  world.most_handshakes = 0;
  const auto before = world.nodes[0]->client().statistics();
  for (const auto &node : world.nodes)
    node->change_network();
  world.run_for(seconds(10));
  EXPECT_EQ(world.most_handshakes, 1U);
  EXPECT_EQ(world.nodes[0]->client().statistics().relay_connects, before.relay_connects + 1);
  EXPECT_GT(world.nodes[0]->client().statistics().control_connects, before.control_connects);
}

TEST(TlsSessions, are_three_at_most_and_the_relay_of_a_peers_region_gives_way) {
  World world({.relay_only = true, .tls = true, .has_port_80 = false, .two_regions = true});
  bring_online(world, 3);
  world.nodes[0]->send(udp_packet(0, 1, 100));
  world.run_for(seconds(5));
  ASSERT_EQ(world.nodes[0]->sessions(), 3U) << "control, the home relay and another one";
  world.nodes[0]->send_map(R"({"PingRequest":{"URL":"https://control.wild.example/ping/1"}})");
  world.run_for(seconds(5));
  EXPECT_EQ(world.nodes[0]->control.pings, 1U);
  EXPECT_EQ(world.most_sessions, 3U);
  EXPECT_EQ(world.nodes[0]->sessions(), 2U) << "the relay of the peer's region gave way";
  EXPECT_EQ(world.nodes[0]->client().status().state, State::ONLINE);
  const size_t received = world.nodes[1]->received.size();
  world.nodes[0]->send(udp_packet(0, 1, 100));
  world.run_for(seconds(5));
  EXPECT_EQ(world.nodes[1]->received.size(), received + 1);
  EXPECT_EQ(world.most_sessions, 3U);
}

TEST(Watch, sees_an_allocation) {
  reset_allocations();
  {
    const Watch watch;
    const std::vector<char> taken(100);
    EXPECT_EQ(taken.size(), 100U);
  }
  EXPECT_EQ(allocations().calls, 1U);
  EXPECT_GE(allocations().peak, 100U);
  reset_allocations();
}

}  // namespace

}  // namespace microlink::testing
