// SPDX-License-Identifier: MIT
/// Peers outside the table are found by asking control again: a whole client, a control server, virtual time.
#include <gtest/gtest.h>

#include "microlink/client/poll_policy.h"
#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr size_t OTHERS = 60;

/// A node whose tailnet has more peers than its table.
class Finding : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto &node : this->world.nodes)
      node->start();
    this->world.run_for(seconds(2));
    this->world.send_maps(OTHERS);
    this->world.run_for(seconds(5));
    ASSERT_EQ(this->client().status().state, State::ONLINE);
  }
  Client &client() { return this->world.nodes[0]->client(); }
  Error find(const std::string &name) {
    const auto found = this->client().find(this->world.now, name);
    this->world.nodes[0]->drain();
    this->world.run_for(milliseconds(10));  // no more: one poll shall serve many
    return found ? Error::NONE : found.error();
  }
  /// The server answers the poll.
  void answer() {
    this->world.run_for(client::PollPolicy::GATHER);
    this->world.nodes[0]->send_map(this->world.map_for(0, OTHERS));
    this->world.run_for(milliseconds(100));
  }
  uint32_t streams() { return this->world.nodes[0]->control.map_streams; }

  World world;
};

TEST_F(Finding, a_peer_that_is_not_in_the_table_by_name_and_by_address) {
  const std::string fqdn = World::name_of(OTHERS + 2);
  ASSERT_FALSE(this->client().resolve(fqdn));
  const uint32_t before = this->streams();
  EXPECT_EQ(this->find(fqdn), Error::NOT_READY);
  EXPECT_EQ(this->find(fqdn), Error::NOT_READY);
  this->world.run_for(client::PollPolicy::GATHER);
  EXPECT_EQ(this->find(fqdn), Error::NOT_READY);
  EXPECT_EQ(this->streams(), before + 1) << "asked once";
  this->answer();
  const auto found = this->client().find(this->world.now, fqdn);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name.view(), fqdn);
  const std::string short_name = World::name_of(OTHERS + 1).substr(0, World::name_of(OTHERS + 1).find('.'));
  EXPECT_EQ(this->find(short_name), Error::NOT_READY);
  this->answer();
  EXPECT_EQ(this->find(short_name), Error::NONE);
  EXPECT_TRUE(this->client().resolve(std::string(to_text(found->ipv4).view())));
}

TEST_F(Finding, nobody_of_that_name_is_said_after_one_poll_and_remembered_for_a_minute) {
  EXPECT_EQ(this->find("nobody"), Error::NOT_READY);
  this->answer();
  const uint32_t before = this->streams();
  EXPECT_EQ(this->find("nobody"), Error::UNKNOWN_PEER);
  this->world.run_for(client::PollPolicy::FORGET_AFTER - seconds(1));
  EXPECT_EQ(this->find("nobody"), Error::UNKNOWN_PEER);
  EXPECT_EQ(this->streams(), before);
  this->world.run_for(seconds(1));
  EXPECT_EQ(this->find("nobody"), Error::NOT_READY);
  this->world.run_for(client::PollPolicy::GATHER);
  EXPECT_EQ(this->streams(), before + 1);
  EXPECT_EQ(this->find(""), Error::MALFORMED);
}

TEST_F(Finding, twenty_at_once_with_few_polls) {
  const uint32_t before = this->streams();
  const auto name = [this](size_t i) { return World::name_of(OTHERS + 3 - 20 + i); };
  for (size_t i = 0; i != 20; i++)
    EXPECT_NE(this->find(name(i)), Error::UNKNOWN_PEER);
  this->answer();  // to the poll of the first ten or so
  this->answer();  // of those that came in its middle
  std::set<size_t> met;
  for (size_t i = 0; i != 20; i++) {
    if (this->find(name(i)) == Error::NONE)
      met.insert(i);
  }
  EXPECT_GE(met.size(), MAX_PEERS - 1) << "all that find room beside the other node, which is in use";
  const Instant start = this->world.now;
  while (met.size() != 20 && this->world.now - start < seconds(60)) {
    const uint32_t polls = this->streams();
    this->world.run_for(seconds(1));
    if (this->streams() != polls)
      this->answer();
    for (size_t i = 0; i != 20; i++) {
      if (!met.contains(i) && this->find(name(i)) == Error::NONE)
        met.insert(i);
    }
  }
  EXPECT_EQ(met.size(), 20U) << "the others when the first are not in use any more";
  EXPECT_LE(this->world.now - start, seconds(5));
  EXPECT_LE(this->streams() - before, 4U);
}

TEST(FindingInSmallTailnets, costs_no_poll_when_the_table_holds_everybody) {
  World world;
  for (const auto &node : world.nodes)
    node->start();
  world.run_for(seconds(2));
  world.send_maps(3);
  world.run_for(seconds(5));
  const uint32_t before = world.nodes[0]->control.map_streams;
  const auto found = world.nodes[0]->client().find(world.now, "nobody");
  EXPECT_EQ(found.error(), Error::UNKNOWN_PEER);
  world.run_for(seconds(1));
  EXPECT_EQ(world.nodes[0]->control.map_streams, before);
}

}  // namespace
}  // namespace microlink::testing
