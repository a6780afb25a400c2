// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/netmap/bench.h"

namespace microlink::netmap {
namespace {

using testing::Bench;
using testing::key_text;
using testing::node;

/// Peers first … last in one list.
std::string nodes(int64_t first, int64_t last, const std::string &more = "") {
  std::string out;
  for (int64_t id = first; id <= last; id++)
    out += (out.empty() ? "" : ",") + node(id, more);
  return out;
}

const int64_t N = static_cast<int64_t>(MAX_PEERS);

Claim claim_of(const Bench &bench, int64_t id) {
  const Peer *const peer = bench.netmap.peer(bench.netmap.find(id));
  return peer == nullptr ? Claim::NONE : peer->claim;
}

TEST(Admission, equal_claims_keep_the_incumbent) {
  Bench bench;
  bench.feed("{\"Peers\":[" + nodes(1, N) + "]}");
  bench.feed("{\"PeersChanged\":[" + node(100) + "]}");
  EXPECT_FALSE(bench.netmap.find(100).is_set());
  EXPECT_EQ(bench.netmap.peers_in_tailnet(), static_cast<uint32_t>(N + 1));
  EXPECT_FALSE(bench.netmap.needs_full_map());  // nothing to gain while the table is full
  bench.feed("{\"PeersRemoved\":[1]}");
  EXPECT_TRUE(bench.netmap.needs_full_map());
}

TEST(Admission, each_claim_beats_the_weaker_ones) {
  Bench bench;
  bench.netmap.set_pinned("elsewhere, n203");
  bench.feed("{\"Peers\":[" + nodes(1, N) + "]}");
  bench.feed("{\"PeersChanged\":[" + node(201, ",\"Online\":true") + "]}");
  EXPECT_EQ(claim_of(bench, 201), Claim::ONLINE);
  bench.netmap.want(*Want::of("100.64.0.202"));
  bench.feed("{\"PeersChanged\":[" + node(202) + "]}");
  EXPECT_EQ(claim_of(bench, 202), Claim::WANTED);
  bench.feed("{\"PeersChanged\":[" + node(203) + "]}");
  EXPECT_EQ(claim_of(bench, 203), Claim::PINNED);
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS);

  // Everybody online now: the three stay when wanted ones push in, as long as others are weaker.
  for (int64_t id = 300; id != 300 + N; id++) {
    bench.netmap.want(*Want::of(key_text("nodekey:", id)));
    bench.feed("{\"PeersChanged\":[" + node(id) + "]}");
  }
  EXPECT_TRUE(bench.netmap.find(202).is_set());
  EXPECT_TRUE(bench.netmap.find(203).is_set());
  EXPECT_FALSE(bench.netmap.find(201).is_set());
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS);
  EXPECT_NE(bench.netmap.wants().size(), 0U);  // wanted does not beat wanted; the want stays
  EXPECT_FALSE(bench.netmap.find(300 + N - 1).is_set());
}

TEST(Admission, a_pinned_peer_has_a_place_however_it_is_named) {
  for (const std::string &name :
       {std::string("N203"), std::string("100.64.0.203"), std::string("fd7a:115c:a1e0::/64,100.64.0.200/29"),
        key_text("nodekey:", 203), std::string("tag:ha")}) {
    Bench bench;
    bench.netmap.set_pinned(name);
    bench.feed("{\"Peers\":[" + nodes(1, N, ",\"Online\":true") + "]}");
    for (int64_t id = 1; id <= N; id++)
      bench.netmap.set_live(bench.netmap.find(id), true);
    bench.feed("{\"PeersChanged\":[" + node(203, ",\"Tags\":[\"tag:ha\"]") + "]}");
    EXPECT_EQ(claim_of(bench, 203), Claim::PINNED) << name;
  }
}

TEST(Admission, whom_a_tag_pins_stays_pinned_until_control_says_otherwise) {
  Bench bench;
  bench.netmap.set_pinned("tag:ha");
  bench.feed("{\"Peers\":[" + node(1, ",\"Tags\":[\"tag:ha\"]") + "]}");
  Allowlist list;
  ASSERT_EQ(list.assign("100.64.0.1"), Error::NONE);
  bench.netmap.set_allowlist(list);
  EXPECT_EQ(claim_of(bench, 1), Claim::PINNED);
  bench.feed("{\"Peers\":[" + node(1) + "]}");
  EXPECT_EQ(claim_of(bench, 1), Claim::NONE);
}

