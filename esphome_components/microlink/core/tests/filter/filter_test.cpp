// SPDX-License-Identifier: MIT
#include <map>
#include <random>

#include "tests/filter/bench.h"
#include "tests/support/vectors.h"

namespace microlink::filter::testing {
namespace {

const char *const ALLOW_ALL = R"([{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}])";

TEST(Filter, every_verdict_of_the_vectors) {
  const auto vectors = microlink::testing::load_vectors("filter.json");
  Bench bench;
  bench.feed("{\"Node\":{\"ID\":1,\"Addresses\":" + vectors["local_addresses"].dump() +
             "},\"PacketFilter\":" + vectors["rules"].dump() + "}");
  const auto seen = vectors["outbound_udp_seen_before"];
  const auto outbound =
      packet(seen["src"].text().c_str(), seen["dst"].text().c_str(), ip::UDP,
             static_cast<uint16_t>(seen["sport"].integer()), static_cast<uint16_t>(seen["dport"].integer()));
  EXPECT_TRUE(bench.filter.check_outbound(outbound).accept);
  const auto cases = vectors["cases"];
  ASSERT_EQ(cases.size(), 33U);
  for (size_t i = 0; i != cases.size(); i++) {
    const Verdict verdict = bench.filter.check_inbound(cases[i]["packet"].hex());
    EXPECT_EQ(verdict.accept, cases[i]["verdict"].text() == "accept") << cases[i]["name"].text();
    EXPECT_EQ(reason_name(verdict.reason), cases[i]["reason"].text()) << cases[i]["name"].text();
  }
  EXPECT_TRUE(bench.filter.is_complete());
  EXPECT_FALSE(bench.filter.needs_full_map());
}

TEST(Filter, drops_every_truncated_packet) {
  const auto cases = microlink::testing::load_vectors("filter.json")["cases"];
  Bench bench;
  bench.feed_self();
  bench.feed("{\"PacketFilter\":[]}");
  for (size_t i = 0; i != cases.size(); i++) {
    auto bytes = cases[i]["packet"].hex();
    for (size_t n = 1; n < bytes.size(); n++) {
      const std::vector<uint8_t> front(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_FALSE(bench.filter.check_inbound(front).accept) << cases[i]["name"].text() << " cut at " << n;
    }
  }
}

TEST(Filter, denies_everything_until_a_filter_came) {
  Bench bench;
  bench.feed_self();
  EXPECT_EQ(bench.filter.check_inbound(packet("100.64.0.2", "100.64.0.1", ip::TCP, 1, 80, ip::TCP_ACK)).reason,
            Reason::NO_FILTER);
  EXPECT_TRUE(bench.filter.check_inbound({}).accept);
  EXPECT_FALSE(bench.filter.has_filter());
  bench.feed("{\"PacketFilter\":[]}");
  EXPECT_TRUE(bench.filter.has_filter());
  EXPECT_FALSE(bench.lets_in("100.64.0.2"));
  bench.feed(std::string("{\"PacketFilter\":") + ALLOW_ALL + "}");
  EXPECT_TRUE(bench.lets_in("100.64.0.2"));
  bench.feed("{\"KeepAlive\":true}");
  EXPECT_TRUE(bench.lets_in("100.64.0.2"));
  bench.filter.clear();
  EXPECT_FALSE(bench.lets_in("100.64.0.2"));
}

TEST(Filter, a_later_fragment_must_be_for_this_node_too) {
  Bench bench;
  bench.feed_self();
  bench.feed(std::string("{\"PacketFilter\":") + ALLOW_ALL + "}");
  auto fragment = packet("100.64.0.2", "100.64.0.1", ip::UDP, 1, 80);
  fragment[7] = 20;  // 160 bytes in
  EXPECT_EQ(bench.filter.check_inbound(fragment).reason, Reason::FRAGMENT);
  fragment[19] = 3;
  EXPECT_EQ(bench.filter.check_inbound(fragment).reason, Reason::NOT_OURS);
}

TEST(Filter, half_a_message_permits_nothing) {
  const std::string stream = framed(std::string("{\"PacketFilter\":") + ALLOW_ALL + "}");
  for (size_t n = 0; n <= stream.size(); n++) {
    Bench bench;
    bench.feed_self();
    bench.feed("{\"PacketFilter\":[]}");
    ASSERT_EQ(bench.parser.handle_bytes(as_bytes(stream.substr(0, n))), Error::NONE);
    ASSERT_EQ(bench.lets_in("100.64.0.2"), n == stream.size()) << n;
    bench.parser.reset();
    ASSERT_EQ(bench.lets_in("100.64.0.2"), n == stream.size()) << n;
  }
}

// 02 §2.3.
TEST(Filter, named_filters) {
  const auto rule = [](int last, int port) {
    return "[{\"SrcIPs\":[\"100.64.0." + std::to_string(last) +
           "\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":" + std::to_string(port) +
           ",\"Last\":" + std::to_string(port) + "}}]}]";
  };
  Bench bench;
  bench.feed_self();
  const auto state = [&] {
    std::string out;
    for (int last = 2; last != 6; last++) {
      if (bench.lets_in(("100.64.0." + std::to_string(last)).c_str()))
        out += static_cast<char>('0' + last);
    }
    return out;
  };
  bench.feed("{\"PacketFilters\":{\"base\":" + rule(2, 80) + ",\"b\":" + rule(3, 80) + "}}");
  EXPECT_EQ(state(), "23");
  bench.feed("{\"PacketFilter\":" + rule(4, 80) + "}");
  EXPECT_EQ(state(), "34");
  bench.feed("{\"PacketFilters\":{\"b\":null,\"c\":" + rule(5, 80) + "}}");
  EXPECT_EQ(state(), "45");
  bench.feed("{\"PacketFilters\":{\"*\":[],\"unknown\":null}}");
  EXPECT_EQ(state(), "45");
  bench.feed("{\"PacketFilters\":{\"a\":" + rule(2, 80) + ",\"*\":null}}");  // in whatever order they stand
  EXPECT_EQ(state(), "2");
  bench.feed("{\"PacketFilter\":" + rule(4, 80) + ",\"PacketFilters\":{\"*\":null,\"b\":" + rule(3, 80) + "}}");
  EXPECT_EQ(state(), "3");
  bench.feed("{\"PacketFilters\":{\"b\":" + rule(5, 80) + ",\"*\":null},\"PacketFilter\":" + rule(4, 80) + "}");
  EXPECT_EQ(state(), "5");
  bench.feed("{\"PacketFilters\":{\"b\":{}}}");
  EXPECT_EQ(state(), "");
  bench.feed("{\"PacketFilters\":{\"a\":" + rule(2, 80) + ",\"b\":" + rule(3, 80) + ",\"c\":" + rule(4, 80) + "}}");
  EXPECT_EQ(state(), "234");
  bench.feed("{\"PacketFilters\":{\"b\":[]}}");
  EXPECT_EQ(state(), "24");
}

// After each step the verdicts are those of a filter that was given the expected rules at once.
TEST(Filter, delta_sequence_of_the_vectors) {
  const auto steps = microlink::testing::load_vectors("map.json")["delta_sequence"]["steps"];
  Bench bench;
  for (size_t i = 0; i != steps.size(); i++) {
    bench.feed(steps[i]["message"].dump());
    Bench expected;
    expected.feed("{\"Node\":{\"ID\":100,\"Addresses\":[\"100.64.0.10/32\"]},\"PacketFilter\":" +
                  steps[i]["expect"]["filter_rules"].dump() + "}");
    for (const char *source : {"100.64.0.11", "100.64.0.12", "8.8.8.8"}) {
      for (const uint16_t port : {uint16_t{22}, uint16_t{80}}) {
        const auto syn = packet(source, "100.64.0.10", ip::TCP, 1000, port);
        EXPECT_EQ(bench.filter.check_inbound(syn).accept, expected.filter.check_inbound(syn).accept)
            << steps[i]["note"].text() << ": " << source << " to " << port;
      }
    }
  }
}

TEST(Filter, more_sets_than_there_is_room_for_permit_nothing) {
  Bench bench;
  bench.feed_self();
  std::string sets;
  for (size_t i = 0; i != MAX_FILTER_SETS; i++)
    sets += "\"s" + std::to_string(i) + "\":[],";
  bench.feed("{\"PacketFilters\":{" + sets + "\"z\":" + ALLOW_ALL + "}}");
  EXPECT_FALSE(bench.lets_in("100.64.0.2"));
  EXPECT_FALSE(bench.filter.is_complete());
}

TEST(Filter, what_cannot_be_read_permits_nothing) {
  const char *const cases[] = {
      R"({"SrcIPs":["100.64.0.0/9"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",  // host bits
      R"({"SrcIPs":["x"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["cap:x"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["::ffff:100.64.0.2"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["::/0"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*"}]})",  // port 0 only
      R"({"SrcIPs":["*"],"DstPorts":[{"IP":"100.64.0.1/24","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":81,"Last":79}}]})",
      R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":-1,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65536}}]})",
      R"({"SrcIPs":["*"],"DstPorts":[{"Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"IPProto":[300],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"IPProto":["6"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"],"CapGrant":[{"Dsts":["*"]}],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["100.64.0.9"],"SrcIPs":["100.64.0.2"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      R"({"SrcIPs":["*"]})",
      R"({"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
      "null",
      "[]",
      "{}",
      "7"};
  for (const char *rule : cases) {
    Bench bench;
    bench.feed_self();
    bench.feed(std::string("{\"PacketFilter\":[") + rule + "]}");
    EXPECT_FALSE(bench.lets_in("100.64.0.2")) << rule;
    EXPECT_TRUE(bench.filter.has_filter());
    EXPECT_EQ(bench.filter.program().mask_count(), 0U);
  }
}

