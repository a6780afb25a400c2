// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/control/world.h"

namespace microlink::control {
namespace {

using Kind = Event::Kind;
using State = SessionState;
using testing::Value;

World::Reply sample(const char *name) { return {200, samples()["register_responses"][name].dump()}; }
std::string text_of(const NodePublic &key) { return std::string(key.to_text().view()); }

TEST(Register, succeeds_with_an_auth_key_once) {
  World w;
  ASSERT_EQ(w.session->set_auth_key(w.now, "tskey-auth-sample"), Error::NONE);
  w.start();
  ASSERT_EQ(w.registers.size(), 1u);
  EXPECT_EQ(w.registers[0]["Version"].integer(), 131);
  EXPECT_EQ(w.registers[0]["NodeKey"].text(), text_of(w.node.public_key()));
  EXPECT_EQ(w.registers[0]["Auth"]["AuthKey"].text(), "tskey-auth-sample");
  EXPECT_EQ(w.registers[0]["Hostinfo"]["Hostname"].text(), "sensor-1");
  EXPECT_TRUE(w.last_of(Kind::REGISTERED)->machine_authorized);
  // The key is gone: a later registration is without it.
  w.send_map(full_map());
  w.on_map = [](const Value &) { return World::Reply{404, "node not found"}; };
  w.end_map_stream();
  w.run_for(seconds(3));
  w.on_map = [](const Value &) { return World::Reply{.hold = true}; };
  w.run_for(seconds(10));
  ASSERT_GE(w.registers.size(), 2u);
  EXPECT_FALSE(w.registers.back().has("Auth"));
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Register, bounds_the_auth_key) {
  World w;
  EXPECT_EQ(w.session->set_auth_key(w.now, std::string(129, 'k')), Error::NO_SPACE);
  EXPECT_EQ(w.session->set_auth_key(w.now, std::string(128, 'k')), Error::NONE);
}

TEST(Register, waits_for_an_admin_but_streams) {
  World w;
  w.on_register = [](const Value &) { return sample("awaiting_device_approval"); };
  w.start();
  EXPECT_FALSE(w.last_of(Kind::REGISTERED)->machine_authorized);
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Register, shows_the_servers_error_and_retries_slowly) {
  World w;
  w.session->set_auth_key(w.now, "tskey-auth-used");
  w.on_register = [](const Value &) { return sample("bad_auth_key"); };
  w.start();
  EXPECT_EQ(w.last_of(Kind::REGISTER_FAILED)->text, "invalid pre auth key");
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  w.run_for(seconds(3600));
  EXPECT_GE(w.registers.size(), 4u);
  EXPECT_LE(w.registers.size(), 12u);
  EXPECT_EQ(w.registers.back()["Auth"]["AuthKey"].text(), "tskey-auth-used");
  // A new key is tried at once.
  w.on_register = [](const Value &) { return sample("success"); };
  w.session->set_auth_key(w.now, "tskey-auth-new");
  w.pump();
  EXPECT_EQ(w.registers.back()["Auth"]["AuthKey"].text(), "tskey-auth-new");
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Register, shows_the_text_of_other_statuses) {
  World w;
  w.on_register = [](const Value &) {
    return World::Reply{400, "unsupported client\nversion: " + std::string(500, '1')};
  };
  w.start();
  const auto text = w.last_of(Kind::REGISTER_FAILED)->text;
  EXPECT_TRUE(std::string(text).starts_with("unsupported client version: 111"));
  EXPECT_EQ(text.size(), 200u);
}

TEST(Register, honours_retry_after) {
  for (const auto &[header, least, most] :
       {std::tuple{"120", 120'000, 120'000}, std::tuple{"Wed, 21 Oct 2026 07:28:00 GMT", 90'000, 90'000},
        std::tuple{"Wed, 21 Oct 2026 09:28:00 GMT", 5'000, 10'001}, std::tuple{"soon", 5'000, 10'001},
        std::tuple{"0", 5'000, 10'001}, std::tuple{"3601", 5'000, 10'001}, std::tuple{"", 5'000, 10'001}}) {
    World w;
    const std::string value = header;
    w.on_register = [value](const Value &) {
      return World::Reply{429, "slow down",
                          value.empty() ? testing::Nghttp2Server::Headers{}
                                        : testing::Nghttp2Server::Headers{{"retry-after", value},
                                                                          {"date", "Wed, 21 Oct 2026 07:26:30 GMT"}}};
    };
    w.start();
    EXPECT_EQ(w.session->state(), State::BACKING_OFF);
    const int64_t pause = to_milliseconds(w.session->next_timeout() - w.now);
    EXPECT_GE(pause, least) << header;
    EXPECT_LE(pause, most) << header;
    EXPECT_EQ(w.count(Kind::REGISTER_FAILED), 0u);
  }
}

TEST(Register, follows_up_an_interactive_login) {
  World w;
  w.on_register = [](const Value &request) {
    const bool followup = request.has("Followup") && !request["Followup"].text().empty();
    return followup ? World::Reply{.hold = true} : sample("interactive_login");
  };
  w.start();
  EXPECT_EQ(w.last_of(Kind::LOGIN_URL)->text, "https://login.example/a/0123456789abcdef");
  EXPECT_EQ(w.session->state(), State::WAITING_FOR_LOGIN);
  ASSERT_EQ(w.registers.size(), 2u);
  EXPECT_EQ(w.registers[1]["Followup"].text(), "https://login.example/a/0123456789abcdef");
  EXPECT_EQ(w.registers[1]["NodeKey"].text(), w.registers[0]["NodeKey"].text());
  // A person takes long: asked again on a new connection, without a new URL.
  w.run_for(seconds(299));
  EXPECT_EQ(w.registers.size(), 2u);
  w.run_for(seconds(2));
  EXPECT_EQ(w.registers.size(), 3u);
  EXPECT_EQ(w.count(Kind::LOGIN_URL), 1u);
  w.on_register = [](const Value &) { return sample("success"); };
  w.drop_connections();
  w.run_for(seconds(3));
  EXPECT_EQ(w.registers.back()["Followup"].text(), "https://login.example/a/0123456789abcdef");
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Register, takes_an_auth_key_while_waiting_for_a_login) {
  World w;
  w.on_register = [](const Value &request) {
    if (request.has("Auth"))
      return sample("success");
    const bool followup = request.has("Followup") && !request["Followup"].text().empty();
    return followup ? World::Reply{.hold = true} : sample("interactive_login");
  };
  w.start();
  w.session->set_auth_key(w.now, "tskey-auth-late");
  w.pump();
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Register, backs_off_when_the_same_url_comes_again_and_shows_another) {
  World w;
  w.on_register = [](const Value &) { return sample("interactive_login"); };
  w.start();
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(w.count(Kind::LOGIN_URL), 1u);
  w.on_register = [](const Value &request) {
    const bool old = request["Followup"].text() == "https://login.example/a/0123456789abcdef";
    return old ? World::Reply{200, R"({"AuthURL":"https://login.example/a/second"})"} : World::Reply{.hold = true};
  };
  w.run_for(seconds(5));
  EXPECT_EQ(w.count(Kind::LOGIN_URL), 2u);
  EXPECT_EQ(w.last_of(Kind::LOGIN_URL)->text, "https://login.example/a/second");
}

TEST(Register, asks_for_a_node_key_when_it_has_expired) {
  World w;
  w.on_register = [](const Value &) { return sample("node_key_expired"); };
  w.start();
  EXPECT_EQ(w.count(Kind::NEED_NODE_KEY), 1u);
  EXPECT_EQ(w.session->state(), State::NEEDS_NODE_KEY);
  w.run_for(seconds(300));
  EXPECT_EQ(w.registers.size(), 1u);
  w.on_register = [](const Value &) { return sample("success"); };
  ASSERT_EQ(w.session->rotate(w.now, w.next_node.public_key()), Error::NONE);
  w.pump();
  EXPECT_EQ(w.registers.back()["NodeKey"].text(), text_of(w.next_node.public_key()));
  EXPECT_EQ(w.registers.back()["OldNodeKey"].text(), text_of(w.node.public_key()));
  EXPECT_EQ(w.last_of(Kind::ROTATED)->node_key, w.next_node.public_key());
  EXPECT_EQ(w.session->state(), State::STREAMING);
  EXPECT_EQ(w.maps.back()["NodeKey"].text(), text_of(w.next_node.public_key()));
}

TEST(Register, waits_for_the_node_key_without_a_connection_too) {
  World w;
  w.on_register = [](const Value &) { return sample("node_key_expired"); };
  w.start();
  w.drop_connections();
  EXPECT_EQ(w.session->state(), State::NEEDS_NODE_KEY);
  w.on_register = [](const Value &) { return sample("success"); };
  w.session->rotate(w.now, w.next_node.public_key());
  w.pump();
  EXPECT_EQ(w.count(Kind::ROTATED), 1u);
}

TEST(Register, does_not_loop_when_every_node_key_has_expired) {
  World w;
  w.on_register = [](const Value &) { return sample("node_key_expired"); };
  w.start();
  w.session->rotate(w.now, w.next_node.public_key());
  w.pump();
  EXPECT_EQ(w.count(Kind::REGISTER_FAILED), 1u);
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
}

TEST(Register, gives_an_answer_sixty_seconds) {
  World w;
  w.on_register = [](const Value &) { return World::Reply{.hold = true}; };
  w.start();
  w.run_for(milliseconds(59'999));
  EXPECT_EQ(w.session->state(), State::REGISTERING);
  w.run_for(milliseconds(1));
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
}

TEST(Register, survives_nonsense) {
  for (const char *body : {"", "null", "[]", "{", "\xff\xfe", R"({"Error":5})"}) {
    World w;
    w.on_register = [body](const Value &) { return World::Reply{200, body}; };
    w.start();
    EXPECT_EQ(w.count(Kind::REGISTER_FAILED), w.session->state() == State::STREAMING ? 0u : 1u) << body;
  }
}

TEST(Rotate, replaces_the_key_while_streaming) {
  World w;
  w.start();
  w.send_map(full_map());
  ASSERT_EQ(w.session->rotate(w.now, w.next_node.public_key()), Error::NONE);
  EXPECT_EQ(w.session->rotate(w.now, w.next_node.public_key()), Error::NOT_READY);
  w.pump();
  EXPECT_EQ(w.registers.back()["OldNodeKey"].text(), text_of(w.node.public_key()));
  EXPECT_EQ(w.last_of(Kind::ROTATED)->node_key, w.next_node.public_key());
  EXPECT_EQ(w.session->node_key(), w.next_node.public_key());
  EXPECT_EQ(w.opened.size(), 2u);  // the connection stayed
  EXPECT_EQ(w.updates.back()["NodeKey"].text(), text_of(w.next_node.public_key()));
  EXPECT_EQ(w.maps.back()["NodeKey"].text(), text_of(w.next_node.public_key()));
}

TEST(Rotate, keeps_the_old_key_when_the_server_refuses) {
  for (const char *name : {"bad_auth_key", "interactive_login", "node_key_expired"}) {
    World w;
    w.start();
    w.send_map(full_map());
    w.on_register = [name](const Value &) { return sample(name); };
    w.session->rotate(w.now, w.next_node.public_key());
    w.pump();
    EXPECT_EQ(w.count(Kind::ROTATION_FAILED), 1u) << name;
    EXPECT_EQ(w.count(Kind::ROTATED), 0u);
    EXPECT_EQ(w.session->state(), State::STREAMING);
    EXPECT_EQ(w.session->node_key(), w.node.public_key());
    EXPECT_EQ(w.maps.size(), 1u);  // the stream went on
    EXPECT_EQ(w.session->rotate(w.now, w.next_node.public_key()), Error::NONE);
  }
}

/// A rotation whose answer is in the test's hands, and the answer.
std::string begin_rotation(World &w, const char *answer) {
  w.start();
  w.send_map(full_map());
  w.on_register = [](const Value &) { return World::Reply{.hold = true}; };
  w.session->rotate(w.now, w.next_node.public_key());
  w.pump();
  EXPECT_EQ(w.registers.size(), 2u);
  return sample(answer).body;
}

TEST(Rotate, leaves_the_map_stream_alone_while_the_answer_comes_between_two_messages) {
  World w;
  const std::string answer = begin_rotation(w, "bad_auth_key");
  w.send_map(R"({"KeepAlive":true})");
  w.send_piece(w.register_stream, answer.substr(0, 10));
  w.send_piece(w.register_stream, answer.substr(10), true);
  EXPECT_EQ(w.count(Kind::ROTATION_FAILED), 1u);
  w.send_map(R"({"Domain":"after.example"})");
  EXPECT_EQ(w.sink.count("domain after.example"), 1u);
  EXPECT_EQ(w.sink.count("aborted"), 0u);
  EXPECT_EQ(w.maps.size(), 1u);
}

TEST(Rotate, gives_up_a_map_message_that_an_answer_comes_into_and_asks_for_it_again) {
  for (const bool refused : {true, false}) {
    World w;
    const std::string answer = begin_rotation(w, refused ? "bad_auth_key" : "success");
    const std::string map = World::framed(full_map());
    w.send_piece(w.map_stream, map.substr(0, map.size() / 2));
    w.send_piece(w.register_stream, answer.substr(0, 10));
    EXPECT_EQ(w.sink.count("aborted"), 1u);
    EXPECT_EQ(w.maps.size(), 1u) << "not before the answer is read";
    w.send_piece(w.register_stream, answer.substr(10), true);
    EXPECT_EQ(w.count(Kind::ROTATION_FAILED), refused ? 1u : 0u);
    EXPECT_EQ(w.count(Kind::ROTATED), refused ? 0u : 1u);
    EXPECT_EQ(w.maps.size(), 2u);
    EXPECT_EQ(w.session->state(), State::STREAMING);
    w.send_map(R"({"Domain":"after.example"})");
    EXPECT_EQ(w.sink.count("domain after.example"), 1u);
  }
}

TEST(Rotate, gives_up_the_map_stream_when_a_message_comes_into_the_answer) {
  World w;
  const std::string answer = begin_rotation(w, "bad_auth_key");
  w.send_piece(w.register_stream, answer.substr(0, 10));
  w.send_map(R"({"Domain":"lost.example"})");
  w.run_for(seconds(10));
  EXPECT_EQ(w.maps.size(), 1u);
  w.send_piece(w.register_stream, answer.substr(10), true);
  EXPECT_EQ(w.count(Kind::ROTATION_FAILED), 1u) << "the answer was read as a whole";
  EXPECT_EQ(w.maps.size(), 2u);
  w.send_map(full_map());
  w.send_map(R"({"Domain":"after.example"})");
  EXPECT_EQ(w.sink.count("domain lost.example"), 0u);
  EXPECT_EQ(w.sink.count("domain after.example"), 1u);
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Rotate, is_asked_again_when_the_answer_was_lost) {
  World w;
  (void) begin_rotation(w, "success");
  w.on_register = [](const Value &) { return sample("success"); };
  w.drop_connections();
  w.run_for(seconds(2));
  EXPECT_EQ(w.registers.size(), 3u);
  EXPECT_EQ(w.registers.back()["NodeKey"].text(), text_of(w.next_node.public_key()));
  EXPECT_EQ(w.count(Kind::ROTATED), 1u);
}

TEST(Rotate, is_asked_again_when_the_server_no_longer_knows_the_old_key) {
  World w;
  w.start();
  w.send_map(full_map());
  w.on_register = [](const Value &) { return World::Reply{.hold = true}; };
  w.session->rotate(w.now, w.next_node.public_key());
  w.pump();
  const std::string old_key = text_of(w.node.public_key());
  w.on_map = [old_key](const Value &request) {
    return request["NodeKey"].text() == old_key ? World::Reply{404, "node not found"} : World::Reply{.hold = true};
  };
  w.drop_connections();
  for (int i = 0; i != 60 && !w.last_of(Kind::MESSAGE); i++)
    w.run_for(milliseconds(10));
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  w.on_register = [](const Value &) { return sample("success"); };
  w.run_for(seconds(5));
  EXPECT_EQ(w.count(Kind::ROTATED), 1u);
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Rotate, follows_an_expiry_seen_in_the_netmap) {
  World w;
  w.start();
  w.send_map(full_map());
  ASSERT_EQ(w.session->handle_key_expired(w.now), Error::NONE);
  w.pump();
  EXPECT_EQ(w.session->state(), State::NEEDS_NODE_KEY);
  EXPECT_EQ(w.count(Kind::NEED_NODE_KEY), 1u);
  w.session->rotate(w.now, w.next_node.public_key());
  w.pump();
  EXPECT_EQ(w.count(Kind::ROTATED), 1u);
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Rotate, refuses_what_is_no_new_key) {
  World w;
  w.start();
  EXPECT_EQ(w.session->rotate(w.now, NodePublic{}), Error::MALFORMED);
  EXPECT_EQ(w.session->rotate(w.now, w.node.public_key()), Error::MALFORMED);
}

TEST(Logout, tells_the_server_and_stops) {
  World w;
  w.start();
  w.send_map(full_map());
  w.on_register = [](const Value &) { return sample("node_key_expired"); };
  w.session->logout(w.now);
  w.pump();
  EXPECT_EQ(w.registers.back()["Expiry"].text(), "1970-01-01T00:02:03Z");
  EXPECT_EQ(w.last_of(Kind::LOGGED_OUT)->error, Error::NONE);
  EXPECT_EQ(w.session->state(), State::STOPPED);
  EXPECT_EQ(w.connection(), nullptr);
  EXPECT_EQ(w.session->next_timeout(), Instant::NEVER);
}

TEST(Logout, says_why_the_server_refused) {
  struct Case {
    World::Reply reply;
    const char *text;
  };
  const std::vector<Case> cases = {{{200, R"({"Error":"not yours"})"}, "not yours"},
                                   {{500, "out of order"}, "out of order"},
                                   {{200, "?"}, "control sent no usable answer to the logout"},
                                   {{200, ""}, "control sent no usable answer to the logout"}};
  for (const Case &c : cases) {
    World w;
    w.start();
    w.send_map(full_map());
    w.on_register = [&c](const Value &) { return c.reply; };
    w.session->logout(w.now);
    w.pump();
    EXPECT_EQ(w.last_of(Kind::LOGGED_OUT)->error, Error::REJECTED) << c.text;
    EXPECT_EQ(w.texts.back(), c.text);
    EXPECT_EQ(w.session->state(), State::STOPPED);
  }
}

TEST(Logout, ends_in_time_without_a_server) {
  World w;
  w.plain = w.tls = World::Door::REFUSED;
  w.start();
  w.session->logout(w.now);
  w.run_for(milliseconds(14'999));
  EXPECT_EQ(w.count(Kind::LOGGED_OUT), 0u);
  w.run_for(milliseconds(1));
  EXPECT_EQ(w.last_of(Kind::LOGGED_OUT)->error, Error::TIMED_OUT);
  EXPECT_EQ(w.session->state(), State::STOPPED);
}

TEST(Logout, connects_first_when_it_must) {
  World w;
  w.plain = w.tls = World::Door::REFUSED;
  w.start();
  w.plain = w.tls = World::Door::OPEN;
  w.session->logout(w.now);
  w.pump();
  EXPECT_EQ(w.last_of(Kind::LOGGED_OUT)->error, Error::NONE);
  EXPECT_EQ(w.registers.size(), 1u);
}

}  // namespace
}  // namespace microlink::control
