// SPDX-License-Identifier: MIT
/// What reaches a whole client from strangers, from relays and from control at the wrong moment.
#include <gtest/gtest.h>

#include "microlink/wireguard/cookie.h"
#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr Duration REJECT_AFTER = seconds(180);
constexpr size_t KEEPALIVE_BYTES = 32;

void bring_online(World &world) {
  for (const auto &node : world.nodes)
    node->start();
  world.run_for(seconds(2));
  world.send_maps(0);
  world.run_for(seconds(5));
  for (const auto &node : world.nodes)
    ASSERT_EQ(node->client().status().state, State::ONLINE);
}

uint64_t sent_to_peer(World &world) { return world.nodes[0]->client().peer(0).tx_bytes; }

TEST(Data, a_session_that_was_relayed_from_the_beginning_is_kept_alive) {
  World world(true);
  bring_online(world);
  world.nodes[0]->send(udp_packet(0, 1, 100));
  world.run_for(seconds(20));  // WireGuard's own keepalive, of the receiver, is over
  ASSERT_EQ(world.nodes[1]->received.size(), 1U);
  const uint64_t before = sent_to_peer(world);
  world.run_for(seconds(60));
  EXPECT_GE(sent_to_peer(world), before + 2 * KEEPALIVE_BYTES);
  world.run_for(REJECT_AFTER);
  EXPECT_TRUE(world.nodes[0]->client().peer(0).handshake_age) << "the session lives on";
}

/// Initiations that begin well and mean nothing, from somebody who knows the public key.
void flood(World &world, Duration time) {
  Node &victim = *world.nodes[0];
  SeededRandom random(7);
  for (Instant end = world.now + time; world.now < end; world.run_for(milliseconds(10))) {
    Bytes<wireguard::INITIATION_BYTES> junk;
    random.fill(junk);
    junk[0] = 1;
    junk[1] = junk[2] = junk[3] = 0;
    wireguard::CookieJar().write_macs(world.now, victim.client().status().node_key, junk);
    victim.hear({IpAddress::v4(203, 0, 113, 9), 4444}, std::string(as_text(junk)));
  }
}

TEST(Data, a_flood_over_udp_does_not_keep_a_relayed_peer_out) {
  World world(true);
  bring_online(world);
  flood(world, seconds(1));
  world.nodes[1]->send(udp_packet(1, 0, 100));
  flood(world, seconds(12));
  EXPECT_EQ(world.nodes[0]->received.size(), 1U);
}

/// A message of a session that nobody has.
std::string forged_transport() { return std::string("\x04\0\0\0", 4) + std::string(28, '\x07'); }

TEST(Data, a_forged_packet_from_the_address_of_a_peer_calls_nobody) {
  World world;
  bring_online(world);
  for (const char type : {'\x02', '\x03', '\x04'}) {
    const size_t size = type == '\x02' ? wireguard::RESPONSE_BYTES : wireguard::COOKIE_REPLY_BYTES;
    world.nodes[0]->hear(world.nodes[1]->underlay, std::string(1, type) + std::string(size - 1, '\0'));
  }
  world.nodes[1]->is_deaf = true;
  for (int i = 0; i != 20; i++)
    world.nodes[0]->hear(world.nodes[1]->underlay, forged_transport());
  world.run_for(seconds(100));
  EXPECT_EQ(sent_to_peer(world), 0U);
  EXPECT_EQ(world.nodes[1]->unheard, 1U) << "one question whether the peer is there";
}

TEST(Data, a_peer_that_goes_on_with_a_lost_session_is_called_when_it_proves_its_path) {
  World world;
  bring_online(world);
  world.nodes[0]->hear(world.nodes[1]->underlay, forged_transport());
  world.run_for(milliseconds(100));
  EXPECT_TRUE(world.nodes[0]->client().peer(0).handshake_age);
  EXPECT_TRUE(world.nodes[0]->client().peer(0).direct.is_set());
}