TEST(Filter, obsolete_bits_deny_everything) {
  for (const char *poison :
       {R"({"SrcIPs":["*"],"SrcBits":[8],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]})",
        R"({"SrcIPs":["100.64.0.9"],"DstPorts":[{"IP":"100.64.0.9","Bits":8}]})"}) {
    Bench bench;
    bench.feed_self();
    bench.feed(std::string("{\"PacketFilters\":{\"a\":") + ALLOW_ALL + ",\"b\":[" + poison + "]}}");
    EXPECT_FALSE(bench.lets_in("100.64.0.2")) << poison;
    EXPECT_TRUE(bench.filter.check_inbound(packet("100.64.0.2", "100.64.0.1", ip::TCP, 1, 80, ip::TCP_ACK)).accept);
    bench.feed("{\"PacketFilters\":{\"b\":null}}");
    EXPECT_TRUE(bench.lets_in("100.64.0.2")) << poison;
  }
  Bench bench;
  bench.feed_self();
  bench.feed(R"({"PacketFilter":[{"SrcIPs":["*"],"SrcBits":null,"DstPorts":[{"IP":"*","Bits":null,"Ports":{"First":0,)"
             R"("Last":65535}}]}]})");
  EXPECT_TRUE(bench.lets_in("100.64.0.2"));
}

