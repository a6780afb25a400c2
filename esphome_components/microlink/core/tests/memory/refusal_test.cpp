// SPDX-License-Identifier: MIT
/// What a whole client says of the packets that it does not let pass, and of rules that it cannot keep.
#include <gtest/gtest.h>

#include "microlink/filter/program.h"
#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr size_t SIZE = 100;

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t count = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()), count++)
    text.replace(at, from.size(), to);
  EXPECT_NE(count, 0U) << from;
  return text;
}

/// Two nodes that are online; the map of either can be another one than that of the other.
class Refusals : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto &node : this->world.nodes)
      node->start();
    this->world.run_for(seconds(2));
    this->world.send_maps(0);
    this->world.run_for(seconds(5));
    for (size_t i = 0; i != this->world.nodes.size(); i++) {
      ASSERT_EQ(this->client(i).status().state, State::ONLINE);
      ASSERT_EQ(this->refused(i), "");
    }
  }

  Client &client(size_t node) { return this->world.nodes[node]->client(); }
  void tell(size_t node, const std::string &map) {
    this->world.nodes[node]->send_map(map);
    this->world.run_for(seconds(1));
  }
  void send(size_t node, const std::string &packet) {
    this->world.nodes[node]->send(packet);
    this->world.run_for(seconds(1));
  }
  /// What a node refused since it went up, as "2 no rule;".
  std::string refused(size_t node) {
    std::string out;
    for (size_t i = 0; i != static_cast<size_t>(Refusal::COUNT); i++) {
      if (const uint32_t count = this->client(node).statistics().refused[i]; count != 0)
        out += std::to_string(count) + " " + refusal_name(static_cast<Refusal>(i)) + ";";
    }
    return out;
  }

  World world;
};

TEST_F(Refusals, a_source_that_is_not_the_peers_own_is_one_reason) {
  this->tell(1, replaced(this->world.map_for(1, 0), "100.64.0.2/32", "100.64.0.77/32"));
  this->send(1, replaced(udp_packet(1, 0, SIZE), std::string("\x64\x40\0\x02", 4), "\x64\x40\x01\x4d"));
  EXPECT_EQ(this->refused(1), "1 outbound foreign source;") << "neither address is its own";
  this->send(1, replaced(udp_packet(1, 0, SIZE), std::string("\x64\x40\0\x02", 4), std::string("\x64\x40\0\x4d", 4)));
  EXPECT_EQ(this->refused(0), "1 spoofed source;");
  EXPECT_TRUE(this->world.nodes[0]->received.empty());
}

TEST_F(Refusals, a_destination_that_is_not_ours_is_another) {
  this->tell(1, replaced(this->world.map_for(1, 0), "100.64.0.1/32", "100.64.0.77/32"));
  this->send(1, replaced(udp_packet(1, 0, SIZE), std::string("\x64\x40\0\x01", 4), std::string("\x64\x40\0\x4d", 4)));
  EXPECT_EQ(this->refused(0), "1 foreign destination;");
}

TEST_F(Refusals, what_no_rule_permits_is_another) {
  this->tell(0, R"({"PacketFilter":[]})");
  this->send(1, udp_packet(1, 0, SIZE));
  this->send(1, udp_packet(1, 0, SIZE));
  EXPECT_EQ(this->refused(0), "2 no rule;");
}

TEST_F(Refusals, headers_that_contradict_each_other_are_another) {
  std::string fragment = udp_packet(1, 0, SIZE);
  fragment[7] = 2;  // it begins inside the header of its transport
  fragment[9] = 6;
  this->send(1, fragment);
  EXPECT_EQ(this->refused(1), "1 outbound unreadable;") << "nobody sends it in the first place";
  this->send(1, "\x45");
  this->send(1, std::string(40, '\0'));
  EXPECT_EQ(this->refused(1), "3 outbound unreadable;");
}

TEST_F(Refusals, what_goes_nowhere_is_counted_where_it_begins) {
  this->send(0, replaced(udp_packet(0, 1, SIZE), std::string("\x64\x40\0\x02", 4), std::string("\xe0\0\0\xfb", 4)));
  EXPECT_EQ(this->refused(0), "1 outbound multicast;");
  this->send(0, replaced(udp_packet(0, 1, SIZE), std::string("\x64\x40\0\x02", 4), std::string("\x64\x40\0\x4d", 4)));
  EXPECT_EQ(this->refused(0), "1 outbound unknown peer;1 outbound multicast;");
  ASSERT_EQ(this->client(0).set_allowed_peers(this->world.now, "somebody"), Error::NONE);
  this->send(0, udp_packet(0, 1, SIZE));
  EXPECT_EQ(this->refused(0), "1 peer not allowed;1 outbound unknown peer;1 outbound multicast;");
}

/// As many rules as said, none like the other.
std::string rules(size_t count) {
  std::string out;
  for (size_t i = 1; i <= count; i++) {
    const std::string n = std::to_string(i);
    out += (i == 1 ? "" : ",") + (R"({"SrcIPs":["100.90.0.)" + n) + R"("],"DstPorts":[{"IP":"*","Ports":{"First":)" +
           n + ",\"Last\":" + n + "}}]}";
  }
  return "{\"PacketFilter\":[" + out + "]}";
}

TEST_F(Refusals, rules_that_find_no_room_are_told_of_as_long_as_it_is_so) {
  EXPECT_TRUE(this->client(0).status().filter_complete);
  this->tell(0, rules(filter::MAX_FILTER_RULES));
  EXPECT_TRUE(this->client(0).status().filter_complete);
  this->tell(0, rules(filter::MAX_FILTER_RULES + 1));
  EXPECT_FALSE(this->client(0).status().filter_complete);
  this->tell(0, R"({"KeepAlive":true})");
  EXPECT_FALSE(this->client(0).status().filter_complete);
  this->tell(0, R"({"PacketFilter":[{"SrcIPs":["cap:x"],"DstPorts":[{"IP":"*","Ports":{"First":1,"Last":1}}]}]})");
  EXPECT_FALSE(this->client(0).status().filter_complete);
  this->tell(0, rules(1));
  EXPECT_TRUE(this->client(0).status().filter_complete);
}

}  // namespace
}  // namespace microlink::testing
