// SPDX-License-Identifier: MIT
#include "microlink/netmap/netmap.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/netmap/bench.h"
#include "tests/support/vectors.h"

namespace microlink::netmap {
namespace {

using testing::Bench;
using testing::key_text;
using testing::node;
using Kind = Event::Kind;

std::string online_text(const std::optional<bool> &online) { return online ? *online ? "true" : "false" : "null"; }

/// One step's `expect` of the vectors against the netmap.
void expect_state(const Netmap &netmap, const testing::Value &expected, const std::string &note) {
  const auto peers = expected["peers"];
  EXPECT_EQ(netmap.peer_count(), peers.size()) << note;
  for (size_t i = 0; i != peers.size(); i++) {
    const auto want = peers[i];
    const Peer *const peer = netmap.peer(netmap.find(want["ID"].integer()));
    ASSERT_NE(peer, nullptr) << note;
    EXPECT_EQ(std::string(netmap.name(netmap.find(peer->id)).view()) + ".", want["Name"].text()) << note;
    EXPECT_EQ(peer->key.to_text().view(), want["Key"].text()) << note;
    EXPECT_EQ(peer->disco_key.to_text().view(), want["DiscoKey"].text()) << note;
    EXPECT_EQ(peer->home_derp, want["HomeDERP"].integer()) << note;
    EXPECT_EQ(online_text(peer->online), want.has("Online") ? want["Online"].dump() : "null") << note;
    ASSERT_EQ(peer->prefixes.own().size(), want["Addresses"].size()) << note;
    EXPECT_EQ(to_text(peer->prefixes.own()[0]).view(), want["Addresses"][size_t{0}].text()) << note;
  }
  const auto regions = expected["derp_regions"];
  EXPECT_EQ(netmap.regions().all().size(), regions.size()) << note;
  for (size_t i = 0; i != regions.size(); i++)
    EXPECT_NE(netmap.regions().find(static_cast<uint16_t>(regions[i].integer())), nullptr) << note;
  const bool scored =
      expected["derp_home_params"].is_object() && expected["derp_home_params"]["RegionScore"].dump() == "{\"1\":0.9}";
  EXPECT_EQ(netmap.regions().score(1), scored ? 900U : 1000U) << note << expected["derp_home_params"].dump();
  EXPECT_EQ(netmap.self().id, expected["node_id"].integer()) << note;
  EXPECT_EQ(netmap.magic_dns(), expected["has_dns"].boolean()) << note;
}

TEST(Expiry, is_never_early) {
  EXPECT_EQ(WallTime(Expiry(wall_seconds(1'800'000'000))), wall_seconds(1'800'000'000));
  const auto later = static_cast<WallTime>(static_cast<int64_t>(wall_seconds(1'800'000'000)) + 1);
  EXPECT_EQ(WallTime(Expiry(later)), wall_seconds(1'800'000'001));
  EXPECT_EQ(WallTime(Expiry(WallTime::UNKNOWN)), WallTime::UNKNOWN);
}

TEST(Netmap, delta_sequence_of_the_vectors) {
  const auto steps = testing::load_vectors("map.json")["delta_sequence"]["steps"];
  Bench bench;
  for (size_t i = 0; i != steps.size(); i++) {
    bench.feed(steps[i]["message"].dump());
    expect_state(bench.netmap, steps[i]["expect"], steps[i]["note"].text());
  }
  EXPECT_EQ(bench.netmap.self().name.view(), "host0.example.ts.net");
  EXPECT_EQ(bench.netmap.peers_in_tailnet(), 1U);
}

TEST(Netmap, tells_what_changed) {
  Bench bench;
  bench.feed("{\"Node\":" + node(1) + ",\"Peers\":[" + node(2) + "," + node(3) + "]}");
  EXPECT_EQ(bench.events(), "self +2 +3 full");
  bench.feed("{\"PeersChanged\":[" + node(2) + "]}");
  EXPECT_EQ(bench.events(), "");
  bench.feed("{\"PeersChanged\":[" + node(2, ",\"HomeDERP\":9") + "]}");
  EXPECT_EQ(bench.events(), "~2");
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"Endpoints":["1.2.3.4:5"]},{"NodeID":2,"Online":true},{"NodeID":9,)"
             R"("Cap":1}]})");
  EXPECT_EQ(bench.events(), "~2");  // one is enough
  bench.feed("{\"PeersChangedPatch\":[{\"NodeID\":2,\"DiscoKey\":\"" + key_text("discokey:", 77) + "\"}]}");
  EXPECT_EQ(bench.events(), "restarted2");
  bench.feed("{\"PeersChangedPatch\":[{\"NodeID\":2,\"Key\":\"" + key_text("nodekey:", 78) + "\"}]}");
  EXPECT_EQ(bench.events(), "key2");
  const PeerId id = bench.netmap.find(3);
  bench.feed(R"({"PeersRemoved":[3,99]})");
  EXPECT_EQ(bench.events(), "-3");
  EXPECT_EQ(bench.netmap.peer(id), nullptr);
  bench.feed("{\"PeersChanged\":[" + node(4) + "]}");
  EXPECT_EQ(bench.netmap.peer(id), nullptr);  // the slot is somebody else's now
  EXPECT_EQ(bench.events(), "+4");
  bench.feed("{\"Node\":" + node(1, ",\"Expired\":true") + "}");
  EXPECT_EQ(bench.events(), "~2 ~4 self") << "nobody is allowed any more";
  EXPECT_TRUE(bench.netmap.is_self_expired());
}

TEST(Netmap, skips_peers_without_a_node_key_and_expired_ones) {
  Bench bench;
  bench.feed(R"({"Peers":[{"ID":5},{"ID":6,"DiscoKey":")" + key_text("discokey:", 6) + "\"}," +
             node(7, ",\"Expired\":true") + "," + node(8, ",\"IsWireGuardOnly\":true") + "," + node(9) + "]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{9}));
  EXPECT_EQ(bench.netmap.peers_in_tailnet(), 5U);
  bench.feed("{\"PeersChanged\":[" + node(9, ",\"Expired\":true") + "]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{}));
  bench.feed("{\"PeersChanged\":[" + node(9) + "]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{9}));
}

TEST(Netmap, takes_a_peer_whose_disco_key_comes_later) {
  Bench bench;
  bench.feed(R"({"Peers":[{"ID":5,"Key":")" + key_text("nodekey:", 5) + "\"}]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{5}));
  bench.feed("{\"PeersChangedPatch\":[{\"NodeID\":5,\"DiscoKey\":\"" + key_text("discokey:", 5) + "\"}]}");
  EXPECT_EQ(bench.netmap.peer(bench.netmap.find(5))->disco_key, *DiscoPublic::parse(key_text("discokey:", 5)));
}

TEST(Netmap, removed_counts_before_changed_in_one_message) {
  Bench bench;
  bench.feed("{\"Peers\":[" + node(2) + "]}");
  bench.feed("{\"PeersChanged\":[" + node(2) + "," + node(3) + "],\"PeersRemoved\":[2,3]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{2, 3}));
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"Online":true}],"OnlineChange":{"2":false,"3":true}})");
  EXPECT_EQ(bench.netmap.peer(bench.netmap.find(2))->online, std::optional<bool>(true));
  EXPECT_EQ(bench.netmap.peer(bench.netmap.find(3))->online, std::optional<bool>(true));
}

TEST(Netmap, a_full_map_sweeps_only_when_it_is_complete) {
  Bench bench;
  bench.feed("{\"Peers\":[" + node(2) + "," + node(3) + "," + node(4) + "]}");
  (void) bench.events();
  const std::string stream = testing::framed("{\"Peers\":[" + node(3) + "," + node(5) + "]}");
  for (size_t n = 0; n != stream.size() - 1; n++) {  // up to the end of the list, "]"
    ASSERT_EQ(bench.parser.handle_bytes(as_bytes(stream.substr(0, n))), Error::NONE);
    bench.parser.reset();
    for (const int64_t id : {2, 3, 4})
      ASSERT_TRUE(bench.netmap.find(id).is_set()) << n;
  }
  bench.feed("{\"Peers\":[" + node(3) + "," + node(5) + "]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{3, 5}));
}

TEST(Netmap, the_same_key_under_a_new_id_is_the_same_peer) {
  Bench bench;
  bench.feed("{\"Peers\":[" + node(2) + "]}");
  const PeerId id = bench.netmap.find(2);
  std::string renumbered = node(2);
  renumbered.replace(renumbered.find("\"ID\":2"), 6, "\"ID\":9");
  bench.feed("{\"Peers\":[" + renumbered + "]}");
  EXPECT_EQ(bench.netmap.find(9), id);
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{9}));
}

TEST(Netmap, a_key_belongs_to_the_peer_that_control_named_last) {
  Bench bench;
  bench.feed("{\"Peers\":[" + node(2) + "," + node(3) + "," + node(4) + "]}");
  (void) bench.events();
  bench.feed("{\"PeersChanged\":[" + node(2, ",\"Key\":\"" + key_text("nodekey:", 3) + "\"") + "]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{2, 4}));
  EXPECT_EQ(bench.events(), "-3 key2");
  bench.feed("{\"PeersChangedPatch\":[{\"NodeID\":4,\"Key\":\"" + key_text("nodekey:", 3) + "\"}]}");
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{4}));
}

/// Versions of the keys of the peer with this id.
KeyVersions versions_of(const Bench &bench, tailcfg::NodeId id) {
  return bench.netmap.key_versions(bench.netmap.find(id).slot);
}

TEST(Netmap, a_version_goes_up_with_each_change_of_its_key_and_of_nothing_else) {
  Bench bench;
  bench.feed(R"({"Node":)" + node(1) + R"(,"Peers":[)" + node(2) + "]}");
  const size_t slot = bench.netmap.find(2).slot;
  KeyVersions before = versions_of(bench, 2);
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"DERPRegion":7,"Online":true}]})");
  bench.feed(R"({"PeersChanged":[)" + node(2, R"(,"Tags":["tag:a"])") + "]}");
  EXPECT_EQ(versions_of(bench, 2), before);
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"Key":")" + key_text("nodekey:", 90) + "\"}]}");
  EXPECT_NE(versions_of(bench, 2).node, before.node);
  EXPECT_EQ(versions_of(bench, 2).disco, before.disco);
  before = versions_of(bench, 2);
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"DiscoKey":")" + key_text("discokey:", 91) + "\"}]}");
  EXPECT_EQ(versions_of(bench, 2).node, before.node);
  EXPECT_NE(versions_of(bench, 2).disco, before.disco);
  before = versions_of(bench, 2);
  bench.feed(R"({"PeersRemoved":[2]})");
  EXPECT_FALSE(bench.netmap.node_key(slot).is_set());
  EXPECT_NE(bench.netmap.key_versions(slot).node, before.node);
  EXPECT_NE(bench.netmap.key_versions(slot).disco, before.disco);
  before = bench.netmap.key_versions(slot);
  bench.feed(R"({"PeersChanged":[)" + node(3) + "]}");
  ASSERT_EQ(bench.netmap.find(3).slot, slot);
  EXPECT_NE(versions_of(bench, 3).node, before.node);
  EXPECT_NE(versions_of(bench, 3).disco, before.disco);
  EXPECT_EQ(bench.netmap.node_key(slot), bench.netmap.peer(bench.netmap.find(3))->key);
}

