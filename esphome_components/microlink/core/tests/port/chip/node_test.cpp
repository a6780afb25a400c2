// SPDX-License-Identifier: MIT
#include "microlink/port/chip/node.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/port/chip/linux_system.h"

namespace microlink::chip {
namespace {

class ChipNode : public ::testing::Test {
 protected:
  ChipNode() {
    this->config.control_url = std::string_view("https://control.invalid");
    this->config.hostname = std::string_view("chip");
    this->options.config = &this->config;
  }
  void make() { this->node = std::make_unique<Node>(this->options, this->system, nullptr); }
  void run_until(const std::function<bool()> &done) {
    const Instant deadline = this->system.now() + seconds(20);
    bool is_done = done();
    while (!is_done && this->system.now() < deadline) {
      this->node->turn(this->system.now() + milliseconds(5));
      is_done = done();
    }
    EXPECT_TRUE(is_done);
  }
  void up() {
    EXPECT_TRUE(this->node->post({.kind = Command::Kind::UP}));
    this->run_until([this] { return this->node->state() == Node::State::UP; });
  }

  LinuxSystem system;
  Config config;
  Node::Options options;
  std::unique_ptr<Node> node;
};

TEST_F(ChipNode, makes_keys_at_its_first_start_and_keeps_them) {
  this->make();
  this->up();
  this->run_until([this] { return this->system.records.contains(Record::MACHINE_KEY); });
  const auto key = this->system.records[Record::MACHINE_KEY];
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::STOP}));
  this->run_until([this] { return this->node->finished(); });
  this->make();
  this->up();
  EXPECT_EQ(this->system.records[Record::MACHINE_KEY], key);
}

TEST_F(ChipNode, a_name_that_is_refused_is_asked_for_again_soon) {
  this->system.refuses_names = true;
  const Instant begun = this->system.now();
  this->make();
  this->up();
  this->run_until([this] { return this->system.refused_names >= 2; });
  EXPECT_LT(this->system.now() - begun, Streams::CONNECT_TIMEOUT);
  this->system.refuses_names = false;
  this->run_until([this] { return this->system.resolved != 0; });
}

TEST_F(ChipNode, stops_in_time_and_starts_again_a_hundred_times) {
  this->make();
  for (int i = 0; i != 100; i++) {
    this->up();
    EXPECT_TRUE(this->node->post({.kind = Command::Kind::DOWN}));
    this->run_until([this] { return this->node->state() == Node::State::DOWN; });
  }
}

TEST_F(ChipNode, forgets_nothing_at_a_logout_that_control_never_heard_of) {
  this->make();
  for (const auto kind : {Command::Kind::DOWN, Command::Kind::STOP}) {
    this->up();
    this->run_until([this] { return this->system.records.contains(Record::NODE_KEY); });
    EXPECT_TRUE(this->node->post({.kind = Command::Kind::LOGOUT}));
    this->run_until([this] { return this->node->state() == Node::State::LEAVING; });
    const auto before = this->system.records;
    EXPECT_TRUE(this->node->post({.kind = kind}));
    this->run_until([this] { return this->node->state() == Node::State::DOWN; });
    EXPECT_EQ(this->system.records[Record::NODE_KEY], before.at(Record::NODE_KEY));
    EXPECT_EQ(this->system.records[Record::MACHINE_KEY], before.at(Record::MACHINE_KEY));
  }
  EXPECT_TRUE(this->node->finished());
}

TEST_F(ChipNode, goes_on_after_a_logout_that_failed) {
  this->config.control_url = std::string_view("nonsense");  // so that there is nobody to wait for
  this->system.records[Record::NODE_KEY] = std::vector<uint8_t>(32, 7);
  this->make();
  this->up();
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::LOGOUT}));
  for (int i = 0; i != 3; i++)
    this->node->turn(this->system.now());
  EXPECT_EQ(this->node->state(), Node::State::UP);
  EXPECT_TRUE(this->system.records.contains(Record::NODE_KEY));
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::STOP}));
  const Instant before = this->system.now();
  this->run_until([this] { return this->node->finished(); });
  EXPECT_LT(this->system.now() - before, Node::STOP_TIME);
}

TEST_F(ChipNode, does_not_start_with_half_of_its_identity) {
  this->system.unreadable = Record::NODE_KEY;
  this->make();
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::UP}));
  this->node->turn(this->system.now());
  EXPECT_EQ(this->node->state(), Node::State::DOWN);
  EXPECT_FALSE(this->system.records.contains(Record::MACHINE_KEY));
}

TEST_F(ChipNode, says_so_when_there_is_no_memory) {
  this->options.memory.take = [](size_t) -> void * { return nullptr; };
  this->make();
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::UP}));
  this->node->turn(this->system.now());
  EXPECT_EQ(this->node->state(), Node::State::DOWN);
}

