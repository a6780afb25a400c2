// SPDX-License-Identifier: MIT
/// Relays of some regions are gone while their STUN servers answer on: where is a node at home?
#include <gtest/gtest.h>

#include <set>

#include "tests/tailnet/tailnet.h"

namespace microlink::tailnet {
namespace {

class Regions : public ::testing::Test {
 protected:
  Regions() : net_(3, 3), host_(&this->net_.add(sim::NatModel::LAN)) {}

  Status status() { return this->host_->client().status(); }
  bool is_home_at(uint16_t region) {
    const Status status = this->status();
    return status.state == State::ONLINE && status.relay_connected && status.home_derp == region;
  }
  /// The homes that it has in this time; 0 for "not online".
  std::set<uint16_t> homes_within(Duration time) {
    std::set<uint16_t> homes;
    (void) this->net_.run_until(time, [&] {
      const Status status = this->status();
      homes.insert(status.state == State::ONLINE ? status.home_derp : uint16_t{0});
      return false;
    });
    return homes;
  }

  Tailnet net_;
  Host *host_;
};

TEST_F(Regions, the_only_relay_that_works_is_found_and_stays_the_home) {
  this->net_.set_tcp_of_relay(1, false);
  this->net_.set_tcp_of_relay(2, false);
  this->host_->start();
  ASSERT_TRUE(this->net_.run_until(seconds(60), [this] { return this->is_home_at(3); }));
  EXPECT_EQ(this->homes_within(seconds(1800)), std::set<uint16_t>{3}) << "better ones are tried beside it";
}

TEST_F(Regions, a_home_that_goes_is_left_for_the_one_that_works_and_the_node_is_back_when_it_is_there_again) {
  this->net_.set_tcp_of_relay(2, false);
  this->host_->start();
  ASSERT_TRUE(this->net_.run_until(seconds(60), [this] { return this->is_home_at(1); }));
  this->net_.set_tcp_of_relay(1, false);
  ASSERT_TRUE(this->net_.run_until(seconds(60), [this] { return this->is_home_at(3); }));
  EXPECT_EQ(this->homes_within(seconds(600)), std::set<uint16_t>{3});
  this->net_.set_tcp_of_relay(1, true);
  EXPECT_EQ(this->homes_within(seconds(1500)), (std::set<uint16_t>{1, 3})) << "never offline on the way";
  EXPECT_TRUE(this->is_home_at(1));
}

TEST_F(Regions, relays_that_are_all_away_are_tried_in_turn_until_one_is_back) {
  this->host_->start();
  ASSERT_TRUE(this->net_.run_until(seconds(60), [this] { return this->is_home_at(1); }));
  for (uint16_t region = 1; region <= 3; region++)
    this->net_.set_tcp_of_relay(region, false);
  this->net_.run_for(seconds(900));
  for (const uint16_t region : {3, 2}) {
    this->net_.set_tcp_of_relay(region, true);
    EXPECT_TRUE(this->net_.run_until(seconds(60), [&] { return this->is_home_at(region); })) << region;
    this->net_.set_tcp_of_relay(region, false);
    this->net_.run_for(seconds(60));
  }
}

}  // namespace
}  // namespace microlink::tailnet
