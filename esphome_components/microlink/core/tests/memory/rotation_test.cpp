// SPDX-License-Identifier: MIT
/// Power goes in the middle of a rotation: a whole client, a control server with an auth key for one use.
#include <gtest/gtest.h>

#include <set>

#include "tests/memory/world.h"

namespace microlink::testing {
namespace {

constexpr char KEY[] = "tskey-auth-once";

/// Control's memory: one node, and a key that adds it once. A known node needs no key, for another node key neither.
struct OneNode {
  std::string known;
  bool key_is_used{false};
  bool is_in_trouble{false};

  std::string answer(const std::string &body) {
    const std::string node = text_member(body, "NodeKey");
    const std::string old = text_member(body, "OldNodeKey");
    if (this->is_in_trouble)
      return "<html>come back later</html>";
    if (!known.empty() && (node == known || old == known)) {
      this->known = node;
      return R"({"User":{"ID":1},"Login":{"ID":1},"MachineAuthorized":true})";
    }
    if (text_member(body, "AuthKey").empty())
      return R"({"AuthURL":"https://control.example/a/1"})";
    if (std::exchange(this->key_is_used, true))
      return R"({"Error":"authkey already used"})";
    this->known = node;
    return R"({"User":{"ID":1},"Login":{"ID":1},"MachineAuthorized":true})";
  }
};

class Rotation : public ::testing::Test {
 protected:
  void SetUp() override {
    this->node().control.answer_registration = [this](const std::string &body) { return this->server.answer(body); };
    ASSERT_EQ(this->node().client().set_auth_key(KEY), Error::NONE);
    this->node().start();
    this->world.nodes[1]->start();
    this->go_on();
    ASSERT_EQ(this->status().state, State::ONLINE);
  }
  Node &node() { return *this->world.nodes[0]; }
  Status status() { return this->node().client().status(); }
  void go_on() {
    this->world.run_for(seconds(2));
    this->world.send_maps(0);
    this->world.run_for(seconds(5));
  }
  void rotate_and_cut(size_t record_actions) {
    this->node().record_actions_left = record_actions;
    (void) this->node().client().rotate_node_key(this->world.now);
    this->node().drain();
    this->world.run_for(seconds(2));
  }

  OneNode server;
  World world{true};
};

TEST_F(Rotation, a_power_cut_before_any_of_its_steps_is_survived_with_an_auth_key_that_is_used_up) {
  std::set<std::string> keys{this->server.known};
  size_t cuts = 0;
  for (size_t step = 0; step != 6; step++) {
    this->rotate_and_cut(step);
    cuts += this->node().record_actions_left == 0 ? 1 : 0;
    this->node().restart(KEY);
    this->go_on();
    ASSERT_EQ(this->status().state, State::ONLINE) << "before record action " << step;
    ASSERT_STREQ(this->status().node_key.to_text().c_str(), this->server.known.c_str());
    const auto pending = this->node().records.find(Record::PENDING_NODE_KEY);
    // Cut before its end: it is the node key, and as good as none.
    ASSERT_TRUE(pending == this->node().records.end() || pending->second == this->node().records[Record::NODE_KEY]);
    keys.insert(this->server.known);
  }
  EXPECT_GE(cuts, 3U) << "PENDING_NODE_KEY, NODE_KEY and the end of PENDING_NODE_KEY";
  EXPECT_GE(keys.size(), 4U) << "it rotated";
}

TEST_F(Rotation, a_server_in_trouble_does_not_make_the_node_forget_which_key_it_took) {
  this->rotate_and_cut(1);  // behind PENDING_NODE_KEY: control took it, NODE_KEY is not stored
  this->server.is_in_trouble = true;
  this->node().restart(KEY);
  this->go_on();
  EXPECT_NE(this->status().state, State::ONLINE);
  this->server.is_in_trouble = false;
  this->world.run_for(seconds(60));
  this->go_on();
  EXPECT_EQ(this->status().state, State::ONLINE);
  EXPECT_STREQ(this->status().node_key.to_text().c_str(), this->server.known.c_str());
}

}  // namespace
}  // namespace microlink::testing
