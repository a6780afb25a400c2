// SPDX-License-Identifier: MIT
// Filters that replace each other, and flows.
#include "tests/filter/bench.h"

namespace microlink::filter::testing {
namespace {

/// A filter of `rules` rules for one port each, from `port` on.
std::string one_port_each(size_t rules, unsigned port) {
  std::string out;
  for (size_t i = 0; i != rules; i++)
    out += (i == 0 ? "" : ",") +
           std::string(R"({"SrcIPs":["100.64.0.2","100.64.0.4"],"DstPorts":[{"IP":"*","Ports":)") +
           "{\"First\":" + std::to_string(port + i) + ",\"Last\":" + std::to_string(port + i) + "}}]}";
  return out;
}

TEST(Filter, rules_stay_in_force_until_the_message_that_replaces_them_is_complete) {
  const std::string old_rules = "{\"PacketFilters\":{\"base\":[" + one_port_each(6, 80) + "]}}";
  const std::string stream = framed("{\"PacketFilters\":{\"base\":[" + one_port_each(6, 1080) + "]}}");
  for (size_t n = 0; n <= stream.size(); n++) {
    Bench bench;
    bench.feed_self();
    bench.feed(old_rules);
    ASSERT_EQ(bench.parser.handle_bytes(as_bytes(stream.substr(0, n))), Error::NONE);
    const bool complete = n == stream.size();
    ASSERT_EQ(bench.lets_in("100.64.0.2", 85), !complete) << n;
    ASSERT_EQ(bench.lets_in("100.64.0.2", 1085), complete) << n;
    bench.parser.reset();
    ASSERT_EQ(bench.lets_in("100.64.0.2", 85), !complete) << n;
    ASSERT_EQ(bench.lets_in("100.64.0.2", 1085), complete) << n;
    ASSERT_FALSE(bench.filter.needs_full_map()) << n;
  }
}

/// Both do not fit beside each other.
TEST(Filter, large_filters_that_replace_each_other_never_permit_more_than_either) {
  const size_t rules = MAX_FILTER_RULES * 3 / 4;
  const std::string old_rules = "{\"PacketFilters\":{\"base\":[" + one_port_each(rules, 80) + "]}}";
  const std::string new_rules = "{\"PacketFilters\":{\"base\":[" + one_port_each(rules, 1080) + "]}}";
  const std::string stream = framed(new_rules);
  bool some_were_denied = false;
  for (size_t n = 0; n <= stream.size(); n += 7) {
    Bench bench;
    bench.feed_self();
    bench.feed(old_rules);
    ASSERT_TRUE(bench.filter.is_complete());
    ASSERT_EQ(bench.parser.handle_bytes(as_bytes(stream.substr(0, n))), Error::NONE);
    for (size_t i = 0; i != rules; i++)
      ASSERT_FALSE(bench.lets_in("100.64.0.2", static_cast<uint16_t>(1080 + i))) << n;
    bench.parser.reset();  // the stream broke
    const bool denied = !bench.lets_in("100.64.0.2", 80);
    some_were_denied |= denied;
    ASSERT_EQ(bench.filter.needs_full_map(), denied) << n;
    bench.feed(new_rules);  // that is what the next one begins with
    ASSERT_TRUE(bench.filter.is_complete());
    ASSERT_FALSE(bench.filter.needs_full_map());
    for (size_t i = 0; i != rules; i++) {
      ASSERT_TRUE(bench.lets_in("100.64.0.2", static_cast<uint16_t>(1080 + i))) << n;
      ASSERT_FALSE(bench.lets_in("100.64.0.2", static_cast<uint16_t>(80 + i))) << n;
    }
  }
  EXPECT_TRUE(some_were_denied);
}

TEST(Filter, answers_come_in_by_the_flow_that_they_belong_to) {
  Bench bench;
  bench.feed_self();
  bench.feed("{\"PacketFilter\":[]}");
  bench.filter.check_outbound(packet("100.64.0.1", "100.64.0.2", ip::UDP, 4000, 53));
  bench.filter.check_outbound(packet("fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2", ip::SCTP, 4001, 54));
  const auto comes_in = [&](const char *from, const char *to, uint8_t protocol, uint16_t from_port, uint16_t to_port) {
    return bench.filter.check_inbound(packet(from, to, protocol, from_port, to_port)).accept;
  };
  EXPECT_TRUE(comes_in("100.64.0.2", "100.64.0.1", ip::UDP, 53, 4000));
  EXPECT_TRUE(comes_in("fd7a:115c:a1e0::2", "fd7a:115c:a1e0::1", ip::SCTP, 54, 4001));
  EXPECT_FALSE(comes_in("100.64.0.2", "100.64.0.1", ip::SCTP, 53, 4000));
  EXPECT_FALSE(comes_in("fd7a:115c:a1e0::2", "fd7a:115c:a1e0::1", ip::UDP, 54, 4001));
  EXPECT_FALSE(comes_in("100.64.0.3", "100.64.0.1", ip::UDP, 53, 4000));
  EXPECT_FALSE(comes_in("100.64.0.2", "100.64.0.1", ip::UDP, 54, 4000));
  EXPECT_FALSE(comes_in("100.64.0.2", "100.64.0.1", ip::UDP, 53, 4001));
  // What did not begin at an own address has no answer here.
  bench.filter.check_outbound(packet("100.64.0.9", "100.64.0.2", ip::UDP, 4002, 53));
  EXPECT_FALSE(comes_in("100.64.0.2", "100.64.0.1", ip::UDP, 53, 4002));
  // Nor has what began at a former one.
  bench.feed_self("100.64.0.7");
  EXPECT_FALSE(comes_in("100.64.0.2", "100.64.0.7", ip::UDP, 53, 4000));
}

}  // namespace
}  // namespace microlink::filter::testing
