// SPDX-License-Identifier: MIT
/// How two nodes find a path through all kinds of networks, and what they do when it goes away.
#include <gtest/gtest.h>

#include "tests/sim/network.h"

namespace microlink::sim {
namespace {

using magicsock::PathState;

/// Runs a story with several seeds and prints the one that fails.
template<typename Story> void with_seeds(unsigned count, const Story &story) {
  const unsigned base = std::random_device{}() % 1'000'000;
  for (unsigned seed = base; seed != base + count; seed++) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    story(seed);
    if (::testing::Test::HasFatalFailure() || ::testing::Test::HasNonfatalFailure())
      return;
  }
}

/// Traffic from a to b; how long until both send directly.
std::optional<Duration> time_to_direct(Network &network, Node &a, Node &b, Duration limit) {
  const Instant start = network.now;
  while (network.now - start < limit) {
    network.send(a, b);
    if (network.run_until(milliseconds(20), [&] { return network.is_direct(a, b) && network.is_direct(b, a); }))
      return network.now - start;
  }
  return std::nullopt;
}

struct Direct {
  NatModel a;
  NatModel b;
  Duration limit;
};

class BecomesDirect : public ::testing::TestWithParam<Direct> {};

TEST_P(BecomesDirect, soon) {
  with_seeds(20, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(GetParam().a);
    Node &b = network.add(GetParam().b);
    network.start();
    const auto took = time_to_direct(network, a, b, seconds(3));
    ASSERT_TRUE(took);
    EXPECT_LE(*took, GetParam().limit) << to_milliseconds(*took) << " ms";
  });
}

INSTANTIATE_TEST_SUITE_P(Networks, BecomesDirect,
                         ::testing::Values(Direct{NatModel::LAN, NatModel::LAN, milliseconds(100)},
                                           Direct{NatModel::LAN, NatModel::EASY, milliseconds(500)},
                                           Direct{NatModel::EASY, NatModel::LAN, milliseconds(500)},
                                           Direct{NatModel::EASY, NatModel::EASY, milliseconds(500)},
                                           Direct{NatModel::CONE, NatModel::CONE, milliseconds(500)},
                                           Direct{NatModel::HARD, NatModel::CONE, milliseconds(500)},
                                           Direct{NatModel::CONE, NatModel::HARD, milliseconds(500)},
                                           Direct{NatModel::HARD, NatModel::LAN, milliseconds(500)},
                                           Direct{NatModel::LAN, NatModel::HARD, milliseconds(500)}));

TEST(Paths, easy_to_easy_is_direct_within_a_second_after_an_hour_of_silence) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    network.run_for(seconds(3600));
    const auto took = time_to_direct(network, a, b, seconds(3));
    ASSERT_TRUE(took);
    EXPECT_LE(*took, seconds(1)) << to_milliseconds(*took) << " ms";
  });
}

TEST(Paths, easy_to_easy_gets_direct_through_heavy_loss) {
  with_seeds(20, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    network.weather = {milliseconds(20), milliseconds(30), 30, 10};
    // Median 0.2 s, one in a hundred 7 s; each further round of pings has its chance.
    const auto took = time_to_direct(network, a, b, seconds(90));
    ASSERT_TRUE(took);
  });
}

TEST(Paths, in_one_site_take_the_short_way) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add_beside(a);
    network.start();
    ASSERT_TRUE(time_to_direct(network, a, b, seconds(1)));
    EXPECT_EQ(a.sock.best_path(network.id(b)).endpoint, b.local);
    EXPECT_EQ(b.sock.best_path(network.id(a)).endpoint, a.local);
  });
}

class StaysRelayed : public ::testing::TestWithParam<std::pair<NatModel, NatModel>> {};

TEST_P(StaysRelayed, for_good_and_delivers) {
  with_seeds(5, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(GetParam().first);
    Node &b = network.add(GetParam().second);
    network.start();
    network.chat(a, b, milliseconds(500), seconds(60));
    EXPECT_TRUE(network.is_relayed(a, b));
    EXPECT_TRUE(network.is_relayed(b, a));
    EXPECT_EQ(b.relayed_packets, 120U);
    EXPECT_EQ(a.relayed_packets, 120U);
    EXPECT_EQ(b.direct_packets, 0U);
    // Looking for a path all the time stays cheap.
    EXPECT_LT(a.udp_sent, 150U);
  });
}

INSTANTIATE_TEST_SUITE_P(Networks, StaysRelayed,
                         ::testing::Values(std::pair{NatModel::HARD, NatModel::HARD},
                                           std::pair{NatModel::HARD, NatModel::EASY},
                                           std::pair{NatModel::BLOCKED, NatModel::LAN},
                                           std::pair{NatModel::EASY, NatModel::BLOCKED},
                                           std::pair{NatModel::BLOCKED, NatModel::BLOCKED}));

