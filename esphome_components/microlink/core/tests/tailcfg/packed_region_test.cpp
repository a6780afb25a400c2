// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/packed_region.h"

#include <gtest/gtest.h>

#include <string>

namespace microlink::tailcfg {
namespace {

constexpr std::string_view PIN = "sha256-raw:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

DerpNode relay(std::string_view name, std::string_view host) {
  DerpNode out;
  out.name.assign(name);
  out.host_name.assign(host);
  return out;
}

TEST(PackedRegion, keeps_everything_that_was_announced) {
  DerpRegion region{.id = 900, .code = FixedString<16>("home"), .avoid = true};
  DerpNode first = relay("900a", "derp.example");
  first.cert_name.assign(PIN);
  first.ipv4 = IpAddress::v4(192, 0, 2, 1);
  first.no_ipv6 = true;
  first.derp_port = 8443;
  first.stun_port = -1;
  first.insecure_for_tests = true;
  DerpNode second = relay("900b", "");
  second.ipv6 = *parse_ip("2001:db8::1");
  second.no_ipv4 = true;
  second.stun_port = 40000;
  second.stun_only = true;
  ASSERT_TRUE(region.nodes.push_back(first) && region.nodes.push_back(second));

  const PackedRegion packed(region);
  EXPECT_EQ(packed.id(), 900);
  EXPECT_EQ(packed.code(), "home");
  EXPECT_TRUE(packed.avoid() && packed.has_relay() && !packed.no_measure_no_home());
  ASSERT_EQ(packed.size(), 2U);
  const DerpNodeView a = packed.node(0), b = packed.node(1);
  EXPECT_EQ(a.name, "900a");
  EXPECT_EQ(a.host_name, "derp.example");
  EXPECT_EQ(a.cert_name, PIN);
  EXPECT_EQ(a.ipv4, first.ipv4);
  EXPECT_FALSE(a.ipv6.is_set());
  EXPECT_TRUE(a.no_ipv6 && !a.no_ipv4 && a.insecure_for_tests && !a.stun_only);
  EXPECT_EQ(a.derp_port, 8443);
  EXPECT_EQ(a.stun_port, -1);
  EXPECT_EQ(b.name, "900b");
  EXPECT_TRUE(b.host_name.empty() && b.cert_name.empty());
  EXPECT_FALSE(b.ipv4.is_set());
  EXPECT_EQ(b.ipv6, second.ipv6);
  EXPECT_TRUE(b.no_ipv4 && !b.no_ipv6 && b.stun_only);
  EXPECT_EQ(b.stun_port, 40000);
}

TEST(PackedRegion, leaves_out_a_relay_whose_texts_find_no_room_and_cuts_none) {
  DerpRegion region{.id = 1};
  DerpNode pinned = relay("1a", std::string(70, 'h'));
  pinned.cert_name.assign(PIN);  // 72 + 75 bytes
  ASSERT_TRUE(region.nodes.push_back(pinned) && region.nodes.push_back(relay("1b", "b.example")));
  const PackedRegion packed(region);
  ASSERT_EQ(packed.size(), 1U);
  EXPECT_EQ(packed.node(0).host_name, "b.example");
}

TEST(PackedRegion, is_another_one_after_any_change) {
  DerpRegion region{.id = 1};
  ASSERT_TRUE(region.nodes.push_back(relay("1a", "a.example")));
  const PackedRegion before(region);
  EXPECT_EQ(before, PackedRegion(region));
  EXPECT_EQ(before.fingerprint(), PackedRegion(region).fingerprint());
  const auto expect_another = [&](const DerpRegion &changed) {
    EXPECT_FALSE(before == PackedRegion(changed));
    EXPECT_NE(before.fingerprint(), PackedRegion(changed).fingerprint());
  };
  DerpRegion changed = region;
  changed.nodes[0].ipv4 = IpAddress::v4(192, 0, 2, 1);
  expect_another(changed);
  changed = region;
  changed.nodes[0].host_name.assign("b.example");
  expect_another(changed);
  changed = region;
  changed.nodes[0].stun_port = 1;
  expect_another(changed);
  changed = region;
  changed.no_measure_no_home = true;
  expect_another(changed);
}

}  // namespace
}  // namespace microlink::tailcfg
