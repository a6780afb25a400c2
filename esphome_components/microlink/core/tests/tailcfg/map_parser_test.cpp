// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/map_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/support/vectors.h"
#include "tests/tailcfg/recorder.h"
#include "tests/tailcfg/stream.h"

namespace microlink::tailcfg {
namespace {

using testing::framed;
using Lines = std::vector<std::string>;

constexpr const char *KEY = "nodekey:1612e526c12ee826ede0ec9d8325c6b5d9bd6a81eb2a0d7604f8dcbef124b000";

/// What the sink hears of a stream that is fed in pieces of at most `piece` bytes (0 = whole).
Lines heard(const std::string &stream, size_t piece = 0, Error expected = Error::NONE) {
  testing::Recorder recorder;
  MapParser parser(recorder);
  Error error = Error::NONE;
  for (size_t at = 0; at < stream.size() && error == Error::NONE;) {
    const std::string chunk = stream.substr(at, piece == 0 ? std::string::npos : piece);
    at += chunk.size();
    error = parser.handle_bytes(as_bytes(chunk));
  }
  EXPECT_EQ(error, expected) << stream.substr(0, 200);
  return recorder.lines;
}

/// Of one message, without its begin and end.
Lines heard_of(const std::string &json) {
  Lines lines = heard(framed(json));
  EXPECT_GE(lines.size(), 2U);
  return {lines.begin() + 1, lines.end() - 1};
}

TEST(MapParser, plain_stream_of_the_vectors) {
  const auto bytes = testing::load_vectors("map.json")["plain_stream"].hex();
  EXPECT_EQ(heard(std::string(bytes.begin(), bytes.end())),
            (Lines{"begin", "end keepalive", "begin", "time 1767323045678000", "end"}));
}

TEST(MapParser, full_response_of_the_samples) {
  const auto lines = heard_of(testing::load_vectors("samples.json")["map_response_full"].dump());
  const Lines expected = {
      "self 1 sensor-1.test.internal [FhLlJ] d:7e1d1780b6c13281 a=100.64.0.1/32 a=fd7a:115c:a1e0::1/128 "
      "r=100.64.0.1/32 "
      "r=fd7a:115c:a1e0::1/128 e=203.0.113.9:41641 tag:iot home=999 cap=131 authorized",
      "regions[",
      "region 999 test {999a derp.test.internal "
      "sha256-raw:ba4ca788a3b4ca8e38bb56db990bf8c5e2cf054294c5ff2c1bc2f0a51316d60b 192.0.2.10!6 8443 3478}",
      "]regions",
      "peers[",
      "peer 2 ha.test.internal [L00w/] d:62010eb66c52df82 a=100.64.0.2/32 a=fd7a:115c:a1e0::2/128 r=100.64.0.2/32 "
      "r=fd7a:115c:a1e0::2/128 r=192.168.50.0/24 e=198.51.100.7:41641 e=[2001:db8::7]:41641 home=999 cap=142 online "
      "expires=1780369445 authorized",
      "peer 3 old.test.internal [Pk5h0] d:0000000000000000 a=100.64.0.3/32 r=100.64.0.3/32 home=999 cap=0 offline",
      "]peers",
      "magicdns test.internal",
      "domain test.internal",
      "filters",
      "filter[ base",
      "rule[",
      "from 100.64.0.2-100.64.0.2",
      "from fd7a:115c:a1e0::2-fd7a:115c:a1e0::2",
      "protocol 6",
      "to 100.64.0.1-100.64.0.1:6053-6053",
      "]rule valid",
      "rule[",
      "from *",
      "]rule",
      "]filter",
      "time 1767323045678901",
  };
  EXPECT_EQ(lines, expected);
}

TEST(MapParser, later_responses_of_the_samples) {
  const auto later = testing::load_vectors("samples.json")["map_responses_later"];
  std::string stream;
  for (size_t i = 0; i != later.size(); i++)
    stream += framed(later[i].dump());
  EXPECT_EQ(heard(stream), (Lines{"begin",
                                  "end keepalive",  //
                                  "begin",
                                  "patch 2 home=999 endpoints=198.51.100.7:5000 online",
                                  "end",  //
                                  "begin",
                                  "removed 3",
                                  "end",  //
                                  "begin",
                                  "ping https://control.example/machine/ping-response?id=1   ",
                                  "end",  //
                                  "begin",
                                  "ping https://unused/some/path noise   ",
                                  "end keepalive",  //
                                  "begin",
                                  "ping https://unused/c2n/1 c2n  "
                                  "UE9TVCAvZWNobyBIVFRQLzEuMQ0KSG9zdDogeA0KQ29udGVudC1MZW5ndGg6IDINCg0KaGk=",
                                  "end",  //
                                  "begin",
                                  "health",
                                  "end",  //
                                  "begin",
                                  "unwell T: X",
                                  "health",
                                  "unwell T: X",
                                  "end"}));
}

TEST(MapParser, every_split_gives_the_same_calls) {
  const auto steps = testing::load_vectors("map.json")["delta_sequence"]["steps"];
  std::string stream = framed(testing::load_vectors("samples.json")["map_response_full"].dump());
  for (size_t i = 0; i != steps.size(); i++)
    stream += framed(steps[i]["message"].dump());
  const Lines whole = heard(stream);
  for (size_t piece = 1; piece != 40; piece++)
    ASSERT_EQ(heard(stream, piece), whole) << piece;
  const unsigned seed = 7;
  std::mt19937 random(seed);
  for (int round = 0; round != 100; round++) {
    testing::Recorder recorder;
    MapParser parser(recorder);
    for (size_t at = 0; at < stream.size();) {
      const size_t n = std::min<size_t>(stream.size() - at, random() % 700);
      const std::string chunk = stream.substr(at, n);
      at += n;
      ASSERT_EQ(parser.handle_bytes(as_bytes(chunk)), Error::NONE);
    }
    ASSERT_EQ(recorder.lines, whole) << "seed " << seed << " round " << round;
  }
}

TEST(MapParser, key_order_does_not_matter_inside_a_node) {
  const std::string key = std::string("\"Key\":\"") + KEY + "\"";
  std::vector<std::string> fields = {"\"ID\":5",
                                     key,
                                     "\"Addresses\":[\"100.64.0.5/32\"]",
                                     "\"DERP\":\"127.3.3.40:7\"",
                                     "\"HomeDERP\":0",
                                     "\"AllowedIPs\":null",
                                     "\"Name\":\"A.B.\"",
                                     "\"UnsignedPeerAPIOnly\":false"};
  const auto message = [&] {
    std::string out;
    for (const auto &field : fields)
      out += (out.empty() ? "" : ",") + field;
    return "{\"PeersChanged\":[{" + out + "}]}";
  };
  const Lines expected = heard_of(message());
  EXPECT_EQ(expected[0], "peer 5 a.b [FhLlJ] d:0000000000000000 a=100.64.0.5/32 r=100.64.0.5/32 home=7 cap=0");
  std::mt19937 random(3);
  for (int round = 0; round != 50; round++) {
    std::shuffle(fields.begin(), fields.end(), random);
    EXPECT_EQ(heard_of(message()), expected);
  }
}

TEST(MapParser, normalises_nodes) {
  const std::pair<const char *, const char *> cases[] = {
      {R"("AllowedIPs":[])", "home=0 cap=0"},
      {R"("AllowedIPs":["10.0.0.0/8"],"UnsignedPeerAPIOnly":true)", "r=100.64.0.5/32 home=0 cap=0 unsigned"},
      {R"("AllowedIPs":["10.1.0.0/8","x","10.0.0.0/8"])", "r=10.0.0.0/8 home=0 cap=0"},
      {R"("AllowedIPs":["10.0.0.0/8","10.1.0.0/16","10.2.0.0/16","10.3.0.0/16","10.4.0.0/16","100.64.0.5/32"])",
       "r=10.0.0.0/8 r=10.1.0.0/16 r=10.2.0.0/16 r=100.64.0.5/32 home=0 cap=0"},
      {R"("HomeDERP":3,"DERP":"127.3.3.40:7")", "r=100.64.0.5/32 home=3 cap=0"},
      {R"("DERP":"127.3.3.41:7")", "r=100.64.0.5/32 home=0 cap=0"},
      {R"("HomeDERP":70000,"Cap":-1)", "r=100.64.0.5/32 home=0 cap=0"},
      {R"("Endpoints":["1.2.3.4:5","bad","1.2.3.4:0"],"Online":null)", "r=100.64.0.5/32 e=1.2.3.4:5 home=0 cap=0"},
      {R"("Online":true,"Online":false)", "r=100.64.0.5/32 home=0 cap=0 offline"},
      {R"("KeyExpiry":"2026-01-02T03:04:05+01:00")", "r=100.64.0.5/32 home=0 cap=0 expires=1767319445"},
      {R"("KeyExpiry":"0001-01-01T00:00:00Z")", "r=100.64.0.5/32 home=0 cap=0"},
      {R"("KeyExpiry":"soon")", "r=100.64.0.5/32 home=0 cap=0 expires=0"},
      {R"("IsJailed":true,"IsWireGuardOnly":true,"Expired":true,"Tags":["tag:a",1,null,"tag:b"])",
       "r=100.64.0.5/32 tag:a tag:b home=0 cap=0 expired wgonly jailed"},
      {R"("KeySignature":"pQECAyYg")", "r=100.64.0.5/32 home=0 cap=0 signed"},
      {R"("KeySignature":null)", "r=100.64.0.5/32 home=0 cap=0"},
      {R"("Capabilities":["x"],"CapMap":{"a":[{"b":[1]}]},"Hostinfo":{"Endpoints":["9.9.9.9:9"]},"Sharer":1)",
       "r=100.64.0.5/32 home=0 cap=0"},
  };
  const std::string front = "peer 5  [FhLlJ] d:0000000000000000 a=100.64.0.5/32 ";
  for (const auto &[fields, expected] : cases) {
    const auto lines = heard_of(std::string("{\"PeersChanged\":[{\"ID\":5,\"Key\":\"") + KEY +
                                "\",\"Addresses\":[\"100.64.0.5/32\",\"100.64.0.0/10\"]," + fields + "}]}");
    ASSERT_EQ(lines.size(), 1U) << fields;
    EXPECT_EQ(lines[0], front + expected) << fields;
  }
}

TEST(MapParser, ids_keep_all_bits) {
  EXPECT_EQ(heard_of(R"({"PeersRemoved":[9223372036854775807,9007199254740993,0,-1,1.5,"7",null]})"),
            (Lines{"removed 9223372036854775807", "removed 9007199254740993"}));
  EXPECT_EQ(heard_of(R"({"OnlineChange":{"9007199254740993":true,"x":true,"4":null,"5":false}})"),
            (Lines{"online 9007199254740993 yes", "online 5 no"}));
}

TEST(MapParser, full_peers_make_the_deltas_of_the_message_void) {
  EXPECT_EQ(heard_of(R"({"Peers":[{"ID":1}],"PeersChanged":[{"ID":2}],"PeersRemoved":[1],"OnlineChange":{"1":true},)"
                     R"("PeersChangedPatch":[{"NodeID":1}]})"),
            (Lines{"peers[", "peer 1  [AAAAA] d:0000000000000000 home=0 cap=0", "]peers"}));
  EXPECT_EQ(heard_of(R"({"Peers":[],"PeersRemoved":[1]})"), (Lines{"removed 1"}));
  EXPECT_EQ(heard_of(R"({"Peers":null,"PeersRemoved":[1]})"), (Lines{"removed 1"}));
}

TEST(MapParser, patches_say_only_what_is_there) {
  EXPECT_EQ(
      heard_of(
          R"({"PeersChangedPatch":[{"NodeID":1,"DERPRegion":0,"Endpoints":[],"Cap":0,"KeyExpiry":null},null,)"
          R"({"DERPRegion":2},{"Online":false,"NodeID":7,"CapMap":{"x":null},"LastSeen":"2026-01-01T00:00:00Z"}]})"),
      (Lines{"patch 1 endpoints", "patch 7 offline"}));
}

TEST(MapParser, derp_map_partly_present) {
  EXPECT_EQ(heard_of(R"({"DERPMap":{"HomeParams":{"RegionScore":{"1":0.9,"2":1e-1,"3":0,"x":4}},"Regions":null}})"),
            (Lines{"scores", "score 1 900", "score 2 100"}));
  EXPECT_EQ(heard_of(R"({"DERPMap":{"HomeParams":null,"Regions":{}}})"), (Lines{"regions[", "]regions"}));
  EXPECT_EQ(heard_of(R"({"DERPMap":{"Regions":{"4":{"Avoid":true,"NoMeasureNoHome":true,"Nodes":[)"
                     R"({"Name":"s","STUNOnly":true,"STUNPort":-1},{"Name":"a"},{"Name":"b","InsecureForTests":true},)"
                     R"({"Name":"c"}]},"5":null}}})"),
            (Lines{"regions[", "region 4  avoid nohome {b   :: 0 0 insecure} {a   :: 0 0}", "]regions"}));
}

TEST(MapParser, odds_and_ends) {
  EXPECT_EQ(heard_of(R"({"Debug":{"SleepSeconds":1.5},"TKAInfo":{"Head":"x"},"PopBrowserURL":"http://x/","Domain":"d",)"
                     R"("Health":["a\u00e9","b"],"ControlTime":"nonsense","DNSConfig":{"Domains":["One.","Two"],)"
                     R"("Proxied":false}})"),
            (Lines{"sleep 1500", "locked", "browser http://x/", "domain d", "health", "unwell a\xc3\xa9", "unwell b",
                   "dns one"}));
  EXPECT_EQ(
      heard_of(R"({"TKAInfo":{"Head":"x","Disabled":true},"PingRequest":{"URL":")" + std::string(193, 'x') + R"("}})"),
      (Lines{"unlocked"}));
  EXPECT_EQ(heard_of(R"({"DisplayMessages":{"*":null,"b":null,"c":{"Title":"only"}}})"),
            (Lines{"health", "well again", "unwell only"}));
}

TEST(MapParser, a_display_message_is_taken_back_by_the_id_that_it_was_shown_with) {
  testing::Recorder sink;
  MapParser parser(sink);
  for (const char *json :
       {R"({"DisplayMessages":{"a":{"Title":"A"},"b":{"Text":"B"}}})", R"({"DisplayMessages":{"b":null}})",
        R"({"DisplayMessages":{"c":{"Title":"C"},"*":null,"a":null}})", R"({"Health":["h","i"]})"})
    ASSERT_EQ(parser.handle_bytes(as_bytes(framed(json))), Error::NONE);
  const auto &ids = sink.health_ids;  // a b, b, c c (after "*" the last is said again) a, h i
  ASSERT_EQ(ids.size(), 8U);
  EXPECT_EQ(std::set<uint32_t>(ids.begin(), ids.end()).size(), 4U);
  EXPECT_EQ(ids, (std::vector{ids[0], ids[1], ids[1], ids[3], ids[3], ids[0], ids[6], ids[6]}));
  EXPECT_FALSE(std::count(ids.begin(), ids.end(), 0U));
}

TEST(MapParser, null_and_wrong_types_are_tolerated_everywhere) {
  for (const char *value :
       {"null", "1", "\"x\"", "true", "[]", "{}", "[null]", "[1]", "[\"x\"]", "[[]]", "[{}]", "{\"a\":null}",
        "{\"1\":{}}", "{\"1\":[[{}]]}", "{\"Nodes\":{},\"Addresses\":{},\"Ports\":[],\"Regions\":[{}]}"}) {
    for (const char *key :
         {"KeepAlive",    "PingRequest",  "PopBrowserURL",     "Node",         "DERPMap",         "Peers",
          "PeersChanged", "PeersRemoved", "PeersChangedPatch", "OnlineChange", "PeerSeenChange",  "DNSConfig",
          "Domain",       "PacketFilter", "PacketFilters",     "Health",       "DisplayMessages", "ControlTime",
          "TKAInfo",      "Debug"}) {
      const Lines lines = heard(framed(std::string("{\"") + key + "\":" + value + ",\"PeersRemoved\":[77]}"));
      ASSERT_FALSE(lines.empty());
      EXPECT_TRUE(lines.back().starts_with("end")) << key << " " << value;
    }
    for (const char *key : {"ID", "Name", "Key", "KeyExpiry", "Machine", "DiscoKey", "Addresses", "AllowedIPs",
                            "Endpoints", "DERP", "HomeDERP", "Cap", "Tags", "Online"}) {
      const Lines lines = heard(framed(std::string("{\"PeersChanged\":[{\"ID\":7,\"") + key + "\":" + value + "}]}"));
      EXPECT_EQ(lines.back(), "end") << key << " " << value;
    }
  }
}

TEST(MapParser, refuses_what_is_no_message) {
  const std::string zero(4, '\0');
  EXPECT_EQ(heard(zero, 0, Error::MALFORMED), (Lines{"aborted"}));
  EXPECT_EQ(heard(std::string("\x01\x00\x00\x02", 4), 0, Error::MALFORMED), (Lines{"aborted"}));  // 32 MiB + 1
  for (const char *bad : {"[]", "1", "null", "\"x\"", "{}x", "{} {}", "{\"a\"}", "{", "  "})
    EXPECT_EQ(heard(framed(bad), 0, Error::MALFORMED).back(), "aborted") << bad;
  EXPECT_EQ(heard(framed(" {} \n")), (Lines{"begin", "end"}));
}

TEST(MapParser, is_closed_after_a_failure_until_reset) {
  testing::Recorder recorder;
  MapParser parser(recorder);
  const std::string bad = framed("[]");
  EXPECT_EQ(parser.handle_bytes(as_bytes(bad)), Error::MALFORMED);
  const std::string good = framed("{}");
  EXPECT_EQ(parser.handle_bytes(as_bytes(good)), Error::CLOSED);
  parser.reset();
  EXPECT_EQ(parser.handle_bytes(as_bytes(good)), Error::NONE);
  EXPECT_EQ(recorder.lines, (Lines{"begin", "aborted", "begin", "end"}));
}

TEST(MapParser, a_stream_that_ends_inside_a_message_is_aborted) {
  const std::string stream = framed(R"({"Peers":[{"ID":1},{"ID":2}]})");
  for (size_t n = 0; n != stream.size(); n++) {
    testing::Recorder recorder;
    MapParser parser(recorder);
    ASSERT_EQ(parser.handle_bytes(as_bytes(std::string_view(stream).substr(0, n))), Error::NONE);
    EXPECT_EQ(parser.is_inside_message(), n != 0);
    parser.reset();
    ASSERT_EQ(recorder.lines.empty(), n < 4) << n;
    if (n >= 4) {
      EXPECT_EQ(recorder.lines.back(), "aborted") << n;
    }
    ASSERT_EQ(parser.handle_bytes(as_bytes(stream)), Error::NONE);
    EXPECT_EQ(recorder.lines.back(), "end");
  }
}

TEST(MapParser, big_messages_pass_through) {
  testing::Recorder recorder;
  recorder.counts_only = true;
  MapParser parser(recorder);
  std::string json = "{\"Unknown\":[\"" + std::string(1 << 20, 'x') + "\",{\"a\":" + std::string(100, '[') +
                     std::string(100, ']') + "}],\"Peers\":[";
  for (int i = 1; i <= 10000; i++)
    json += (i == 1 ? "" : ",") + std::string("{\"ID\":") + std::to_string(i) + ",\"Name\":\"n" + std::to_string(i) +
            ".t.ts.net.\"}";
  json += "],\"PacketFilter\":[{\"SrcIPs\":[";
  for (int i = 0; i != 10000; i++)
    json += (i == 0 ? "\"100.64." : ",\"100.64.") + std::to_string(i / 256) + "." + std::to_string(i % 256) + "\"";
  json += "],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":1,\"Last\":2}}]}]}";
  const std::string stream = framed(json);
  ASSERT_EQ(parser.handle_bytes(as_bytes(stream)), Error::NONE);
  EXPECT_EQ(recorder.calls, 2U + 10002 + 10000 + 5);
  std::printf("sizeof(MapParser) = %zu\n", sizeof(MapParser));
  EXPECT_LE(sizeof(MapParser), 2048U);
}

}  // namespace
}  // namespace microlink::tailcfg
