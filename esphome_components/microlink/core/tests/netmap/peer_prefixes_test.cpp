// SPDX-License-Identifier: MIT
#include "microlink/netmap/peer_prefixes.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace microlink::netmap {
namespace {

template<typename List> List list(std::initializer_list<const char *> texts) {
  List out;
  for (const char *text : texts)
    EXPECT_TRUE(out.push_back(*parse_prefix(text)));
  return out;
}

TEST(PeerPrefixes, gives_back_what_was_set) {
  const auto own = list<PeerPrefixes::Addresses>({"100.64.0.2/32", "fd7a:115c:a1e0::2/128"});
  const auto allowed =
      list<tailcfg::AllowedIps>({"100.64.0.2/32", "fd7a:115c:a1e0::2/128", "192.168.0.0/16", "2001:db8::/32"});
  PeerPrefixes prefixes;
  prefixes.set(own, allowed);
  EXPECT_EQ(prefixes.own(), own);
  EXPECT_EQ(prefixes.allowed(), allowed);
  PeerPrefixes same;
  same.set(own, allowed);
  EXPECT_TRUE(prefixes == same);
  same.set(own, list<tailcfg::AllowedIps>({"100.64.0.2/32"}));
  EXPECT_FALSE(prefixes == same);
  EXPECT_EQ(same.own(), own);
  EXPECT_EQ(same.allowed().size(), 1U);
  prefixes.set({}, {});
  EXPECT_TRUE(prefixes == PeerPrefixes());
}

TEST(PeerPrefixes, matches_own_addresses_always_and_routes_when_they_are_accepted) {
  PeerPrefixes prefixes;
  prefixes.set(list<PeerPrefixes::Addresses>({"100.64.0.2/32", "fd7a:115c:a1e0::2/128"}),
               list<tailcfg::AllowedIps>({"100.64.0.2/32", "192.168.0.0/16", "192.168.7.0/24", "0.0.0.0/0"}));
  const auto match = [&](const char *text, bool routes) { return prefixes.match(parse_ip(text)->raw(), routes); };
  EXPECT_EQ(match("100.64.0.2", false), 32);
  EXPECT_EQ(match("100.64.0.3", true), -1);
  EXPECT_EQ(match("192.168.7.1", false), -1);
  EXPECT_EQ(match("192.168.7.1", true), 24);
  EXPECT_EQ(match("192.168.8.1", true), 16);
  EXPECT_EQ(match("8.8.8.8", true), -1) << "0.0.0.0/0 never counts";
  EXPECT_EQ(match("fd7a:115c:a1e0::2", true), -1) << "own, but not allowed";
}

TEST(PeerPrefixes, leaves_out_what_finds_no_room_and_keeps_own_addresses) {
  PeerPrefixes prefixes;
  const auto own = list<PeerPrefixes::Addresses>({"fd7a:115c:a1e0::2/128", "fd7a:115c:a1e0::3/128"});
  prefixes.set(own, list<tailcfg::AllowedIps>({"2001:db8:1::/48", "2001:db8:2::/48", "2001:db8:3::/48", "10.0.0.0/8"}));
  EXPECT_EQ(prefixes.own(), own);
  EXPECT_EQ(prefixes.match(parse_ip("2001:db8:1::1")->raw(), true), 48);
  EXPECT_EQ(prefixes.match(parse_ip("2001:db8:2::1")->raw(), true), -1);
}

}  // namespace
}  // namespace microlink::netmap