TEST(Filter, shields_up_lets_only_answers_in) {
  Bench bench;
  bench.feed_self();
  bench.feed(std::string("{\"PacketFilter\":") + ALLOW_ALL + "}");
  const auto syn = packet("100.64.0.2", "100.64.0.1", ip::TCP, 1, 80);
  EXPECT_TRUE(bench.filter.check_inbound(syn, false).accept);
  EXPECT_FALSE(bench.filter.check_inbound(syn, true).accept);
  EXPECT_TRUE(bench.filter.check_inbound(packet("100.64.0.2", "100.64.0.1", ip::TCP, 1, 80, ip::TCP_ACK), true).accept);
  const auto udp = packet("100.64.0.2", "100.64.0.1", ip::UDP, 53, 4000);
  EXPECT_FALSE(bench.filter.check_inbound(udp, true).accept);
  EXPECT_TRUE(bench.filter.check_outbound(packet("100.64.0.1", "100.64.0.2", ip::UDP, 4000, 53)).accept);
  EXPECT_EQ(bench.filter.check_inbound(udp, true).reason, Reason::RETURN_FLOW);
}

TEST(Filter, outbound_packets_to_nowhere_are_dropped) {
  Bench bench;
  EXPECT_EQ(bench.filter.check_outbound(packet("100.64.0.1", "224.0.0.251", ip::UDP, 1, 5353)).reason,
            Reason::MULTICAST);
  EXPECT_EQ(bench.filter.check_outbound(packet("fd7a:115c:a1e0::1", "fe80::1", ip::UDP, 1, 1)).reason,
            Reason::LINK_LOCAL);
  EXPECT_EQ(bench.filter.check_outbound(ByteView{}).reason, Reason::TOO_SHORT);
}