TEST(Admission, a_live_session_is_not_pushed_out_by_a_wanted_peer) {
  Bench bench;
  bench.feed("{\"Peers\":[" + nodes(1, N, ",\"Online\":true") + "]}");
  for (int64_t id = 1; id <= N; id++)
    bench.netmap.set_live(bench.netmap.find(id), true);
  bench.netmap.want(*Want::of("n300"));
  bench.feed("{\"PeersChanged\":[" + node(300) + "]}");
  EXPECT_FALSE(bench.netmap.find(300).is_set());
  EXPECT_TRUE(bench.netmap.wants().contains(*Want::of("N300")));
  bench.netmap.set_live(bench.netmap.find(7), false);
  bench.feed("{\"PeersChanged\":[" + node(300) + "]}");
  EXPECT_TRUE(bench.netmap.find(300).is_set());
  EXPECT_FALSE(bench.netmap.find(7).is_set());
  EXPECT_EQ(bench.netmap.wants().size(), 0U);
}

TEST(Admission, what_a_peer_was_wanted_for_is_over_with_its_session) {
  Bench bench;
  bench.netmap.want(*Want::of("n1"));
  bench.feed("{\"Peers\":[" + nodes(1, 2) + "]}");
  EXPECT_EQ(claim_of(bench, 1), Claim::WANTED);
  bench.netmap.set_live(bench.netmap.find(1), true);
  EXPECT_EQ(claim_of(bench, 1), Claim::LIVE);
  bench.netmap.set_live(bench.netmap.find(1), false);
  EXPECT_EQ(claim_of(bench, 1), Claim::NONE);
  bench.netmap.want(*Want::of("n1"));  // it is there already
  EXPECT_EQ(bench.netmap.wants().size(), 0U);
  EXPECT_EQ(claim_of(bench, 1), Claim::WANTED);
}

TEST(Admission, a_peer_that_is_not_in_use_yields_to_a_wanted_one_the_longest_idle_first) {
  Bench bench;
  bench.feed("{\"Peers\":[" + nodes(1, N) + "]}");
  for (int64_t id = 1; id <= N; id++)
    bench.netmap.set_live(bench.netmap.find(id), true);
  EXPECT_FALSE(bench.netmap.has_room_for_wanted());
  bench.netmap.set_idle(bench.netmap.find(4), seconds(10));
  bench.netmap.set_idle(bench.netmap.find(5), seconds(20));
  bench.netmap.set_idle(bench.netmap.find(6), Netmap::IDLE_YIELDS - milliseconds(1));
  EXPECT_TRUE(bench.netmap.has_room_for_wanted());
  bench.feed("{\"PeersChanged\":[" + node(300, ",\"Online\":true") + "]}");
  EXPECT_FALSE(bench.netmap.find(300).is_set()) << "only who is wanted";
  for (const int64_t id : {301, 302, 303}) {
    bench.netmap.want(*Want::of(key_text("nodekey:", id)));
    bench.feed("{\"PeersChanged\":[" + node(id) + "]}");
    EXPECT_FALSE(bench.netmap.find(5).is_set());
    EXPECT_EQ(bench.netmap.find(4).is_set(), id == 301);
    EXPECT_EQ(bench.netmap.find(id).is_set(), id != 303);
  }
  EXPECT_TRUE(bench.netmap.find(6).is_set());
}

TEST(Admission, who_should_have_come_by_now_makes_room_for_newcomers) {
  Bench bench;
  bench.feed("{\"Peers\":[" + nodes(1, N) + "]}");
  bench.netmap.set_live(bench.netmap.find(2), true);
  bench.feed("{\"Peers\":[" + nodes(101, 100 + N) + "]}");  // every device was registered anew
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS - 1);      // the live one held its slot until the sweep
  EXPECT_FALSE(bench.netmap.find(2).is_set());
  EXPECT_TRUE(bench.netmap.needs_full_map());
  bench.feed("{\"Peers\":[" + nodes(101, 100 + N) + "]}");
  EXPECT_EQ(bench.netmap.peer_count(), MAX_PEERS);
}

Allowlist list_of(const std::string &text) {
  Allowlist out;
  EXPECT_EQ(out.assign(text), Error::NONE) << text;
  return out;
}

