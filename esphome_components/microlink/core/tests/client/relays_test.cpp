// SPDX-License-Identifier: MIT
#include "microlink/client/relays.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/seeded_random.h"

namespace microlink::client {
namespace {

const IpAddress V4 = IpAddress::v4(198, 51, 100, 1);
const IpAddress V6 = *parse_ip("2001:db8:100::1");

tailcfg::DerpNode node(const char *name, IpAddress ipv4, IpAddress ipv6, const char *host = "relay.example") {
  tailcfg::DerpNode out;
  out.name = std::string_view(name);
  out.host_name = std::string_view(host);
  out.ipv4 = ipv4;
  out.ipv6 = ipv6;
  return out;
}

/// Relay connections without anything behind their streams: what they ask the port for.
class RelayDialling : public ::testing::Test, private Relays::Regions {
 protected:
  RelayDialling() : relays_({&this->streams_[0], &this->streams_[1]}, *this, this->key_, this->random_, nullptr) {
    this->key_.generate(this->random_);
    this->relays_.set_control_host("control.example", 443);
  }

  void announce(uint16_t id, const std::vector<tailcfg::DerpNode> &nodes) {
    tailcfg::DerpRegion region;
    region.id = id;
    for (const tailcfg::DerpNode &each : nodes)
      (void) region.nodes.push_back(each);
    this->regions_[id] = tailcfg::PackedRegion(region);
  }

  /// Where the next connections are asked for, all of which fail at once.
  std::vector<std::string> dialled(size_t attempts) {
    std::vector<std::string> out;
    while (out.size() != attempts && this->relays_.next_timeout() != Instant::NEVER) {
      if (this->streams_[0].take_open_due()) {
        const IpAddress &address = this->streams_[0].address();
        out.push_back(address.is_set() ? std::string(to_text(address)) : std::string(this->streams_[0].host()));
        this->relays_.handle_closed(this->now_, 0, Error::CLOSED, "refused");
      }
      this->now_ = std::max(this->now_, this->relays_.next_timeout());
      this->relays_.handle_timeout(this->now_);
    }
    return out;
  }

  using Dialled = std::vector<std::string>;
  std::array<Stream, Relays::COUNT> streams_;
  testing::SeededRandom random_{7};
  NodePrivate key_;
  std::map<uint16_t, tailcfg::PackedRegion> regions_;
  Relays relays_;
  Instant now_{1'000'000};

 private:
  const tailcfg::PackedRegion *find_region(uint16_t id) const override {
    const auto found = this->regions_.find(id);
    return found == this->regions_.end() ? nullptr : &found->second;
  }
};

TEST_F(RelayDialling, an_underlay_of_one_family_is_given_that_familys_address) {
  this->announce(1, {node("1a", V4, V6)});
  this->relays_.set_families(false, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(3), (Dialled{"2001:db8:100::1", "2001:db8:100::1", "2001:db8:100::1"}));
  this->relays_.set_families(true, false);
  this->relays_.reconnect(this->now_);
  EXPECT_EQ(this->dialled(2), (Dialled{"198.51.100.1", "198.51.100.1"}));
}

TEST_F(RelayDialling, each_attempt_goes_over_the_other_family) {
  this->announce(1, {node("1a", V4, V6)});
  this->relays_.set_families(true, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(3), (Dialled{"198.51.100.1", "2001:db8:100::1", "198.51.100.1"}));
}

TEST_F(RelayDialling, two_relays_are_each_tried_over_both_families) {
  this->announce(1, {node("1a", V4, V6), node("1b", IpAddress::v4(198, 51, 100, 2), *parse_ip("2001:db8:100::2"))});
  this->relays_.set_families(true, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(5),
            (Dialled{"198.51.100.1", "2001:db8:100::2", "2001:db8:100::1", "198.51.100.2", "198.51.100.1"}));
}

TEST_F(RelayDialling, a_family_that_the_map_does_not_name_is_asked_of_dns) {
  this->announce(1, {node("1a", {}, V6)});
  this->relays_.set_families(true, false);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(1), (Dialled{"relay.example"}));
  this->relays_.set_families(true, true);
  this->relays_.reconnect(this->now_);
  EXPECT_EQ(this->dialled(2), (Dialled{"relay.example", "2001:db8:100::1"}));
}

TEST_F(RelayDialling, a_family_that_the_map_rules_out_is_never_tried) {
  tailcfg::DerpNode only_v6 = node("1a", {}, V6);
  only_v6.no_ipv4 = true;
  this->announce(1, {only_v6});
  this->relays_.set_families(true, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(2), (Dialled{"2001:db8:100::1", "2001:db8:100::1"}));
}

TEST_F(RelayDialling, a_host_that_is_an_address_is_not_asked_of_dns) {
  this->announce(1, {node("1a", {}, {}, "198.51.100.1")});
  this->relays_.set_families(true, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(2), (Dialled{"198.51.100.1", "198.51.100.1"}));
}

TEST_F(RelayDialling, without_an_address_of_our_family_the_other_one_is_tried_all_the_same) {
  tailcfg::DerpNode only_v4 = node("1a", V4, {});
  only_v4.no_ipv6 = true;
  this->announce(1, {only_v4});
  this->relays_.set_families(false, true);
  this->relays_.set_home(this->now_, 1);
  EXPECT_EQ(this->dialled(1), (Dialled{"198.51.100.1"}));
}

TEST_F(RelayDialling, an_address_that_does_not_answer_soon_makes_way_for_another_one) {
  this->announce(1, {node("1a", V4, V6)});
  this->relays_.set_families(true, true);
  this->relays_.set_home(this->now_, 1);
  ASSERT_TRUE(this->streams_[0].take_open_due());
  EXPECT_EQ(this->relays_.next_timeout(), this->now_ + Relays::DIAL_TIMEOUT);
  this->now_ = this->now_ + Relays::DIAL_TIMEOUT;
  this->relays_.handle_timeout(this->now_);
  EXPECT_EQ(this->dialled(1), (Dialled{"2001:db8:100::1"}));
}

TEST_F(RelayDialling, an_address_without_alternatives_has_the_whole_time) {
  this->announce(1, {node("1a", V4, V6)});
  this->relays_.set_families(true, false);
  this->relays_.set_home(this->now_, 1);
  this->now_ = this->now_ + Relays::DIAL_TIMEOUT;
  this->relays_.handle_timeout(this->now_);
  EXPECT_EQ(this->streams_[0].state(), Stream::State::OPENING);
  EXPECT_EQ(this->relays_.next_timeout(), this->now_ - Relays::DIAL_TIMEOUT + derp::Client::LOGIN_TIMEOUT);
}

}  // namespace
}  // namespace microlink::client