TEST(Filter, rules_for_other_nodes_take_no_room) {
  Bench bench;
  bench.feed_self();
  std::string rules;
  for (int i = 0; i != 500; i++)
    rules += R"({"SrcIPs":["100.64.9.)" + std::to_string(i % 250) + R"("],"DstPorts":[{"IP":"100.64.1.)" +
             std::to_string(i % 250) + R"(","Ports":{"First":0,"Last":65535}}]},)";
  bench.feed("{\"PacketFilter\":[" + rules +
             R"({"SrcIPs":["100.64.0.2"],"DstPorts":[{"IP":"100.64.0.1","Ports":{"First":80,"Last":80}}]}]})");
  EXPECT_EQ(bench.filter.program().rule_count(), 1U);
  EXPECT_TRUE(bench.filter.is_complete());
  EXPECT_TRUE(bench.lets_in("100.64.0.2"));
}

/// Sources with gaps, so that they do not merge: every second address from 100.64.1.0 on.
std::string many_sources(size_t count) {
  std::string out;
  for (size_t i = 0; i != count; i++)
    out += (i == 0 ? "\"100.64." : ",\"100.64.") + std::to_string(1 + i * 2 / 256) + "." + std::to_string(i * 2 % 256) +
           "\"";
  return out;
}

TEST(Filter, a_rule_with_ten_thousand_sources_holds_for_the_peers_in_the_table) {
  Bench bench;
  bench.feed_self();
  bench.table.set(3, "100.64.1.4");
  bench.table.set(4, "100.64.1.5");
  bench.table.set(5, "100.64.70.100");
  const std::string rules =
      "{\"PacketFilter\":[{\"SrcIPs\":[" + many_sources(10000) +
      R"(],"DstPorts":[{"IP":"100.64.0.1","Ports":{"First":80,"Last":80}}]},)" +
      R"({"SrcIPs":["100.64.200.1"],"DstPorts":[{"IP":"100.64.0.1","Ports":{"First":80,"Last":80}}]}]})";
  bench.feed(rules);
  EXPECT_EQ(bench.filter.program().mask_count(), 1U);
  EXPECT_TRUE(bench.lets_in("100.64.1.4"));
  EXPECT_FALSE(bench.lets_in("100.64.1.5"));
  EXPECT_TRUE(bench.lets_in("100.64.70.100"));
  EXPECT_FALSE(bench.lets_in("100.64.1.6"));  // in the rule, but nobody in the table has it
  EXPECT_TRUE(bench.lets_in("100.64.200.1"));
  EXPECT_FALSE(bench.filter.needs_full_map());
  EXPECT_TRUE(bench.filter.is_complete());

  bench.table.set(3, "100.64.1.6");  // another peer took the slot
  EXPECT_TRUE(bench.filter.needs_full_map());
  EXPECT_FALSE(bench.lets_in("100.64.1.6"));
  bench.feed("{\"PacketFilters\":{\"other\":[]}}");  // a delta that keeps the rule
  EXPECT_TRUE(bench.filter.needs_full_map());
  EXPECT_FALSE(bench.lets_in("100.64.1.6"));
  EXPECT_FALSE(bench.lets_in("100.64.1.4"));
  bench.feed(rules);
  EXPECT_FALSE(bench.filter.needs_full_map());
  EXPECT_TRUE(bench.lets_in("100.64.1.6"));
}

TEST(Filter, more_masks_than_there_is_room_for_deny) {
  Bench bench;
  bench.feed_self();
  bench.table.set(0, "100.64.1.0");
  bench.table.set(1, "100.64.1.200");
  std::string rules;
  for (size_t i = 0; i != MAX_MASKS + 1; i++)
    rules += (i == 0 ? "" : ",") + std::string("{\"SrcIPs\":[") + many_sources(200) +
             R"(],"DstPorts":[{"IP":"*","Ports":{"First":)" + std::to_string(80 + i) +
             ",\"Last\":" + std::to_string(80 + i) + "}}]}";
  bench.feed("{\"PacketFilter\":[" + rules + "]}");
  EXPECT_FALSE(bench.filter.is_complete());
  EXPECT_TRUE(bench.lets_in("100.64.1.0", 80));
  EXPECT_TRUE(bench.lets_in("100.64.1.0", static_cast<uint16_t>(80 + MAX_MASKS - 1)));
  EXPECT_FALSE(bench.lets_in("100.64.1.200", static_cast<uint16_t>(80 + MAX_MASKS)));
}