TEST(Netmap, who_was_told_of_and_left_is_told_once_by_key) {
  Bench bench;
  bench.feed(R"({"Node":)" + node(1) + R"(,"Peers":[)" + node(2) + "," + node(3) + "]}");
  bench.feed(R"({"PeersRemoved":[3]})");
  EXPECT_FALSE(bench.netmap.poll_gone()) << "nobody knew of it";
  (void) bench.events();
  const NodePublic key = bench.netmap.peer(bench.netmap.find(2))->key;
  bench.feed(R"({"PeersRemoved":[2],"PeersChanged":[)" + node(4) + "]}");
  EXPECT_EQ(bench.netmap.poll_gone(), std::optional(key));
  EXPECT_FALSE(bench.netmap.poll_gone());
}

TEST(Netmap, of_many_who_left_the_last_ones_are_told) {
  Bench bench;
  for (int64_t id = 100; id != 110; id++) {
    bench.feed(R"({"PeersChanged":[)" + node(id) + "]}");
    (void) bench.events();
    bench.feed(R"({"PeersRemoved":[)" + std::to_string(id) + "]}");
    (void) bench.events();
  }
  for (uint8_t id = 110 - netmap::Netmap::MAX_GONE; id != 110; id++)
    EXPECT_EQ(bench.netmap.poll_gone()->bytes[31], id);
  EXPECT_FALSE(bench.netmap.poll_gone());
}

