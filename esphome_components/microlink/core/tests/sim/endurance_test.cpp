// SPDX-License-Identifier: MIT
/// Long lives and hostile neighbours, with the number of packets as the measure.
#include <gtest/gtest.h>

#include "tests/sim/network.h"

namespace microlink::sim {
namespace {

unsigned any_seed() { return std::random_device{}() % 1'000'000; }

TEST(Endurance, a_day_of_idleness_costs_next_to_nothing) {
  Network network(any_seed());
  SCOPED_TRACE(::testing::Message() << "seed " << network.seed);
  Node &a = network.add(NatModel::EASY);
  Node &b = network.add(NatModel::EASY);
  network.start();
  network.chat(a, b, milliseconds(500), seconds(5));
  network.run_for(seconds(60));
  a.udp_sent = a.relay_sent = 0;
  network.run_for(seconds(24 * 3600));
  // Two STUN requests every five minutes, nothing else.
  EXPECT_LE(a.udp_sent, 2U * 12 * 24 + 4);
  EXPECT_EQ(a.relay_sent, 0U);
}

TEST(Endurance, a_day_of_traffic_stays_direct_and_moderate) {
  Network network(any_seed());
  SCOPED_TRACE(::testing::Message() << "seed " << network.seed);
  Node &a = network.add(NatModel::EASY);
  Node &b = network.add(NatModel::CONE);
  network.start();
  network.weather = {milliseconds(10), milliseconds(5), 1, 1};
  network.chat(a, b, milliseconds(500), seconds(10));
  a.udp_sent = a.relay_sent = b.direct_packets = a.path_changes = 0;
  network.chat(a, b, seconds(1), seconds(24 * 3600));
  EXPECT_TRUE(network.is_direct(a, b));
  constexpr size_t DAY = 24 * 3600;
  EXPECT_GT(b.direct_packets, DAY * 97 / 100);
  EXPECT_LT(a.relay_sent, DAY / 20);
  // Data, heartbeats of both, STUN: on average less than one packet a second besides the data.
  EXPECT_LT(a.udp_sent, DAY * 2);
  EXPECT_LT(a.path_changes, 200U);
}

TEST(Endurance, random_disturbances_never_silence_a_pair_for_long) {
  const unsigned base = any_seed();
  for (unsigned seed = base; seed != base + 10; seed++) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Network network(seed);
    std::mt19937 chance(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    for (int i = 0; i != 60; i++) {
      switch (chance() % 6) {
        case 0:
          b.nat->rebind();
          break;
        case 1:
          a.nat->rebind();
          break;
        case 2:
          b.plugged = !b.plugged;
          break;
        case 3:
          network.restart(chance() % 2 == 0 ? a : b);
          break;
        case 4:
          network.weather = {milliseconds(chance() % 100), milliseconds(chance() % 100),
                             static_cast<unsigned>(chance() % 40), static_cast<unsigned>(chance() % 40)};
          break;
        case 5:
          a.sock.link_changed(network.now);
          network.pump(a);
          break;
      }
      network.chat(a, b, milliseconds(200), seconds(7));
      const size_t before = a.direct_packets + a.relayed_packets;
      network.chat(a, b, milliseconds(200), seconds(5));
      ASSERT_GT(a.direct_packets + a.relayed_packets, before) << "round " << i;
    }
    b.plugged = true;
    network.weather = {};
    network.chat(a, b, milliseconds(200), seconds(40));
    EXPECT_TRUE(network.is_direct(a, b));
    EXPECT_TRUE(network.is_direct(b, a));
  }
}

TEST(Storms, a_full_table_that_finds_no_path_stays_bounded) {
  Network network(any_seed());
  SCOPED_TRACE(::testing::Message() << "seed " << network.seed);
  std::vector<Node *> all;
  for (size_t i = 0; i != MAX_PEERS; i++)
    all.push_back(&network.add(NatModel::HARD));
  network.start();
  for (Node *node : all)
    node->udp_sent = node->relay_sent = 0;
  constexpr size_t SECONDS = 60;
  size_t requests = 0;
  for (size_t second = 0; second != SECONDS; second++) {
    for (Node *from : all) {
      for (Node *to : all) {
        if (from == to)
          continue;
        network.send(*from, *to);
        requests++;
      }
    }
    network.run_for(seconds(1));
  }
  size_t disco = 0;
  size_t calls = 0;
  for (Node *node : all) {
    disco += node->udp_sent;
    calls += node->sock.counters().tx_call_me_maybe;
  }
  const size_t pairs = MAX_PEERS * (MAX_PEERS - 1);
  // For each pair: one CallMeMaybe in five seconds; pings for own rounds and for theirs, of both endpoints.
  EXPECT_LE(calls, pairs * (SECONDS / 5 + 2));
  EXPECT_LE(disco, pairs * (SECONDS / 5 + 2) * 2 * 2 * 2);
  EXPECT_GT(requests, 0U);
}

TEST(Storms, a_flood_of_call_me_maybes_makes_few_pings) {
  Network network(any_seed());
  Node &victim = network.add(NatModel::LAN);
  network.add(NatModel::LAN);
  network.start();
  // The attacker is a real peer: its messages open.
  NodePrivate node_key;
  DiscoPrivate disco_key;
  testing::SeededRandom random(5);
  node_key.generate(random);
  disco_key.generate(random);
  const netmap::PeerId id{7, 1};
  ASSERT_EQ(victim.sock.set_peer(network.now, id,
                                 {.key = node_key.public_key(), .disco_key = disco_key.public_key(), .home_region = 1}),
            Error::NONE);
  crypto::BoxKey box;
  ASSERT_TRUE(box.precompute(disco_key.secret(), victim.sock.disco_key().bytes));
  victim.udp_sent = 0;
  constexpr size_t SECONDS = 10;
  for (size_t i = 0; i != SECONDS * 1000; i++) {
    FixedVector<Endpoint, 8> listed;
    for (uint16_t n = 0; n != 8; n++)
      (void) listed.push_back({IpAddress::v4(203, 0, 113, 200), static_cast<uint16_t>(1 + i * 8 + n)});
    Bytes<256> payload;
    Writer writer(payload);
    disco::write_call_me_maybe(writer, {listed.begin(), listed.size()});
    std::vector<uint8_t> packet(writer.size() + disco::ENVELOPE_BYTES);
    ASSERT_TRUE(disco::seal(box, disco_key.public_key(), random, writer.written(), packet));
    network.inject_relay(victim, 1, node_key.public_key(), packet);
    network.run_for(milliseconds(1));
  }
  EXPECT_LE(victim.udp_sent, (SECONDS + 1) * 8 * 5);
  EXPECT_EQ(victim.sock.counters().tx_call_me_maybe, 0U);
}

}  // namespace
}  // namespace microlink::sim