TEST(Paths, fall_back_within_seven_seconds_when_the_direct_one_dies_and_come_back) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    ASSERT_TRUE(time_to_direct(network, a, b, seconds(1)));
    network.chat(a, b, milliseconds(200), seconds(20));
    b.plugged = false;
    const size_t before = b.relayed_packets;
    network.chat(a, b, milliseconds(200), seconds(7));
    EXPECT_GT(b.relayed_packets, before);
    network.chat(a, b, milliseconds(200), seconds(6));
    EXPECT_TRUE(network.is_relayed(a, b));
    b.plugged = true;
    network.chat(a, b, milliseconds(200), seconds(11));
    EXPECT_TRUE(network.is_direct(a, b));
    EXPECT_TRUE(network.is_direct(b, a));
  });
}

TEST(Paths, survive_a_rebinding_nat) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    network.chat(a, b, milliseconds(200), seconds(30));
    ASSERT_TRUE(network.is_direct(a, b));
    b.nat->rebind();
    // Never silent for longer than the trust lasts, and direct again afterwards.
    const size_t before = a.direct_packets + a.relayed_packets;
    network.chat(a, b, milliseconds(200), seconds(7));
    EXPECT_GT(a.direct_packets + a.relayed_packets, before);
    network.chat(a, b, milliseconds(200), seconds(40));
    EXPECT_TRUE(network.is_direct(a, b));
    EXPECT_TRUE(network.is_direct(b, a));
  });
}

TEST(Paths, survive_a_peer_that_restarts_with_a_new_disco_key) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    network.start();
    network.chat(a, b, milliseconds(200), seconds(10));
    ASSERT_TRUE(network.is_direct(a, b));
    const DiscoPublic old = b.sock.disco_key();
    network.restart(b);
    EXPECT_FALSE(b.sock.disco_key() == old);
    network.chat(a, b, milliseconds(200), seconds(3));
    EXPECT_TRUE(network.is_direct(a, b));
    EXPECT_TRUE(network.is_direct(b, a));
  });
}

TEST(Paths, follow_a_node_that_moves_to_another_network) {
  with_seeds(10, [](unsigned seed) {
    Network network(seed);
    Node &a = network.add(NatModel::EASY);
    Node &b = network.add(NatModel::EASY);
    Node &other_site = network.add(NatModel::CONE);
    network.start();
    network.chat(a, b, milliseconds(200), seconds(10));
    ASSERT_TRUE(network.is_direct(a, b));
    b.nat = other_site.nat;
    b.local = {IpAddress::v4(10, 0, 9, 9), 41641};
    b.sock.set_local_endpoints(network.now, {&b.local, 1});
    network.pump(b);
    network.chat(a, b, milliseconds(200), seconds(8));
    EXPECT_TRUE(network.is_direct(a, b));
    EXPECT_TRUE(network.is_direct(b, a));
  });
}

TEST(Ping, is_answered_directly_or_through_the_relay) {
  Network network(7);
  Node &a = network.add(NatModel::EASY);
  Node &b = network.add(NatModel::EASY);
  Node &walled = network.add(NatModel::BLOCKED);
  network.start();
  ASSERT_EQ(a.sock.ping(network.now, network.id(walled)), Error::NONE);
  EXPECT_EQ(a.sock.ping(network.now, network.id(b)), Error::NOT_READY);
  network.pump(a);
  network.run_for(seconds(1));
  ASSERT_EQ(a.pongs.size(), 1U);
  EXPECT_FALSE(a.pongs[0].endpoint.is_set());
  EXPECT_NE(a.pongs[0].region, 0);
  EXPECT_EQ(a.pongs[0].latency, Network::RELAY_LATENCY * 2);

  // The first ping goes through the relay, and makes a path for the next one.
  ASSERT_EQ(a.sock.ping(network.now, network.id(b)), Error::NONE);
  network.pump(a);
  network.run_for(seconds(2));
  ASSERT_EQ(a.sock.ping(network.now, network.id(b)), Error::NONE);
  network.pump(a);
  network.run_for(seconds(2));
  ASSERT_EQ(a.pongs.size(), 3U);
  EXPECT_TRUE(a.pongs[2].endpoint.is_set());
  EXPECT_EQ(a.pongs[2].latency, network.weather.latency * 2);

  walled.relay_connected = false;
  ASSERT_EQ(a.sock.ping(network.now, network.id(walled)), Error::NONE);
  network.pump(a);
  network.run_for(seconds(6));
  EXPECT_EQ(a.ping_timeouts, 1U);
}

TEST(Home, is_chosen_at_once_and_the_nat_is_recognised) {
  const std::pair<NatModel, NatKind> cases[] = {{NatModel::LAN, NatKind::EASY},
                                                {NatModel::EASY, NatKind::EASY},
                                                {NatModel::HARD, NatKind::HARD},
                                                {NatModel::BLOCKED, NatKind::UDP_BLOCKED}};
  for (const auto &[model, kind] : cases) {
    Network network(1);
    Node &node = network.add(model);
    const Instant start = network.now;
    network.start();
    ASSERT_TRUE(node.home_at);
    EXPECT_LE(*node.home_at - start, model == NatModel::BLOCKED ? milliseconds(600) : milliseconds(100));
    EXPECT_EQ(node.home, 1);
    EXPECT_EQ(node.nat_kind, kind);
  }
}

}  // namespace
}  // namespace microlink::sim
