// SPDX-License-Identifier: MIT
#include "microlinkd/requests.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "microlinkd/render.h"
#include "tests/port/posix/scripted.h"
#include "tests/support/vectors.h"

namespace microlink::tools {
namespace {

using posix::Node;
using posix::Script;
using posix::TemporaryDir;

NodePublic key_of(uint8_t n) {
  NodePublic out;
  out.bytes.fill(n);
  return out;
}

/// A node as in the manual's examples.
posix::Snapshot example() {
  posix::Snapshot out;
  out.state = State::ONLINE;
  out.control = ControlState::STREAMING;
  out.relay_connected = true;
  out.home_derp = 1;
  out.home_derp_code = "fra";
  out.nat = NatKind::EASY;
  out.name = "probe.example.ts.net";
  out.domain = "example.ts.net";
  out.ipv4 = IpAddress::v4(100, 64, 0, 7);
  out.ipv6 = *parse_ip("fd7a:115c:a1e0::7");
  out.node_key = key_of(1);
  out.key_expiry = wall_seconds(1'803'902'400);
  out.endpoints = {*parse_endpoint("192.168.1.7:41641"), *parse_endpoint("[2001:db8::7]:41641")};
  out.peers_in_table = 2;
  out.peers_in_tailnet = 12;
  out.statistics.rx_packets = 10;
  out.statistics.tx_packets = 12;
  out.statistics.rx_dropped[static_cast<size_t>(Error::REPLAYED)] = 1;
  out.statistics.refused[static_cast<size_t>(Refusal::NO_RULE)] = 3;
  out.statistics.refused[static_cast<size_t>(Refusal::OUTBOUND_MULTICAST)] = 7;
  out.statistics.map_bytes = 4096;
  out.statistics.map_polls = out.statistics.control_connects = out.statistics.relay_connects = 1;
  PeerStatus peer;
  peer.name.assign("sensor.example.ts.net");
  peer.node_key = key_of(2);
  peer.ipv4 = IpAddress::v4(100, 64, 0, 8);
  peer.ipv6 = *parse_ip("fd7a:115c:a1e0::8");
  peer.online = true;
  peer.home_derp = 1;
  peer.direct = *parse_endpoint("192.168.1.8:41641");
  peer.latency = microseconds(1'234);
  peer.handshake_age = seconds(17);
  peer.rx_bytes = 1024;
  peer.tx_bytes = 2048;
  out.peers = {peer};
  out.relays = {{1, FixedString<16>("fra"), microseconds(12'345)}};
  return out;
}

/// The example of that name in the manual, on one line.
std::string manual_example(const std::string &name) {
  std::ifstream in(MICROLINKD_MANUAL);
  EXPECT_TRUE(in) << MICROLINKD_MANUAL;
  std::string out;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (inside && line == "```")
      return out;
    if (inside)
      out += line;
    inside |= line == "```json " + name;
  }
  ADD_FAILURE() << "no example " << name;
  return out;
}

TEST(Report, the_manual_shows_what_the_daemon_says) {
  const posix::Snapshot snapshot = example();
  EXPECT_EQ(status_json(snapshot), manual_example("status"));
  EXPECT_EQ(peers_json(snapshot), manual_example("peers"));
  EXPECT_EQ(pong_json({"sensor", key_of(2), *parse_endpoint("192.168.1.8:41641"), 0, microseconds(1'234)}),
            manual_example("ping"));
  posix::Snapshot one = snapshot;
  one.endpoints.resize(1);
  EXPECT_EQ(netcheck_json(one), manual_example("netcheck"));
  EXPECT_EQ(event_json({.kind = Event::Kind::PEER_CHANGED, .peer = key_of(2)}, snapshot), manual_example("watch"));
  posix::Snapshot listed = snapshot;
  listed.everybody_allowed = false;
  listed.allowlist_origin = AllowlistOrigin::SET;
  listed.allowed_peers = {"phone", "tag:admin"};
  EXPECT_EQ(allow_json(listed), manual_example("allow"));
  EXPECT_EQ(error_json("unknown-peer", "no peer \"sensor\"; see: microlinkd peers"), manual_example("error"));
}

TEST(Report, an_empty_node_is_json_with_the_same_fields) {
  const auto empty = testing::parse_json(status_json({}));
  const auto full = testing::parse_json(status_json(example()));
  EXPECT_EQ(empty.keys(), full.keys());
  EXPECT_TRUE(empty["ipv4"].is_null());
  EXPECT_TRUE(empty["key_expiry"].is_null());
  EXPECT_EQ(empty["state"].text(), "stopped");
}

TEST(Report, many_peers_fit) {
  posix::Snapshot snapshot = example();
  snapshot.peers.resize(2000, snapshot.peers[0]);
  EXPECT_EQ(testing::parse_json(peers_json(snapshot)).size(), 2000U);
}

TEST(JsonValue, refuses_what_is_not_one_shallow_value) {
  for (const char *bad : {"", "{", "{}x", "[1,]", "{\"a\"}", "[[[[[[[[[[1]]]]]]]]]]", "nul", "{\"a\":1"})
    EXPECT_FALSE(JsonValue::parse(bad)) << bad;
  const auto good = JsonValue::parse(" {\"a\":[1,{\"b\":\"c\"}],\"d\":true,\"e\":null} ");
  ASSERT_TRUE(good);
  EXPECT_EQ((*good)["a"].items()[1]["b"].text(), "c");
  EXPECT_TRUE((*good)["d"].truth());
  EXPECT_TRUE((*good)["missing"]["deeper"].is(JsonValue::Kind::NIL));
}

TEST(Render, is_short_and_harmless) {
  const std::string status = render_status(*JsonValue::parse(manual_example("status")));
  EXPECT_NE(status.find("State:     online\n"), std::string::npos) << status;
  EXPECT_NE(status.find("fra (1), connected"), std::string::npos);
  EXPECT_NE(status.find("Dropped:   1 replayed\n"), std::string::npos) << status;
  EXPECT_NE(status.find("Refused:   3 no rule, 7 outbound multicast\n"), std::string::npos) << status;
  EXPECT_EQ(status.find("Rules:"), std::string::npos) << "nothing to say";
  EXPECT_NE(render_status(*JsonValue::parse(R"({"filter_complete":false})")).find("Rules:     some"),
            std::string::npos);
  EXPECT_NE(render_peers(*JsonValue::parse(manual_example("peers"))).find("192.168.1.8:41641"), std::string::npos);
  EXPECT_NE(render_netcheck(*JsonValue::parse(manual_example("netcheck"))).find("12.3 ms"), std::string::npos);
  EXPECT_EQ(render_pong(*JsonValue::parse(manual_example("ping"))),
            "pong from sensor via 192.168.1.8:41641 in 1.2 ms\n");
  const std::string evil = render_status(*JsonValue::parse("{\"name\":\"\\u001b[2J\"}"));
  EXPECT_EQ(evil.find('\x1b'), std::string::npos);
}

class RequestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    this->script.snapshot = example();
    this->script.snapshot.peers[0].name.assign("sensor");
    posix::NodeOptions options;
    options.state_dir = this->dir / "s";
    this->node =
        std::make_unique<Node>(options, posix::scripted_factory(this->script), nullptr, &this->requests, nullptr);
    std::string problem;
    ASSERT_EQ(this->node->open(problem), Node::Failure::NONE) << problem;
    this->requests.use(this->node.get(), [] { return std::string("fresh-key"); });
    ASSERT_EQ(this->node->up(), "");
  }
  void ask(const std::string &line, Requests::ClientId client = 1) { this->requests.handle(this->now, client, line); }
  /// All answers so far.
  std::vector<std::string> answers() {
    std::vector<std::string> out;
    while (const auto reply = this->requests.poll_reply())
      out.push_back(std::to_string(reply->client) + " " + reply->line);
    return out;
  }
  std::string only_answer() {
    const auto all = this->answers();
    return all.size() == 1 ? all[0] : std::to_string(all.size()) + " answers";
  }
  void run_until_down() {
    while (this->node->state() != Node::State::DOWN)
      this->node->turn(posix::monotonic_now());
    this->requests.update(this->now);
  }
  void event(Event event) {
    this->script.events.push_back(event);
    this->node->runner().drain();
  }

  TemporaryDir dir;
  Script script;
  Requests requests;
  std::unique_ptr<Node> node;
  Instant now = static_cast<Instant>(1'000'000'000);
};

TEST_F(RequestsTest, status_and_peers_at_once) {
  this->ask("{\"command\":\"status\"}");
  EXPECT_EQ(this->only_answer(), "1 " + status_json(this->script.snapshot));
  this->ask("{\"command\":\"peers\"}");
  EXPECT_EQ(this->only_answer(), "1 " + peers_json(this->script.snapshot));
}

TEST_F(RequestsTest, nonsense_is_answered_with_an_error) {
  for (const char *bad : {"", "x", "[]", "{}", "{\"command\":1}"}) {
    this->ask(bad);
    EXPECT_NE(this->only_answer().find("bad-request"), std::string::npos) << bad;
  }
  this->ask("{\"command\":\"fly\"}");
  EXPECT_NE(this->only_answer().find("unknown-command"), std::string::npos);
}

TEST_F(RequestsTest, pings_of_one_peer_are_answered_together) {
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}", 1);
  this->ask("{\"command\":\"ping\",\"peer\":\"" + std::string(key_of(2).to_text().view()) + "\"}", 2);
  EXPECT_TRUE(this->answers().empty());
  ASSERT_EQ(this->script.pings.size(), 2U);
  this->event({.kind = Event::Kind::PONG, .peer = key_of(9)});  // nobody asked
  EXPECT_TRUE(this->answers().empty());
  this->event({.kind = Event::Kind::PONG, .peer = key_of(2), .region = 1, .latency = milliseconds(20)});
  const auto answers = this->answers();
  ASSERT_EQ(answers.size(), 2U);
  for (const std::string &answer : answers) {
    EXPECT_NE(answer.find("\"via\":\"derp\",\"endpoint\":null,\"region\":1,\"latency_ms\":20.0"), std::string::npos);
  }
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}", 2);
  this->event({.kind = Event::Kind::PING_TIMED_OUT, .peer = key_of(2)});
  const std::string second = this->only_answer();
  EXPECT_EQ(second.substr(0, 2), "2 ");
  EXPECT_NE(second.find("timed-out"), std::string::npos);
}

TEST_F(RequestsTest, a_ping_that_cannot_be_sent_is_answered) {
  this->ask("{\"command\":\"ping\",\"peer\":\"nobody\"}");
  EXPECT_NE(this->only_answer().find("unknown-peer"), std::string::npos);
  this->script.ping_error = Error::NOT_READY;
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
  EXPECT_NE(this->only_answer().find("not-ready"), std::string::npos);
  this->script.ping_error = Error::UNKNOWN_PEER;
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
  EXPECT_NE(this->only_answer().find("unknown-peer"), std::string::npos);
}

TEST_F(RequestsTest, a_ping_waits_for_a_peer_that_control_is_asked_for) {
  const posix::Snapshot with_peer = this->script.snapshot;
  this->script.snapshot.peers.clear();
  this->script.find_error = Error::NOT_READY;
  for (const Requests::ClientId client : {1, 2})
    this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}", client);
  this->ask("{\"command\":\"ping\",\"peer\":\"nobody\"}", 3);
  this->requests.update(this->now);
  EXPECT_TRUE(this->answers().empty());
  EXPECT_TRUE(this->script.pings.empty());
  EXPECT_EQ(this->requests.next_timeout(this->now), this->now + Client::FIND_LIMIT);
  this->script.snapshot = with_peer;
  this->requests.update(this->now);
  EXPECT_EQ(this->script.pings.size(), 2U);
  this->event({.kind = Event::Kind::PONG, .peer = key_of(2), .region = 1, .latency = milliseconds(20)});
  const auto both = this->answers();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_NE(both[0].find("\"peer\":\"sensor\""), std::string::npos);
  this->script.find_error = Error::UNKNOWN_PEER;
  this->requests.update(this->now);
  const std::string third = this->only_answer();
  EXPECT_EQ(third.substr(0, 2), "3 ");
  EXPECT_NE(third.find("unknown-peer"), std::string::npos);
}

TEST_F(RequestsTest, a_peer_that_is_not_found_in_time_is_said_and_none_is_looked_for_without_control) {
  this->script.find_error = Error::NOT_READY;
  this->ask("{\"command\":\"ping\",\"peer\":\"nobody\"}");
  this->requests.update(this->now + Client::FIND_LIMIT);
  EXPECT_NE(this->only_answer().find("timed-out"), std::string::npos);
  this->script.snapshot.control = ControlState::OFFLINE;
  this->ask("{\"command\":\"ping\",\"peer\":\"nobody\"}");
  EXPECT_NE(this->only_answer().find("not-ready"), std::string::npos);
}

TEST_F(RequestsTest, a_ping_waits_while_the_node_is_on_its_way_to_control_and_no_longer) {
  const posix::Snapshot with_peer = this->script.snapshot;
  this->script.snapshot.peers.clear();
  this->script.find_error = Error::NOT_READY;
  for (const ControlState state : {ControlState::FETCHING_KEY, ControlState::CONNECTING, ControlState::REGISTERING}) {
    this->script.snapshot.control = state;
    this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
    this->requests.update(this->now);
    EXPECT_TRUE(this->answers().empty());
  }
  this->script.snapshot = with_peer;
  this->requests.update(this->now);
  EXPECT_EQ(this->script.pings.size(), 3U);
  this->event({.kind = Event::Kind::PONG, .peer = key_of(2), .region = 1, .latency = milliseconds(20)});
  EXPECT_EQ(this->answers().size(), 3U);
  this->script.snapshot.peers.clear();
  for (const ControlState state : {ControlState::OFFLINE, ControlState::WAITING_FOR_LOGIN}) {
    this->script.snapshot.control = ControlState::CONNECTING;
    this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
    this->script.snapshot.control = state;
    this->requests.update(this->now);
    EXPECT_NE(this->only_answer().find("not-ready"), std::string::npos);
  }
}

TEST_F(RequestsTest, a_ping_without_any_event_times_out_by_itself) {
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
  EXPECT_EQ(this->requests.next_timeout(this->now), this->now + Requests::PING_TIME);
  this->requests.update(this->now + Requests::PING_TIME - microseconds(1));
  EXPECT_TRUE(this->answers().empty());
  this->requests.update(this->now + Requests::PING_TIME);
  EXPECT_NE(this->only_answer().find("timed-out"), std::string::npos);
}

TEST_F(RequestsTest, a_rotation_is_answered_with_the_new_key) {
  this->ask("{\"command\":\"rotate-key\"}");
  EXPECT_TRUE(this->answers().empty());
  this->script.snapshot.node_key = key_of(7);
  this->event({.kind = Event::Kind::KEY_ROTATED});
  EXPECT_EQ(this->only_answer(), "1 {\"ok\":true,\"node_key\":\"" + std::string(key_of(7).to_text().view()) + "\"}");
}

TEST_F(RequestsTest, a_rotation_that_is_refused_is_answered_at_once_with_the_reason) {
  this->ask("{\"command\":\"rotate-key\"}");
  this->event({.kind = Event::Kind::MESSAGE, .text = "something else"});
  EXPECT_TRUE(this->answers().empty());
  this->event({.kind = Event::Kind::ROTATION_FAILED, .text = "not with this key"});
  EXPECT_EQ(this->only_answer(), R"(1 {"error":{"code":"refused","message":"not with this key"}})");
  this->event({.kind = Event::Kind::ROTATION_FAILED, .text = "again"});
  EXPECT_TRUE(this->answers().empty());
}

TEST_F(RequestsTest, a_netcheck_measures_first) {
  this->ask("{\"command\":\"netcheck\"}");
  EXPECT_EQ(this->script.netchecks, 1U);
  this->requests.update(this->now + milliseconds(1));
  EXPECT_TRUE(this->answers().empty());
  this->requests.update(this->now + Requests::NETCHECK_LEAST);
  EXPECT_NE(this->only_answer().find("\"latency_ms\":12.3"), std::string::npos);
  this->script.snapshot.relays.clear();
  this->ask("{\"command\":\"netcheck\"}");
  this->requests.update(this->now + Requests::NETCHECK_LEAST);
  EXPECT_TRUE(this->answers().empty());
  EXPECT_EQ(this->requests.next_timeout(this->now + Requests::NETCHECK_LEAST), this->now + Requests::NETCHECK_MOST);
  this->requests.update(this->now + Requests::NETCHECK_MOST);
  EXPECT_NE(this->only_answer().find("\"relays\":[]"), std::string::npos);
}

TEST_F(RequestsTest, down_ends_what_waits_and_up_reads_the_auth_key_again) {
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}", 1);
  this->ask("{\"command\":\"down\"}", 2);
  this->run_until_down();
  const auto all = this->answers();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NE(all[0].find("\"code\":\"down\""), std::string::npos);
  EXPECT_EQ(all[1], "2 {\"ok\":true}");
  for (const char *command : {"ping", "netcheck", "rotate-key", "allow", "logout"}) {
    this->ask(std::string("{\"command\":\"") + command + "\"}");
    EXPECT_NE(this->only_answer().find("microlinkd up"), std::string::npos) << command;
  }
  this->ask("{\"command\":\"status\"}");
  EXPECT_EQ(this->only_answer(), "1 " + status_json({}));
  this->ask("{\"command\":\"up\"}");
  EXPECT_EQ(this->only_answer(), "1 {\"ok\":true}");
  EXPECT_EQ(this->script.auth_key, "fresh-key");
}

TEST_F(RequestsTest, a_logout_is_done_when_control_has_confirmed_it_and_the_node_is_down) {
  this->ask("{\"command\":\"logout\"}");
  EXPECT_TRUE(this->answers().empty());
  this->run_until_down();
  EXPECT_EQ(this->only_answer(), "1 {\"ok\":true}");
}

TEST_F(RequestsTest, a_logout_that_is_not_confirmed_is_answered_with_the_reason) {
  this->script.logout_events.clear();
  for (const auto &[error, code] : {std::pair{Error::TIMED_OUT, "timed-out"}, std::pair{Error::REJECTED, "refused"}}) {
    this->ask("{\"command\":\"logout\"}");
    this->requests.update(this->now + seconds(3));
    EXPECT_TRUE(this->answers().empty());
    this->ask("{\"command\":\"netcheck\"}", 2);
    EXPECT_NE(this->only_answer().find("logging out"), std::string::npos);
    this->event({.kind = Event::Kind::LOGOUT_FAILED, .text = "because", .error = error});
    EXPECT_EQ(this->only_answer(), std::string("1 {\"error\":{\"code\":\"") + code + "\",\"message\":\"because\"}}");
  }
}

TEST_F(RequestsTest, a_logout_that_a_down_has_overtaken_is_not_called_done) {
  this->script.logout_events.clear();
  this->ask("{\"command\":\"logout\"}", 1);
  this->ask("{\"command\":\"down\"}", 2);
  this->run_until_down();
  const auto all = this->answers();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NE(all[0].find("\"code\":\"failed\""), std::string::npos) << all[0];
  EXPECT_EQ(all[1], "2 {\"ok\":true}");
}

TEST_F(RequestsTest, a_watch_streams_until_the_client_goes) {
  this->ask("{\"command\":\"watch\"}", 3);
  this->event({.kind = Event::Kind::MESSAGE, .text = "hello"});
  this->event({.kind = Event::Kind::STATE_CHANGED});
  EXPECT_EQ(this->answers().size(), 2U);
  this->event({.kind = Event::Kind::STATE_CHANGED});
  this->requests.forget(3);
  this->event({.kind = Event::Kind::STATE_CHANGED});
  EXPECT_TRUE(this->answers().empty());
}

TEST_F(RequestsTest, allow_shows_the_list_and_sets_it) {
  this->script.allowed_peers = "untouched";
  this->ask(R"({"command":"allow"})");
  EXPECT_EQ(this->only_answer(), "1 " + allow_json(this->script.snapshot));
  for (const char *bad :
       {R"("phone")", R"([1])", R"(["100.64.0.300"])", R"(["phone tag:a"])", R"(["phone","phone"])"}) {
    this->ask(std::string(R"({"command":"allow","peers":)") + bad + "}");
    EXPECT_NE(this->only_answer().find("bad-request"), std::string::npos) << bad;
  }
  EXPECT_EQ(this->script.allowed_peers, "untouched");
  this->ask(R"({"command":"allow","peers":["phone","tag:a"]})");
  EXPECT_EQ(this->only_answer(), "1 " + allow_json(this->script.snapshot));
  EXPECT_EQ(this->script.allowed_peers, "phone tag:a");
  this->ask(R"({"command":"allow","peers":[]})");
  EXPECT_EQ(this->script.allowed_peers, "");
}

TEST_F(RequestsTest, a_peer_that_is_not_allowed_cannot_be_pinged) {
  this->script.ping_error = Error::REJECTED;
  this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}");
  EXPECT_NE(this->only_answer().find("not-allowed"), std::string::npos);
}

TEST_F(RequestsTest, too_many_that_wait_are_refused) {
  for (size_t i = 0; i != Requests::MAX_PENDING; i++)
    this->ask("{\"command\":\"ping\",\"peer\":\"sensor\"}", 1);
  EXPECT_TRUE(this->answers().empty());
  this->ask("{\"command\":\"status\"}", 2);
  EXPECT_NE(this->only_answer().find("busy"), std::string::npos);
}

}  // namespace
}  // namespace microlink::tools