TEST(Netmap, lookups) {
  Bench bench;
  bench.feed("{\"Node\":" + node(1) + ",\"Peers\":[" +
             node(2, R"(,"AllowedIPs":["100.64.0.2/32","10.0.0.0/8","0.0.0.0/0"])") + "," +
             node(3, R"(,"AllowedIPs":["100.64.0.3/32","10.1.0.0/16"])") + "," +
             node(4, R"(,"Name":"n3.other.ts.net.")") + "," + node(5, ",\"AllowedIPs\":[]") + "]}");
  const Netmap &map = bench.netmap;
  EXPECT_EQ(map.suffix(), "t.ts.net");
  EXPECT_EQ(map.find_by_key(*NodePublic::parse(key_text("nodekey:", 3))), map.find(3));
  EXPECT_EQ(map.find_by_disco(*DiscoPublic::parse(key_text("discokey:", 3))), map.find(3));
  EXPECT_FALSE(map.find_by_key({}).is_set());
  EXPECT_EQ(map.find_by_name("N3"), map.find(3));
  EXPECT_EQ(map.find_by_name("n3.T.ts.net."), map.find(3));
  EXPECT_EQ(map.find_by_name("n3.other.ts.net"), map.find(4));
  for (const char *nobody : {"", ".", "n", "n3.", "n33", "n3.t", "n3.t.ts.net.x"})
    EXPECT_EQ(map.find_by_name(nobody).is_set(), std::string_view(nobody) == "n3.") << nobody;
  const auto owner = [&](const char *address) {
    const Peer *const peer = map.peer(map.find_by_address(*parse_ip(address)));
    return peer == nullptr ? 0 : peer->id;
  };
  EXPECT_EQ(owner("100.64.0.2"), 2);
  EXPECT_EQ(owner("fd7a:115c:a1e0::3"), 0);  // not in its allowed IPs
  EXPECT_EQ(owner("100.64.0.5"), 0);
  EXPECT_EQ(owner("10.1.2.3"), 0);
  bench.netmap.set_accept_routes(true);
  EXPECT_EQ(owner("10.1.2.3"), 3);
  EXPECT_EQ(owner("10.2.2.3"), 2);
  EXPECT_EQ(owner("8.8.8.8"), 0);
}

