// SPDX-License-Identifier: MIT
#include "microlink/magicsock/own_endpoints.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace microlink::magicsock {
namespace {

Endpoint at(const char *text) { return *parse_endpoint(text); }

std::vector<std::string> list(const OwnEndpoints &own) {
  std::vector<std::string> out;
  for (const OwnEndpoint &endpoint : own.all())
    out.push_back(std::string(to_text(endpoint.endpoint)) + " " + std::to_string(static_cast<int>(endpoint.type)));
  return out;
}

constexpr Instant NOW{1'000'000'000};

TEST(OwnEndpoints, keep_what_others_may_reach) {
  OwnEndpoints own;
  const Endpoint local[] = {at("10.0.0.5:41641"),
                            at("127.0.0.1:41641"),
                            at("[fe80::1]:41641"),
                            at("[2001:db8::5]:41641"),
                            at("10.0.0.5:41641"),
                            at("224.0.0.1:5"),
                            Endpoint{}};
  EXPECT_TRUE(own.set_local(local, false));
  EXPECT_EQ(list(own), (std::vector<std::string>{"10.0.0.5:41641 1", "[2001:db8::5]:41641 1"}));
  EXPECT_TRUE(own.has_ipv4());
  EXPECT_TRUE(own.has_ipv6());
  EXPECT_FALSE(own.set_local(local, false));
}

TEST(OwnEndpoints, tell_loopback_only_if_there_is_nothing_else) {
  OwnEndpoints own;
  const Endpoint local[] = {at("127.0.0.1:41641"), at("[::1]:41641")};
  own.set_local(local, false);
  EXPECT_EQ(list(own), (std::vector<std::string>{"127.0.0.1:41641 1", "[::1]:41641 1"}));
}

TEST(OwnEndpoints, put_stun_first_and_forget_the_old_mapping_of_an_easy_nat) {
  OwnEndpoints own;
  const Endpoint local = at("10.0.0.5:41641");
  own.set_local({&local, 1}, true);
  EXPECT_TRUE(own.note_reflexive(NOW, at("192.0.2.1:41641")));
  EXPECT_FALSE(own.note_reflexive(NOW + seconds(20), at("192.0.2.1:41641")));
  EXPECT_TRUE(own.note_reflexive(NOW + seconds(40), at("192.0.2.1:5000")));
  EXPECT_TRUE(own.note_reflexive(NOW + seconds(40), at("[2001:db8::7]:9")));
  EXPECT_EQ(list(own), (std::vector<std::string>{"[2001:db8::7]:9 2", "192.0.2.1:5000 2", "10.0.0.5:41641 1"}));
}

TEST(OwnEndpoints, guess_a_forwarded_port_behind_a_hard_nat) {
  OwnEndpoints own;
  const Endpoint local = at("10.0.0.5:41641");
  own.set_local({&local, 1}, true);
  EXPECT_FALSE(own.set_nat(NatKind::HARD));
  own.note_reflexive(NOW, at("192.0.2.1:5000"));
  EXPECT_TRUE(own.note_reflexive(NOW, at("192.0.2.1:5001")));
  EXPECT_EQ(list(own), (std::vector<std::string>{"192.0.2.1:5001 2", "192.0.2.1:5000 2", "192.0.2.1:41641 4",
                                                 "10.0.0.5:41641 1"}));
  // The same two in another order are no news.
  EXPECT_FALSE(own.note_reflexive(NOW, at("192.0.2.1:5000")));
  own.set_local({&local, 1}, false);
  EXPECT_EQ(list(own).size(), 3U);
}

TEST(OwnEndpoints, forget_what_stun_has_not_seen_for_five_minutes) {
  OwnEndpoints own;
  own.note_reflexive(NOW, at("192.0.2.1:5000"));
  EXPECT_EQ(own.next_expiry(NOW), NOW + OwnEndpoints::MEMORY);
  EXPECT_FALSE(own.expire(NOW + OwnEndpoints::MEMORY - seconds(1)));
  EXPECT_TRUE(own.expire(NOW + OwnEndpoints::MEMORY));
  EXPECT_EQ(own.next_expiry(NOW), Instant::NEVER);
  EXPECT_TRUE(own.all().empty());
}

TEST(OwnEndpoints, are_bounded) {
  OwnEndpoints own;
  std::vector<Endpoint> local;
  for (uint8_t i = 1; i != 40; i++)
    local.push_back({IpAddress::v4(10, 0, 0, i), 41641});
  own.set_local(local, true);
  own.set_nat(NatKind::HARD);
  for (uint16_t port = 1; port != 40; port++)
    own.note_reflexive(NOW, {IpAddress::v4(192, 0, 2, 1), port});
  EXPECT_LE(own.all().size(), MAX_OWN_ENDPOINTS);
  EXPECT_EQ(own.all()[0].endpoint.port, 39);
}

}  // namespace
}  // namespace microlink::magicsock