TEST(Admission, allowlist) {
  Bench bench;
  bench.netmap.set_allowlist(
      list_of("N2 100.64.0.3 " + key_text("nodekey:", 4) + ", tag:ok,100.64.1.0/24 n9.t.ts.net"));
  bench.feed("{\"Node\":" + node(1) + ",\"Peers\":[" + nodes(2, 6) + "," +
             node(7, ",\"Tags\":[\"tag:no\",\"tag:ok\"]") + "," + node(8, R"(,"Name":"n2.other.net.")") + "," +
             node(9) + "," + node(260) + "," + node(261, ",\"UnsignedPeerAPIOnly\":true") + "]}");
  const auto is_allowed = [&](int64_t id) { return bench.netmap.peer(bench.netmap.find(id))->allowed; };
  for (const int64_t id : {2, 3, 4, 7, 9, 260})
    EXPECT_TRUE(is_allowed(id)) << id;
  for (const int64_t id : {5, 6, 8, 261})
    EXPECT_FALSE(is_allowed(id)) << id;
  (void) bench.events();
  bench.netmap.set_allowlist(list_of("n5 tag:ok"));
  EXPECT_TRUE(is_allowed(5));
  EXPECT_FALSE(is_allowed(2));
  EXPECT_TRUE(is_allowed(7));  // the tag was in the list before
  EXPECT_FALSE(bench.netmap.needs_full_map());
  bench.netmap.set_allowlist(list_of("tag:no"));
  EXPECT_FALSE(is_allowed(7));  // whether it has this one is not known: denied until it passes by again
  EXPECT_TRUE(bench.netmap.needs_full_map());
  bench.netmap.set_allowlist(list_of("tag:no n5"));
  EXPECT_TRUE(bench.netmap.needs_full_map());
  bench.feed("{\"Peers\":[" + node(5) + "," + node(7, ",\"Tags\":[\"tag:no\"]") + "]}");
  EXPECT_TRUE(is_allowed(7));
  EXPECT_FALSE(bench.netmap.needs_full_map());
  bench.netmap.set_allowlist(Allowlist::nobody());
  EXPECT_FALSE(is_allowed(5));
  EXPECT_FALSE(is_allowed(7));
  bench.netmap.set_allowlist({});
  EXPECT_TRUE(is_allowed(5));
  bench.feed("{\"PeersChanged\":[" + node(261, ",\"UnsignedPeerAPIOnly\":true") + "]}");
  EXPECT_FALSE(is_allowed(261));
  bench.netmap.set_allowlist({});
  EXPECT_FALSE(is_allowed(261));
}

TEST(Admission, short_names_count_once_the_own_tailnet_is_known) {
  Bench bench;
  bench.netmap.set_allowlist(list_of("n2"));
  bench.feed("{\"Peers\":[" + node(2) + "," + node(3, R"(,"Name":"n2.other.net.")") + "]}");
  const auto is_allowed = [&](int64_t id) { return bench.netmap.peer(bench.netmap.find(id))->allowed; };
  EXPECT_FALSE(is_allowed(2));
  EXPECT_FALSE(is_allowed(3));
  (void) bench.events();
  bench.feed("{\"Node\":" + node(1) + "}");
  EXPECT_TRUE(is_allowed(2));
  EXPECT_FALSE(is_allowed(3));
  EXPECT_EQ(bench.events(), "~2 self");
}

TEST(Admission, strangers_never_take_the_place_of_allowed_peers) {
  Bench bench;
  bench.netmap.set_allowlist(list_of("tag:ok"));
  bench.feed("{\"Peers\":[" + nodes(1, N, ",\"Online\":true") + "]}");
  bench.feed("{\"PeersChanged\":[" + nodes(101, 100 + N, ",\"Tags\":[\"tag:ok\"]") + "]}");
  for (int64_t id = 101; id <= 100 + N; id++)
    EXPECT_TRUE(bench.netmap.find(id).is_set()) << id;
  bench.feed("{\"PeersChanged\":[" + node(300, ",\"Online\":true") + "]}");
  EXPECT_FALSE(bench.netmap.find(300).is_set());
}