// 02 §5.
TEST(Netmap, expiry) {
  Bench bench;
  bench.feed("{\"Node\":" + node(1, R"(,"KeyExpiry":"2026-03-01T00:00:00Z")") + ",\"Peers\":[" +
             node(2, R"(,"KeyExpiry":"2026-02-01T00:00:00Z")") + "," + node(3) + "]}");
  const WallTime end = wall_seconds(1769904000);
  const Peer *const two = bench.netmap.peer(bench.netmap.find(2));
  const Peer *const three = bench.netmap.peer(bench.netmap.find(3));
  (void) bench.events();
  EXPECT_EQ(bench.netmap.next_expiry(), WallTime::UNKNOWN) << "without a clock";
  bench.netmap.set_time(end + microseconds(-1));
  EXPECT_EQ(bench.netmap.next_expiry(), end);
  EXPECT_TRUE(two->allowed && !two->expired);
  EXPECT_EQ(bench.events(), "");
  bench.netmap.set_time(end);
  EXPECT_TRUE(!two->allowed && two->expired);
  EXPECT_TRUE(three->allowed && !three->expired);
  EXPECT_EQ(bench.events(), "~2");
  EXPECT_FALSE(bench.netmap.is_self_expired());
  EXPECT_EQ(bench.netmap.next_expiry(), wall_seconds(1772323200));
  bench.netmap.set_time(wall_seconds(1772323200));
  EXPECT_EQ(bench.netmap.next_expiry(), WallTime::UNKNOWN);
  EXPECT_TRUE(bench.netmap.is_self_expired());
  EXPECT_TRUE(!three->allowed && !three->expired) << "nobody is allowed while our own key is over";
  bench.netmap.set_time(end + microseconds(-1));
  EXPECT_TRUE(two->allowed && three->allowed) << "the clock was wrong";
}

