// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <vector>

#include "microlink/client.h"

namespace microlink {
namespace {

const Endpoint WIRE{IpAddress::v4(10, 1, 0, 2), 41641};
const Endpoint RADIO{IpAddress::v4(10, 3, 0, 2), 41641};
const Endpoint OTHER{IpAddress::v4(10, 3, 0, 9), 41641};

/// A client that wants to speak to control and never gets an answer; how often it asks for a connection.
class Network : public ::testing::Test {
 protected:
  void start(std::vector<Endpoint> endpoints) {
    this->config_.control_url = std::string_view("https://control.test");
    this->client_.emplace(this->config_, TrustStore{}, nullptr);
    Bytes<32> seed{};
    Input input{.kind = Input::Kind::SEED};
    input.bytes = seed;
    (void) this->connections(input);
    (void) this->after(std::move(endpoints));
    EXPECT_NE(this->connections({.kind = Input::Kind::START}), 0U);
  }
  size_t after(std::vector<Endpoint> endpoints) {
    Input input{.kind = Input::Kind::NETWORK};
    input.endpoints = endpoints;
    return this->connections(input);
  }
  size_t connections(const Input &input) {
    Bytes<SCRATCH_BYTES> scratch;
    size_t opened = 0;
    this->client_->handle(Instant{1}, input);
    while (const auto action = this->client_->poll_action(Instant{1}, scratch))
      opened += action->kind == Action::Kind::OPEN_STREAM ? 1 : 0;
    return opened;
  }

 private:
  Config config_;
  std::optional<Client> client_;
};

TEST_F(Network, another_underlay_behind_the_preferred_one_disturbs_nothing) {
  this->start({WIRE});
  EXPECT_EQ(this->after({WIRE, RADIO}), 0U);
  EXPECT_EQ(this->after({WIRE, RADIO, OTHER}), 0U);
  EXPECT_EQ(this->after({WIRE, OTHER, RADIO}), 0U);
}

TEST_F(Network, connections_are_made_anew_when_the_preferred_underlay_goes_and_when_it_comes_back) {
  this->start({WIRE, RADIO});
  EXPECT_NE(this->after({RADIO}), 0U);
  EXPECT_NE(this->after({WIRE, RADIO}), 0U);
}

TEST_F(Network, connections_are_made_anew_when_another_underlay_is_preferred) {
  this->start({WIRE, RADIO});
  EXPECT_NE(this->after({RADIO, WIRE}), 0U);
  EXPECT_EQ(this->after({RADIO, WIRE}), 0U);
}

TEST_F(Network, connections_are_made_anew_when_an_address_changes) {
  this->start({RADIO});
  EXPECT_NE(this->after({OTHER}), 0U);
}

TEST_F(Network, connections_are_made_anew_after_a_time_without_any_network) {
  this->start({RADIO});
  EXPECT_EQ(this->after({}), 0U);
  EXPECT_NE(this->after({OTHER}), 0U);
  EXPECT_EQ(this->after({}), 0U);
  EXPECT_NE(this->after({OTHER}), 0U);
}

TEST_F(Network, a_start_without_any_network_goes_on_as_soon_as_there_is_one) {
  this->start({});
  EXPECT_NE(this->after({WIRE}), 0U);
}

}  // namespace
}  // namespace microlink