TEST_F(ChipNode, its_owner_sees_the_latest_snapshot_once) {
  this->make();
  this->up();
  Snapshot snapshot;
  this->run_until([&] { return this->node->take_snapshot(snapshot) && snapshot.state != State::STOPPED; });
  EXPECT_FALSE(this->node->take_snapshot(snapshot));
  EXPECT_TRUE(this->node->post({.kind = Command::Kind::DOWN}));
  this->run_until([&] { return this->node->take_snapshot(snapshot) && snapshot.state == State::STOPPED; });
}

TEST_F(ChipNode, refuses_commands_when_too_many_wait) {
  this->make();
  for (size_t i = 0; i != Mailbox::MAX_COMMANDS; i++)
    EXPECT_TRUE(this->node->post({.kind = Command::Kind::NETCHECK}));
  EXPECT_FALSE(this->node->post({.kind = Command::Kind::NETCHECK}));
}

TEST_F(ChipNode, tells_the_client_of_a_change_of_the_network_within_330_ms) {
  Loop loop(this->system, nullptr, nullptr);
  ASSERT_TRUE(loop.open({}));
  Client client(this->config, {}, nullptr);
  ASSERT_EQ(loop.attach(client), Error::NONE);
  const IpAddress moved = *parse_ip("192.0.2.7");
  this->system.addresses = {moved};
  this->system.network_changed = true;
  this->system.wake_up();
  const Instant from = this->system.now();
  bool told = false;
  while (!told && this->system.now() - from < seconds(10)) {
    loop.turn(this->system.now() + seconds(1));
    for (const Endpoint &endpoint : client.status().endpoints)
      told = told || endpoint.address == moved;
  }
  EXPECT_TRUE(told);
  EXPECT_LT(this->system.now() - from, milliseconds(330));
  loop.detach();
}

TEST_F(ChipNode, listens_where_it_did_before_the_restart) {
  const auto port_of = [this](Loop &loop) -> uint16_t {
    Client client(this->config, {}, nullptr);
    EXPECT_TRUE(loop.open({}));
    EXPECT_EQ(loop.attach(client), Error::NONE);
    const uint16_t port = client.status().endpoints.empty() ? uint16_t{0} : client.status().endpoints[0].port;
    loop.detach();
    return port;
  };
  Loop loop(this->system, nullptr, nullptr);
  const uint16_t first = port_of(loop);
  EXPECT_NE(first, 0);
  for (int i = 0; i != 3; i++) {
    loop.close();
    EXPECT_EQ(port_of(loop), first);
  }
  Loop other(this->system, nullptr, nullptr);
  EXPECT_NE(port_of(other), first) << "that one is taken";
}

TEST(ChipMailbox, keeps_the_latest_auth_key_until_a_client_has_it) {
  Mailbox mailbox;
  for (const char *key : {"first", "second"})
    EXPECT_TRUE(mailbox.post({.kind = Command::Kind::SET_AUTH_KEY, .text = std::string_view(key)}));
  EXPECT_FALSE(mailbox.take_command());
  EXPECT_EQ(mailbox.auth_key(), "second");
  mailbox.forget_auth_key(std::string_view("first"));
  EXPECT_EQ(mailbox.auth_key(), "second");
  mailbox.forget_auth_key(std::string_view("second"));
  EXPECT_TRUE(mailbox.auth_key().empty());
}

TEST(ChipMailbox, refuses_a_list_of_allowed_peers_that_makes_no_sense_and_keeps_the_one_before) {
  Mailbox mailbox;
  EXPECT_TRUE(mailbox.post_allowed_peers("phone 100.64.0.0/10"));
  EXPECT_FALSE(mailbox.post_allowed_peers("100.64.0.0/99"));
  netmap::Allowlist list;
  EXPECT_TRUE(mailbox.take_allowed_peers(list));
  EXPECT_EQ(list.size(), 2U);
  EXPECT_FALSE(mailbox.take_allowed_peers(list));
}

TEST(ChipMailbox, tells_a_message_as_news_until_it_was_taken_once) {
  Mailbox mailbox;
  Snapshot said;
  said.message.assign("the relay is away");
  Snapshot taken;
  mailbox.put_snapshot(said);
  mailbox.put_snapshot(said);  // before anybody looked
  EXPECT_TRUE(mailbox.take_snapshot(taken));
  EXPECT_TRUE(taken.is_new_message);
  EXPECT_FALSE(taken.is_new_login_url);
  mailbox.put_snapshot(said);
  EXPECT_TRUE(mailbox.take_snapshot(taken));
  EXPECT_FALSE(taken.is_new_message);
  said.message.assign("the relay is back");
  mailbox.put_snapshot(said);
  EXPECT_TRUE(mailbox.take_snapshot(taken));
  EXPECT_TRUE(taken.is_new_message);
}

TEST(ChipRecords, names_fit_into_a_key_of_the_flash) {
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT); i++) {
    const auto record = static_cast<Record>(i);
    EXPECT_TRUE(record == Record::PENDING_NODE_KEY || std::string_view(record_name(record)).size() <= 15);
  }
}

}  // namespace
}  // namespace microlink::chip