TEST(Regions, needed_ones_and_homes_of_peers_stay) {
  const auto region = [](int id, const char *more = "") {
    return "\"" + std::to_string(id) + "\":{\"RegionID\":" + std::to_string(id) + more +
           ",\"Nodes\":[{\"Name\":\"a\",\"HostName\":\"h" + std::to_string(id) + "\"}]}";
  };
  std::string all = region(1, ",\"Avoid\":true");
  for (int id = 2; id != 31; id++)
    all += "," + region(id);
  const std::string map = "{\"DERPMap\":{\"Regions\":{" + all + "}}}";
  Bench bench;
  bench.netmap.set_region_needed(30, true);
  bench.feed(map);
  const RegionStore &regions = bench.netmap.regions();
  EXPECT_EQ(regions.all().size(), MAX_DERP_REGIONS);
  EXPECT_EQ(regions.count_in_map(), 30);
  EXPECT_NE(regions.find(30), nullptr);
  EXPECT_EQ(regions.find(1), nullptr);
  EXPECT_NE(regions.find(2), nullptr);
  EXPECT_EQ(bench.events(), "derp");
  bench.feed(map);
  EXPECT_EQ(bench.events(), "");
  bench.feed("{\"Peers\":[" + node(1, ",\"HomeDERP\":25") + "]}");
  EXPECT_EQ(bench.events(), "+1 full");
  EXPECT_TRUE(bench.netmap.needs_full_map());
  bench.feed(map);
  EXPECT_NE(regions.find(25), nullptr);
  EXPECT_NE(regions.find(30), nullptr);
  EXPECT_FALSE(bench.netmap.needs_full_map());
  EXPECT_EQ(bench.events(), "derp");
  bench.feed(R"({"DERPMap":{"HomeParams":{"RegionScore":{"2":0.5}}}})");
  EXPECT_EQ(regions.score(2), 500U);
  EXPECT_EQ(regions.score(3), 1000U);
  EXPECT_EQ(regions.all().size(), MAX_DERP_REGIONS);
  bench.feed(R"({"DERPMap":{"Regions":{"7":{"Nodes":[{"Name":"x"}]}}}})");
  EXPECT_EQ(regions.all().size(), 1U);
  EXPECT_EQ(regions.all()[0].id(), 7);
  const std::string half = testing::framed(map).substr(0, 300);
  ASSERT_EQ(bench.parser.handle_bytes(as_bytes(half)), Error::NONE);
  bench.parser.reset();
  EXPECT_NE(regions.find(7), nullptr);
}

std::string described(const Netmap &map) {
  std::string out;
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    const Peer *const peer = map.peer(map.at(slot));
    if (peer == nullptr)
      continue;
    out += std::to_string(peer->id) + " " + std::string(map.name(map.at(slot)).view()) + " " +
           std::string(peer->key.to_text().view()) + std::string(peer->disco_key.to_text().view()) +
           std::to_string(peer->home_derp) + (peer->allowed ? " ok" : " no") + (peer->is_jailed ? " jailed" : "") +
           std::to_string(to_unix_seconds(peer->key_expiry));
    for (const Prefix &prefix : peer->prefixes.own())
      out += " " + std::string(to_text(prefix).view());
    for (const Prefix &prefix : peer->prefixes.allowed())
      out += " +" + std::string(to_text(prefix).view());
    out += "\n";
  }
  return out;
}

std::vector<std::vector<uint8_t>> cache_of(const Netmap &map) {
  std::vector<std::vector<uint8_t>> out;
  for (;;) {
    std::vector<uint8_t> record(300);
    record.resize(map.write_cache(out.size(), record));
    if (record.empty())
      return out;
    EXPECT_LE(record.size(), MAX_CACHE_RECORD_BYTES);
    out.push_back(record);
  }
}

TEST(Cache, round_trip) {
  Bench bench;
  bench.feed("{\"Peers\":[" +
             node(2, R"(,"AllowedIPs":["100.64.0.2/32","10.0.0.0/8","2001:db8::/32"],"HomeDERP":9,)"
                     R"("KeyExpiry":"2026-02-01T00:00:00Z")") +
             "," + node(3, R"(,"IsJailed":true,"Name":")" + std::string(MAX_NODE_NAME_BYTES, 'x') + "\"") + "," +
             node(4, R"(,"UnsignedPeerAPIOnly":true,"Name":"")") + "," + nodes(5, 9) + "," +
             R"({"ID":9223372036854775807,"Name":"v6.t.ts.net","Key":")" + key_text("nodekey:", 99) +
             R"(","DiscoKey":")" + key_text("discokey:", 99) +
             R"(","Addresses":["100.64.0.99/32","fd7a:115c:a1e0::99/128"]}]})");
  const auto records = cache_of(bench.netmap);
  EXPECT_GE(records.size(), 4U);
  Bench loaded;
  for (const auto &record : records)
    EXPECT_EQ(loaded.netmap.load_cache(record), Error::NONE);
  EXPECT_EQ(loaded.ids(), bench.ids());
  const auto sorted = [](std::string text) {
    std::multiset<std::string> out;
    for (size_t at; (at = text.find('\n')) != std::string::npos; text.erase(0, at + 1))
      out.insert(text.substr(0, at));
    return out;
  };
  EXPECT_EQ(sorted(described(loaded.netmap)), sorted(described(bench.netmap)));
  const Peer *const peer = loaded.netmap.peer(loaded.netmap.find(5));
  EXPECT_TRUE(peer->from_cache);
  EXPECT_EQ(peer->claim, Claim::CACHED);
  loaded.feed("{\"Peers\":[" + nodes(5, 6) + "]}");
  EXPECT_EQ(loaded.ids(), (std::set<int64_t>{5, 6}));  // control has the last word
  EXPECT_FALSE(loaded.netmap.peer(loaded.netmap.find(5))->from_cache);
  EXPECT_EQ(loaded.netmap.load_cache(records[0]), Error::UNEXPECTED);
}