TEST(Netmap, a_patch_ends_a_key_and_makes_it_good_again) {
  Bench bench;
  bench.netmap.set_time(wall_seconds(1'700'000'000));
  bench.feed("{\"Peers\":[" + node(2) + "]}");
  const Peer *const two = bench.netmap.peer(bench.netmap.find(2));
  EXPECT_TRUE(two->allowed);
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"KeyExpiry":"2020-01-01T00:00:00Z"}]})");
  EXPECT_TRUE(!two->allowed && two->expired);
  bench.netmap.set_time(wall_seconds(1'600'000'000));
  EXPECT_TRUE(two->allowed) << "such a clock was never set";
  bench.netmap.set_time(wall_seconds(1'700'000'000));
  bench.feed(R"({"PeersChangedPatch":[{"NodeID":2,"KeyExpiry":"2040-01-01T00:00:00Z"}]})");
  EXPECT_TRUE(two->allowed && !two->expired);
}

TEST(Netmap, lost_events_become_one_resync) {
  Bench bench;
  for (int64_t id = 1; id != 200; id++)
    bench.feed("{\"Peers\":[" + node(id) + "]}");
  const std::string events = bench.events();
  EXPECT_EQ(events.find("resync"), 0U) << events;
  EXPECT_EQ(bench.ids(), (std::set<int64_t>{199}));
}

std::string dump(const Netmap &map) {
  std::map<int64_t, std::string> out;
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    if (const Peer *const peer = map.peer(map.at(slot)); peer != nullptr) {
      out[peer->id] = std::string(map.name(map.at(slot)).view()) + std::string(peer->key.to_text().view()) +
                      std::string(peer->disco_key.to_text().view()) + std::to_string(peer->home_derp) +
                      online_text(peer->online);
    }
  }
  std::string text;
  for (const auto &[id, peer] : out)
    text += std::to_string(id) + peer + "\n";
  return text;
}

TEST(Netmap, deltas_lead_to_the_same_state_as_a_full_map) {
  const unsigned seed = 12;
  std::mt19937 random(seed);
  const auto fields = [&] {
    return ",\"HomeDERP\":" + std::to_string(1 + random() % 5) +
           ",\"Endpoints\":[\"192.0.2.1:" + std::to_string(1 + random() % 9) + "\"]" +
           (random() % 2 == 0 ? ",\"Online\":true" : ",\"Online\":false");
  };
  for (int run = 0; run != 30; run++) {
    Bench deltas;
    std::map<int64_t, std::string> model = {{1000, fields()}};
    deltas.feed("{\"Peers\":[" + node(1000, model[1000]) + "]}");
    for (int step = 0; step != 40; step++) {
      const int64_t id = 1000 + static_cast<int64_t>(random() % MAX_PEERS);
      if (random() % 3 == 0) {
        model.erase(id);
        deltas.feed("{\"PeersRemoved\":[" + std::to_string(id) + "]}");
      } else if (model.count(id) != 0 && random() % 2 == 0) {
        const std::string changed = fields();
        model[id] = changed;
        std::string patch = changed;
        patch.replace(patch.find("HomeDERP"), 8, "DERPRegion");
        deltas.feed("{\"PeersChangedPatch\":[{\"NodeID\":" + std::to_string(id) + patch + "}]}");
      } else {
        model[id] = fields();
        deltas.feed("{\"PeersChanged\":[" + node(id, model[id]) + "]}");
      }
      std::string peers;
      for (const auto &[each, text] : model)
        peers += (peers.empty() ? "" : ",") + node(each, text);
      Bench full;
      full.feed("{\"Peers\":[" + peers + "]}");
      ASSERT_EQ(dump(deltas.netmap), dump(full.netmap)) << "seed " << seed << " run " << run << " step " << step;
      if (step % 10 == 9 && !model.empty()) {
        deltas.feed("{\"Peers\":[" + peers + "]}");
        ASSERT_EQ(dump(deltas.netmap), dump(full.netmap));
      }
    }
  }
}

TEST(Netmap, ten_thousand_peers_pass_by) {
  Bench bench;
  std::string peers;
  for (int64_t id = 1; id <= 10000; id++)
    peers += (id == 1 ? "" : ",") + node(id, id % 2 == 0 ? ",\"Online\":true" : "");
  const std::string message = "{\"Peers\":[" + peers + "]}";
  bench.netmap.want(*Want::of("n9999"));
  bench.feed(message);
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS);
  EXPECT_EQ(bench.netmap.peers_in_tailnet(), 10000U);
  EXPECT_TRUE(bench.netmap.find(9999).is_set());
  EXPECT_EQ(bench.netmap.wants().size(), 0U);
  EXPECT_FALSE(bench.netmap.needs_full_map());
  std::printf("sizeof(Netmap) = %zu, sizeof(Peer) = %zu\n", sizeof(Netmap), sizeof(Peer));
  bench.feed("{\"PeersRemoved\":[9999]}");
  EXPECT_TRUE(bench.netmap.needs_full_map());
  bench.feed(message);
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS);
  EXPECT_FALSE(bench.netmap.needs_full_map());
}

}  // namespace
}  // namespace microlink::netmap
