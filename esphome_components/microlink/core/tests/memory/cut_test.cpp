// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <functional>

#include "tests/memory/world.h"

namespace microlink::testing {

namespace {

/// Two nodes that talk through the relay, and the first one's connection to it, which can be held up.
class Cut : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto &node : this->world_.nodes)
      node->start();
    this->world_.run_for(seconds(2));
    this->world_.send_maps(0);
    this->world_.run_for(seconds(5));
    this->say();
    this->world_.run_for(seconds(5));
    ASSERT_EQ(this->heard(), 1U);
  }
  Node &first() { return *this->world_.nodes[0]; }
  void say() { this->first().send(udp_packet(0, 1, 100)); }
  size_t heard() const { return this->world_.nodes[1]->received.size(); }
  /// Three packets are sealed while the relay takes nothing; what happens then; and it takes everything again.
  void hold_up(const std::function<void()> &meanwhile) {
    const size_t before = this->heard();
    this->relay_(Input::Kind::STREAM_BLOCKED);
    for (int i = 0; i != 3; i++)
      this->say();
    this->world_.run_for(seconds(1));
    ASSERT_EQ(this->heard(), before);
    meanwhile();
    this->world_.run_for(seconds(1));
    this->relay_(Input::Kind::STREAM_WRITABLE);
    this->world_.run_for(seconds(3));
  }

 private:
  void relay_(Input::Kind kind) {
    constexpr StreamId HOME_RELAY = 3;
    this->first().client().handle(this->world_.now, {.kind = kind, .stream = HOME_RELAY});
    this->first().drain();
  }

 protected:
  World world_{true};
};

TEST_F(Cut, nobody_loses_nothing) {
  this->hold_up([] {});
  EXPECT_EQ(this->heard(), 4U);
}

TEST_F(Cut, a_peer_that_is_removed_gets_nothing_that_waited) {
  this->hold_up([this] { this->first().send_map(R"({"PeersRemoved":[2]})"); });
  EXPECT_EQ(this->heard(), 1U);
}

TEST_F(Cut, a_peer_that_is_not_allowed_any_more_gets_nothing_that_waited) {
  this->hold_up([this] {
    EXPECT_EQ(this->first().client().set_allowed_peers(this->world_.now, "somebody-else"), Error::NONE);
    this->first().drain();
  });
  EXPECT_EQ(this->heard(), 1U);
  EXPECT_EQ(this->first().client().set_allowed_peers(this->world_.now, "*"), Error::NONE);
  this->first().drain();
  this->world_.run_for(seconds(1));
  this->say();
  this->world_.run_for(seconds(10));
  EXPECT_EQ(this->heard(), 2U);
}

}  // namespace
}  // namespace microlink::testing
