// SPDX-License-Identifier: MIT
#include "microlink/port/posix/background.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/port/posix/scripted.h"

namespace microlink::posix {
namespace {

NodeOptions options_in(const TemporaryDir &dir) {
  NodeOptions options;
  options.state_dir = dir / "s";
  options.runner.ignored_interfaces = {};
  return options;
}

/// The next event of a kind; the bound only ends a failing test.
std::optional<OwnedEvent> wait_for(Background &node, Event::Kind kind) {
  const Instant deadline = monotonic_now() + seconds(15);
  while (monotonic_now() < deadline) {
    while (auto event = node.take_event()) {
      if (event->kind == kind)
        return event;
    }
    std::this_thread::yield();
  }
  return std::nullopt;
}

TEST(Mailbox, bounds_commands_and_events) {
  Mailbox mailbox;
  for (size_t i = 0; i != Mailbox::MAX_COMMANDS; i++)
    EXPECT_TRUE(mailbox.post({Command::Kind::NETCHECK}));
  EXPECT_FALSE(mailbox.post({Command::Kind::NETCHECK}));
  for (size_t i = 0; i != Mailbox::MAX_EVENTS + 3; i++) {
    OwnedEvent event{Event::Kind::MESSAGE};
    event.text = std::to_string(i);
    mailbox.put_event(std::move(event));
  }
  EXPECT_EQ(mailbox.take_lost_events(), 3U);
  EXPECT_EQ(mailbox.take_event()->text, "3");
  Snapshot snapshot;
  EXPECT_FALSE(mailbox.take_snapshot(snapshot));
  mailbox.put_snapshot({.name = "a"});
  mailbox.put_snapshot({.name = "b"});
  EXPECT_TRUE(mailbox.take_snapshot(snapshot));
  EXPECT_EQ(snapshot.name, "b");
  EXPECT_FALSE(mailbox.take_snapshot(snapshot));
}

// Worth running under TSan: both sides at once.
TEST(Mailbox, two_threads) {
  Mailbox mailbox;
  constexpr int COUNT = 20'000;
  std::thread node([&mailbox] {
    for (int taken = 0; taken != COUNT;) {
      pollfd ready{mailbox.fd(), POLLIN, 0};
      ::poll(&ready, 1, 1000);
      while (const auto command = mailbox.take_command()) {
        EXPECT_EQ(command->text, std::to_string(taken));
        taken++;
        OwnedEvent event{Event::Kind::MESSAGE};
        event.text = command->text;
        mailbox.put_event(std::move(event));
        mailbox.put_snapshot({.message = command->text});
      }
    }
  });
  Snapshot snapshot;
  for (int posted = 0; posted != COUNT;) {
    if (mailbox.post({Command::Kind::PING, std::to_string(posted)}))
      posted++;
    (void) mailbox.take_event();
    (void) mailbox.take_snapshot(snapshot);
  }
  node.join();
}

TEST(Background, runs_a_client_on_its_own_thread_and_stops_it) {
  TemporaryDir dir;
  Script script;
  script.snapshot.state = State::ONLINE;
  script.on_input = [&script](const SeenInput &input) {
    if (input.kind == Input::Kind::START)
      script.events.push_back({.kind = Event::Kind::STATE_CHANGED});
  };
  Background node;
  EXPECT_FALSE(node.post({Command::Kind::NETCHECK}));
  ASSERT_EQ(node.start(options_in(dir), scripted_factory(script), "key", nullptr, nullptr), "");
  ASSERT_TRUE(wait_for(node, Event::Kind::STATE_CHANGED));
  Snapshot snapshot;
  while (!node.take_snapshot(snapshot) || snapshot.state != State::ONLINE)
    std::this_thread::yield();
  ASSERT_TRUE(node.post({Command::Kind::PING, "nobody"}));
  const auto answer = wait_for(node, Event::Kind::PING_TIMED_OUT);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "nobody");
  ASSERT_TRUE(node.post({Command::Kind::DOWN}));
  ASSERT_TRUE(wait_for(node, Event::Kind::STOPPED));
  ASSERT_TRUE(node.post({Command::Kind::UP}));
  ASSERT_TRUE(wait_for(node, Event::Kind::STATE_CHANGED));
  node.stop();
  node.stop();
  EXPECT_EQ(script.auth_key, "key");
  EXPECT_EQ(script.count(Input::Kind::START), 2U);
  EXPECT_EQ(script.count(Input::Kind::STOP), 2U);
}

TEST(Background, an_overlay_end_joins_the_loop_on_the_nodes_thread_before_the_node_starts) {
  struct End final : OverlayEnd, Companion {
    Overlay *overlay() override { return nullptr; }
    void join(Runner &runner) override {
      this->joined = std::this_thread::get_id();
      this->driven_at_join = runner.driven();
      runner.add(this);
    }
    void watch(std::vector<pollfd> &) override {}
    void serve(Instant, std::span<const pollfd>) override {
      this->served = std::this_thread::get_id();
      this->turns++;
    }
    std::thread::id joined{};
    std::thread::id served{};
    Driven *driven_at_join{nullptr};
    int turns{0};
  } end;
  TemporaryDir dir;
  Script script;
  script.on_input = [&script](const SeenInput &input) {
    if (input.kind == Input::Kind::START)
      script.events.push_back({.kind = Event::Kind::STATE_CHANGED});
  };
  Background node;
  ASSERT_EQ(node.start(options_in(dir), scripted_factory(script), {}, &end, nullptr), "");
  ASSERT_TRUE(wait_for(node, Event::Kind::STATE_CHANGED));
  node.stop();
  EXPECT_EQ(end.driven_at_join, nullptr);
  EXPECT_NE(end.joined, std::thread::id());
  EXPECT_NE(end.joined, std::this_thread::get_id());
  EXPECT_EQ(end.served, end.joined);
  EXPECT_GT(end.turns, 0);
}

TEST(Background, says_why_it_cannot_start) {
  TemporaryDir dir;
  Script script;
  Background first;
  Background second;
  ASSERT_EQ(first.start(options_in(dir), scripted_factory(script), {}, nullptr, nullptr), "");
  EXPECT_NE(second.start(options_in(dir), scripted_factory(script), {}, nullptr, nullptr).find("in use"),
            std::string::npos);
  EXPECT_FALSE(second.running());
}

TEST(Node, a_client_that_does_not_stop_is_dropped_in_time) {
  TemporaryDir dir;
  Script script;
  script.stops_when_told = false;
  Node node(options_in(dir), scripted_factory(script), nullptr, nullptr, nullptr);
  std::string problem;
  ASSERT_EQ(node.open(problem), Node::Failure::NONE) << problem;
  ASSERT_EQ(node.up(), "");
  const Instant before = monotonic_now();
  node.close();
  EXPECT_EQ(node.state(), Node::State::DOWN);
  EXPECT_LT(monotonic_now() - before, Node::STOP_TIME + seconds(1));
}

/// A node whose client has stored its node key.
class NodeLeaves : public ::testing::Test, protected Observer {
 protected:
  NodeLeaves() : node(options_in(this->dir), scripted_factory(this->script), nullptr, this, nullptr) {}
  void SetUp() override {
    std::string problem;
    ASSERT_EQ(this->node.open(problem), Node::Failure::NONE) << problem;
    ASSERT_EQ(this->node.up(), "");
    this->script.act({.kind = Action::Kind::STORE, .record = Record::NODE_KEY}, "n");
    this->script.act({.kind = Action::Kind::STORE, .record = Record::MACHINE_KEY}, "m");
    this->node.runner().drain();
  }
  void on_event(Instant, const Event &event) override { this->events.push_back(event.kind); }
  void run_until_down() {
    while (this->node.state() != Node::State::DOWN)
      this->node.turn(monotonic_now());
  }
  bool has(const char *record) const { return std::filesystem::exists(this->dir / "s/" + record); }