TEST(Cache, two_peers_of_a_usual_tailnet_fit_into_a_record) {
  Bench bench;
  std::string peers;
  for (int64_t id = 1000001; id <= 1000008; id++)
    peers += (peers.empty() ? "" : ",") +
             node(id, ",\"Name\":\"living-room-" + std::to_string(id % 10) +
                          ".tail0123.ts.net.\",\"Addresses\":[\"100.100.0." + std::to_string(id % 10) +
                          "/32\",\"fd7a:115c:a1e0::" + std::to_string(id % 10) + "/128\"]");
  bench.feed("{\"Peers\":[" + peers + "]}");
  EXPECT_EQ(cache_of(bench.netmap).size(), 4U);
}

TEST(Cache, the_strongest_claims_come_first) {
  Bench bench;
  bench.feed("{\"Peers\":[" + nodes(1, 8) + "]}");
  bench.netmap.set_live(bench.netmap.find(7), true);
  Bench loaded;
  EXPECT_EQ(loaded.netmap.load_cache(cache_of(bench.netmap)[0]), Error::NONE);
  EXPECT_TRUE(loaded.netmap.find(7).is_set());
}

TEST(Cache, a_changed_allowlist_is_not_bypassed) {
  const Allowlist by_tag = list_of("tag:ok tag:other");
  const Allowlist by_name = list_of("n3.t.ts.net");
  Bench bench;
  bench.netmap.set_allowlist(by_tag);
  bench.feed("{\"Peers\":[" + nodes(2, 3, ",\"Tags\":[\"tag:ok\"]") + "]}");
  const auto records = cache_of(bench.netmap);
  Bench same;
  same.netmap.set_allowlist(by_tag);
  Bench changed;
  changed.netmap.set_allowlist(by_name);
  for (const auto &record : records) {
    EXPECT_EQ(same.netmap.load_cache(record), Error::NONE);
    EXPECT_EQ(changed.netmap.load_cache(record), Error::NONE);
  }
  EXPECT_TRUE(same.netmap.peer(same.netmap.find(2))->allowed);
  EXPECT_FALSE(changed.netmap.peer(changed.netmap.find(2))->allowed);
  EXPECT_TRUE(changed.netmap.peer(changed.netmap.find(3))->allowed);
  same.netmap.set_allowlist(list_of("tag:other n3.t.ts.net"));  // which of the tags it has is not in the cache
  EXPECT_FALSE(same.netmap.peer(same.netmap.find(2))->allowed);
  EXPECT_TRUE(same.netmap.peer(same.netmap.find(3))->allowed);
}

TEST(Cache, a_short_name_lets_in_before_the_first_map) {
  Bench bench;
  bench.netmap.set_allowlist(list_of("n2"));
  bench.feed("{\"Node\":" + node(1) + ",\"Peers\":[" + nodes(2, 3) + "]}");
  Bench loaded;
  loaded.netmap.set_allowlist(list_of("n2"));
  for (const auto &record : cache_of(bench.netmap))
    EXPECT_EQ(loaded.netmap.load_cache(record), Error::NONE);
  EXPECT_TRUE(loaded.netmap.peer(loaded.netmap.find(2))->allowed);
  EXPECT_FALSE(loaded.netmap.peer(loaded.netmap.find(3))->allowed);
}

TEST(Cache, damaged_records_are_refused) {
  Bench bench;
  bench.feed("{\"Peers\":[" + node(2) + "]}");
  const auto record = cache_of(bench.netmap)[0];
  for (size_t n = 0; n != record.size(); n++) {
    Bench loaded;
    const ByteView front = ByteView(record).first(n);
    EXPECT_EQ(loaded.netmap.load_cache(front), n == 5 ? Error::NONE : Error::MALFORMED) << n;
    EXPECT_EQ(loaded.netmap.peer_count(), 0U);
  }
  for (size_t i = 0; i != record.size(); i++) {
    for (unsigned bit = 0; bit != 8; bit++) {
      auto flipped = record;
      flipped[i] = static_cast<uint8_t>(flipped[i] ^ 1U << bit);
      Bench loaded;
      (void) loaded.netmap.load_cache(flipped);
      EXPECT_LE(loaded.netmap.peer_count(), 1U);
    }
  }
}

}  // namespace
}  // namespace microlink::netmap