TEST(Data, a_message_of_a_session_that_was_lost_makes_one_call_on_a_path_that_was_proved) {
  World world;
  bring_online(world);
  const NodePublic peer = world.nodes[0]->client().peer(0).node_key;
  ASSERT_EQ(world.nodes[0]->client().ping(world.now, peer), Error::NONE);
  world.nodes[0]->drain();
  world.run_for(milliseconds(100));
  ASSERT_TRUE(world.nodes[0]->client().peer(0).direct.is_set());
  world.nodes[1]->is_deaf = true;
  for (int i = 0; i != 50; i++)
    world.nodes[0]->hear(world.nodes[1]->underlay, forged_transport());
  world.run_for(seconds(100));
  EXPECT_EQ(sent_to_peer(world), wireguard::INITIATION_BYTES);
}

TEST(Data, peers_that_call_at_the_same_instant_are_heard_at_once_and_stay_heard) {
  World world(World::Options{.nodes = MAX_PEERS + 1, .watch_others = false});
  bring_online(world);
  for (size_t round = 1; round != 4; round++) {
    for (size_t peer = 1; peer != world.nodes.size(); peer++) {
      world.nodes[0]->send(udp_packet(0, peer, 200));
      world.nodes[peer]->send(udp_packet(peer, 0, 200));
      world.run_for(milliseconds(20));
    }
    EXPECT_EQ(world.nodes[0]->received.size(), round * MAX_PEERS);
    for (size_t peer = 1; peer != world.nodes.size(); peer++)
      EXPECT_EQ(world.nodes[peer]->received.size(), round) << peer;
  }
}

/// The map of the first node with one rule of `sources`, and what it says of the second.
class Masked : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto &node : this->world.nodes)
      node->start();
    this->world.run_for(seconds(2));
    const std::string all = this->world.map_for(0, 0);
    const size_t begin = all.find(R"("Peers":[)") + 9;
    const size_t end = all.find(R"(],"DERPMap")");
    this->peer = all.substr(begin, end - begin);
    std::string sources;
    for (int i = 0; i != 600; i++)  // no two of them make a range; more than comes at once
      sources += "\"100.90." + std::to_string(i / 100) + "." + std::to_string(i % 100 * 2) + "\",";
    this->whole = all;
    this->whole.replace(all.find(R"("SrcIPs":["*"])"), 14, R"("SrcIPs":[)" + sources + R"("100.64.0.2"])");
    this->lonely = this->whole;
    this->lonely.replace(begin, end - begin, "");
    this->world.nodes[1]->send_map(this->world.map_for(1, 0));
    this->world.nodes[0]->send_map(this->lonely);
    this->world.run_for(seconds(5));
    ASSERT_EQ(this->client().status().state, State::ONLINE);
  }
  Client &client() { return this->world.nodes[0]->client(); }
  void expect_let_in_after(const std::string &delta) {
    const uint32_t before = this->world.nodes[0]->control.map_streams;
    this->world.nodes[0]->send_map(delta);
    this->world.run_for(seconds(1));
    EXPECT_EQ(this->world.nodes[0]->control.map_streams, before + 1) << "control is asked for the rules again";
    this->world.nodes[0]->send_map(this->whole);
    this->world.run_for(seconds(1));
    this->world.nodes[1]->send(udp_packet(1, 0, 100));
    this->world.run_for(seconds(6));
    EXPECT_EQ(this->world.nodes[0]->received.size(), 1U);
    this->world.run_for(seconds(100));
    EXPECT_EQ(this->world.nodes[0]->control.map_streams, before + 1) << "once";
  }

  World world;
  std::string peer, whole, lonely;
};

TEST_F(Masked, a_newcomer_whom_a_long_rule_names_is_let_in) {
  this->expect_let_in_after(R"({"PeersChanged":[)" + this->peer + "]}");
}

}  // namespace
}  // namespace microlink::testing
