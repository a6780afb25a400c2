// SPDX-License-Identifier: MIT
// Answers come in because this node asked. Which flows are kept when there are too many.
#include "tests/filter/bench.h"

namespace microlink::filter::testing {
namespace {

constexpr const char *OWN = "100.64.0.1";
constexpr const char *PEER = "100.64.0.2";
constexpr const char *SERVER = "100.64.0.3";
const std::string NOTHING = R"({"PacketFilter":[]})";
const std::string PORT_53 =
    R"({"PacketFilter":[{"SrcIPs":["100.64.0.2"],"DstPorts":[{"IP":"100.64.0.1","Ports":{"First":53,"Last":53}}]}]})";

struct FlowBench : Bench {
  explicit FlowBench(const std::string &rules) {
    this->feed_self();
    this->feed(rules);
  }
  void send(const char *to, size_t own_port, size_t port, bool shields_up = false, uint8_t protocol = ip::UDP) {
    const auto sent = packet(OWN, to, protocol, static_cast<uint16_t>(own_port), static_cast<uint16_t>(port));
    EXPECT_TRUE(this->filter.check_outbound(sent, shields_up).accept);
  }
  bool hears(const char *from, size_t port, size_t own_port, bool shields_up = false, uint8_t protocol = ip::UDP) {
    const auto got = packet(from, OWN, protocol, static_cast<uint16_t>(port), static_cast<uint16_t>(own_port));
    return this->filter.check_inbound(got, shields_up).accept;
  }
};

TEST(Flows, the_one_that_was_silent_for_longest_goes) {
  constexpr size_t STEP = FlowTable::CAPACITY / FlowTable::WAYS;  // so that all contend for the same places
  FlowBench bench(NOTHING);
  for (size_t i = 0; i != FlowTable::WAYS; i++)
    bench.send(PEER, 1000 + STEP * i, 53);
  EXPECT_TRUE(bench.hears(PEER, 53, 1000));  // refreshes it
  bench.send(PEER, 1000 + STEP * FlowTable::WAYS, 53);
  EXPECT_TRUE(bench.hears(PEER, 53, 1000));
  EXPECT_FALSE(bench.hears(PEER, 53, 1000 + STEP));
  EXPECT_TRUE(bench.hears(PEER, 53, 1000 + 2 * STEP));
  EXPECT_TRUE(bench.hears(PEER, 53, 1000 + STEP * FlowTable::WAYS));
}

TEST(Flows, as_many_as_there_are_places_for_are_kept) {
  FlowBench bench(NOTHING);
  for (size_t i = 0; i != FlowTable::CAPACITY; i++)
    bench.send(PEER, 1000 + i, 53);
  for (size_t i = 0; i != FlowTable::CAPACITY; i++)
    EXPECT_TRUE(bench.hears(PEER, 53, 1000 + i)) << i;
}

TEST(Flows, udp_and_sctp_are_two) {
  FlowBench bench(NOTHING);
  bench.send(PEER, 1000, 53);
  EXPECT_FALSE(bench.hears(PEER, 53, 1000, false, ip::SCTP));
  bench.send(PEER, 1000, 53, false, ip::SCTP);
  EXPECT_TRUE(bench.hears(PEER, 53, 1000, false, ip::SCTP));
  EXPECT_TRUE(bench.hears(PEER, 53, 1000));
}

TEST(Flows, questions_that_a_rule_lets_in_do_not_push_out_own_ones) {
  FlowBench bench(PORT_53);
  bench.send(SERVER, 4000, 123);
  for (size_t i = 0; i != 2 * FlowTable::CAPACITY; i++) {
    EXPECT_TRUE(bench.hears(PEER, 1000 + i, 53));
    bench.send(PEER, 53, 1000 + i);
  }
  EXPECT_TRUE(bench.hears(SERVER, 123, 4000));
  for (size_t i = 0; i != FlowTable::CAPACITY; i++)
    bench.send(SERVER, 5000 + i, 123);
  for (size_t i = 0; i != FlowTable::CAPACITY; i++)
    EXPECT_TRUE(bench.hears(SERVER, 123, 5000 + i)) << "answers to others have made room: " << i;
  EXPECT_TRUE(bench.hears(PEER, 1000, 53)) << "by the rule";
}

TEST(Flows, whom_a_rule_let_in_goes_with_the_rule) {
  FlowBench bench(PORT_53);
  bench.send(SERVER, 4000, 123);
  EXPECT_TRUE(bench.hears(PEER, 1000, 53));
  bench.send(PEER, 53, 1000);
  EXPECT_TRUE(bench.hears(PEER, 1000, 53));
  bench.feed(NOTHING);
  EXPECT_FALSE(bench.hears(PEER, 1000, 53));
  EXPECT_TRUE(bench.hears(SERVER, 123, 4000)) << "what this node asked is still answered";
  bench.send(PEER, 53, 1000);
  EXPECT_TRUE(bench.hears(PEER, 1000, 53)) << "now it is this node that asks";
}

TEST(Flows, no_rule_counts_for_a_peer_behind_shields) {
  FlowBench bench(PORT_53);
  EXPECT_FALSE(bench.hears(PEER, 7, 53, true));
  bench.send(PEER, 53, 7, true);
  EXPECT_TRUE(bench.hears(PEER, 7, 53, true));
  bench.feed(PORT_53);
  EXPECT_TRUE(bench.hears(PEER, 7, 53, true)) << "the rule did not let it in, and takes nothing away";
}

}  // namespace
}  // namespace microlink::filter::testing