TEST(Filter, new_own_addresses_are_not_reachable_by_rules_for_the_old_ones) {
  Bench bench;
  bench.feed_self("100.64.0.7");
  bench.feed(R"({"PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"100.64.0.7","Ports":{"First":80,"Last":80}}]},)"
             R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":90,"Last":90}}]}]})");
  bench.feed_self("100.64.0.1");
  EXPECT_FALSE(bench.lets_in("100.64.0.2", 80));
  EXPECT_TRUE(bench.lets_in("100.64.0.2", 90));
  EXPECT_TRUE(bench.filter.needs_full_map());
}

TEST(Filter, rules_before_the_own_node_ask_for_another_map) {
  Bench bench;
  const std::string message =
      R"({"PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"100.64.0.1","Ports":{"First":80,"Last":80}}]}],)"
      R"("Node":{"ID":1,"Addresses":["100.64.0.1/32"]}})";
  bench.feed(message);
  EXPECT_FALSE(bench.lets_in("100.64.0.2"));
  EXPECT_TRUE(bench.filter.needs_full_map());
  bench.feed(message);
  EXPECT_TRUE(bench.lets_in("100.64.0.2"));
  EXPECT_FALSE(bench.filter.needs_full_map());
}

// Against a plain list of rules, with sets that come and go.
TEST(Filter, agrees_with_a_naive_model) {
  const unsigned seed = 61;
  std::mt19937 random(seed);
  Bench bench;
  bench.feed_self();
  struct Model {
    unsigned first, last, port_first, port_last;
  };
  std::map<std::string, std::vector<Model>> model;
  for (int round = 0; round != 400; round++) {
    const std::string name(1, static_cast<char>('a' + random() % 3));
    std::string rules;
    std::vector<Model> modelled;
    for (size_t n = random() % 5; n != 0; n--) {
      const unsigned first = static_cast<unsigned>(random() % 250);
      const unsigned port = static_cast<unsigned>(random() % 20);
      std::string sources;
      for (unsigned m = 1 + first % 4, at = first; m != 0 && at < 250;
           m--, at += 1 + static_cast<unsigned>(random() % 3)) {
        const unsigned end = static_cast<unsigned>(std::min<size_t>(250, at + random() % 4));
        sources += (sources.empty() ? "\"100.64.0." : ",\"100.64.0.") + std::to_string(at) + "-100.64.0." +
                   std::to_string(end) + "\"";
        modelled.push_back({at, end, port, port + 3});
      }
      rules += (rules.empty() ? "{\"SrcIPs\":[" : ",{\"SrcIPs\":[") + sources +
               "],\"DstPorts\":[{\"IP\":\"100.64.0.1\",\"Ports\":{\"First\":" + std::to_string(port) +
               ",\"Last\":" + std::to_string(port + 3) + "}}]}";
    }
    const bool remove = random() % 4 == 0;
    bench.feed("{\"PacketFilters\":{\"" + name + "\":" + (remove ? "null" : "[" + rules + "]") + "}}");
    model[name] = remove ? std::vector<Model>{} : modelled;
    for (int probe = 0; probe != 60; probe++) {
      const unsigned source = static_cast<unsigned>(random() % 252);
      const unsigned port = static_cast<unsigned>(random() % 26);
      bool expected = false;
      for (const auto &[_, list] : model) {
        for (const Model &m : list)
          expected |= m.first <= source && source <= m.last && m.port_first <= port && port <= m.port_last;
      }
      ASSERT_EQ(bench.lets_in(("100.64.0." + std::to_string(source)).c_str(), static_cast<uint16_t>(port)), expected)
          << "seed " << seed << " round " << round << " source " << source << " port " << port;
    }
  }
}

TEST(Filter, size_is_as_documented) {
  std::printf("sizeof(Program) = %zu, sizeof(Filter) = %zu\n", sizeof(Program), sizeof(Filter));
  EXPECT_LE(sizeof(Filter), 1'752 + 24 * MAX_RETURN_FLOWS + 24 * MAX_PEERS);
}

}  // namespace
}  // namespace microlink::filter::testing