  TemporaryDir dir;
  Script script;
  std::vector<Event::Kind> events;
  Node node;
};

TEST_F(NodeLeaves, erases_what_the_client_says_at_a_logout_and_nothing_else) {
  this->node.logout();
  this->run_until_down();
  EXPECT_FALSE(this->has("node-key"));
  EXPECT_TRUE(this->has("machine-key"));
  EXPECT_EQ(this->events, (std::vector{Event::Kind::LOGGED_OUT, Event::Kind::STOPPED}));
}

TEST_F(NodeLeaves, keeps_everything_when_it_only_goes_down) {
  this->node.down();
  this->run_until_down();
  EXPECT_TRUE(this->has("node-key"));
}

TEST_F(NodeLeaves, goes_on_when_control_did_not_confirm_it_and_may_try_again) {
  this->script.logout_events.clear();
  this->script.snapshot.state = State::ONLINE;
  this->node.logout();
  EXPECT_EQ(this->node.state(), Node::State::LEAVING);
  EXPECT_EQ(this->node.snapshot().state, State::ONLINE);
  this->script.events.push_back({.kind = Event::Kind::LOGOUT_FAILED, .error = Error::TIMED_OUT});
  this->node.runner().drain();
  EXPECT_EQ(this->node.state(), Node::State::UP);
  EXPECT_TRUE(this->has("node-key"));
  this->script.logout_events = {{.kind = Event::Kind::LOGGED_OUT}, {.kind = Event::Kind::STOPPED}};
  this->node.logout();
  this->run_until_down();
  EXPECT_FALSE(this->has("node-key"));
}

TEST_F(NodeLeaves, ends_in_time_and_keeps_everything_when_it_is_closed_during_a_logout) {
  this->script.logout_events.clear();
  this->node.logout();
  const Instant before = monotonic_now();
  this->node.close();
  EXPECT_LT(monotonic_now() - before, Node::STOP_TIME + seconds(1));
  EXPECT_EQ(this->node.state(), Node::State::DOWN);
  EXPECT_TRUE(this->has("node-key"));
}

}  // namespace
}  // namespace microlink::posix
