// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/control/world.h"

namespace microlink::control {
namespace {

using Kind = Event::Kind;
using State = SessionState;
using testing::Value;

std::vector<tailcfg::OwnEndpoint> endpoints(uint8_t last) {
  return {{{IpAddress::v4(192, 168, 1, last), 41641}, tailcfg::EndpointType::LOCAL},
          {{IpAddress::v4(203, 0, 113, last), 41641}, tailcfg::EndpointType::STUN}};
}

class Map : public ::testing::Test {
 protected:
  World w;
  void stream() {
    this->w.start();
    this->w.send_map(full_map());
    ASSERT_EQ(this->w.session->state(), State::STREAMING);
  }
};

TEST_F(Map, updates_and_streams_with_the_same_values) {
  this->w.session->set_endpoints(this->w.now, endpoints(50));
  this->w.session->set_preferred_derp(this->w.now, 999);
  this->stream();
  ASSERT_EQ(this->w.updates.size(), 1u);
  ASSERT_EQ(this->w.maps.size(), 1u);
  const Value update = this->w.updates[0];
  const Value map = this->w.maps[0];
  EXPECT_TRUE(update["OmitPeers"].boolean());
  EXPECT_TRUE(map["Stream"].boolean());
  EXPECT_TRUE(map["KeepAlive"].boolean());
  for (const Value &request : {update, map}) {
    EXPECT_EQ(request["DiscoKey"].text(), std::string(this->w.disco.public_key().to_text().view()));
    EXPECT_EQ(request["Hostinfo"]["NetInfo"]["PreferredDERP"].integer(), 999);
    EXPECT_EQ(request["Hostinfo"]["Hostname"].text(), "sensor-1");
    EXPECT_EQ(request["Endpoints"][1].text(), "203.0.113.50:41641");
    EXPECT_EQ(request["EndpointTypes"][size_t{0}].integer(), 1);
    EXPECT_FALSE(request.has("ReadOnly") && request["ReadOnly"].boolean());
  }
  EXPECT_EQ(update["Hostinfo"].dump(), map["Hostinfo"].dump());
}

TEST_F(Map, updates_only_on_change_and_joins_bursts) {
  this->stream();
  this->w.run_for(seconds(30));
  this->w.send_map(R"({"KeepAlive":true})");
  EXPECT_EQ(this->w.updates.size(), 1u);
  this->w.session->set_endpoints(this->w.now, endpoints(1));
  this->w.run_for(milliseconds(500));
  this->w.session->set_endpoints(this->w.now, endpoints(2));
  this->w.session->set_net_info(this->w.now, {.working_udp = true, .mapping_varies = false, .link_type = "wifi"});
  this->w.run_for(milliseconds(499));
  EXPECT_EQ(this->w.updates.size(), 1u);
  this->w.run_for(milliseconds(1));
  ASSERT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.updates[1]["Endpoints"][size_t{0}].text(), "192.168.1.2:41641");
  EXPECT_EQ(this->w.updates[1]["Hostinfo"]["NetInfo"]["LinkType"].text(), "wifi");
  this->w.session->set_endpoints(this->w.now, endpoints(2));
  this->w.session->set_preferred_derp(this->w.now, 0);
  this->w.session->set_net_info(this->w.now, {.working_udp = true, .mapping_varies = false, .link_type = "wifi"});
  this->w.run_for(seconds(60));
  EXPECT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.maps.size(), 1u);
}

TEST_F(Map, sends_a_new_home_region_at_once) {
  this->stream();
  this->w.session->set_endpoints(this->w.now, endpoints(1));
  this->w.session->set_preferred_derp(this->w.now, 7);
  this->w.pump();
  ASSERT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.updates[1]["Hostinfo"]["NetInfo"]["PreferredDERP"].integer(), 7);
  EXPECT_EQ(this->w.updates[1]["Endpoints"].size(), 2u);
  this->w.run_for(seconds(5));
  EXPECT_EQ(this->w.updates.size(), 2u);
}

TEST_F(Map, repeats_a_failed_update_with_pauses) {
  this->stream();
  this->w.on_update = [](const Value &) { return World::Reply{500, "no"}; };
  this->w.session->set_preferred_derp(this->w.now, 7);
  this->w.run_for(seconds(20));
  EXPECT_GE(this->w.updates.size(), 4u);
  EXPECT_LE(this->w.updates.size(), 9u);
  this->w.on_update = [](const Value &) { return World::Reply{}; };
  this->w.run_for(seconds(60));
  const size_t updates = this->w.updates.size();
  this->w.send_map(R"({"KeepAlive":true})");
  this->w.run_for(seconds(60));
  EXPECT_EQ(this->w.updates.size(), updates);
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
}

TEST_F(Map, gives_up_on_an_update_without_an_answer) {
  this->stream();
  this->w.on_update = [](const Value &) { return World::Reply{.hold = true}; };
  this->w.session->set_preferred_derp(this->w.now, 7);
  this->w.run_for(seconds(29));
  this->w.session->set_preferred_derp(this->w.now, 8);
  EXPECT_EQ(this->w.updates.size(), 2u);
  this->w.on_update = [](const Value &) { return World::Reply{}; };
  this->w.run_for(seconds(3));
  ASSERT_EQ(this->w.updates.size(), 3u);
  EXPECT_EQ(this->w.updates[2]["Hostinfo"]["NetInfo"]["PreferredDERP"].integer(), 8);
}

TEST_F(Map, sends_what_changed_while_it_was_away) {
  this->stream();
  this->w.drop_connections();
  this->w.session->set_preferred_derp(this->w.now, 3);
  this->w.run_for(seconds(2));
  ASSERT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.maps.size(), 2u);
  EXPECT_EQ(this->w.registers.size(), 1u);
  // And nothing when nothing changed.
  this->w.send_map(full_map());
  this->w.drop_connections();
  this->w.run_for(seconds(2));
  EXPECT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.maps.size(), 3u);
}

TEST_F(Map, watches_the_stream_for_two_minutes) {
  this->stream();
  for (int i = 0; i != 10; i++) {
    this->w.run_for(seconds(119));
    this->w.send_map(R"({"KeepAlive":true})");
  }
  EXPECT_EQ(this->w.opened.size(), 2u);
  this->w.run_for(milliseconds(119'999));
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
  // Answers to updates and PINGs are no sign of life of the stream.
  this->w.session->set_preferred_derp(this->w.now, 9);
  this->w.connection()->http.ping();
  this->w.pump();
  this->w.run_for(milliseconds(1));
  EXPECT_EQ(this->w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(this->w.last_of(Kind::DISCONNECTED)->error, Error::TIMED_OUT);
}

TEST_F(Map, watches_for_the_first_answer_too) {
  this->w.on_map = [](const Value &) { return World::Reply{.hold = true}; };
  this->w.start();
  this->w.run_for(milliseconds(119'999));
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
  this->w.run_for(milliseconds(1));
  EXPECT_EQ(this->w.session->state(), State::BACKING_OFF);
}

TEST_F(Map, comes_back_quickly_once_and_then_with_growing_pauses) {
  this->stream();
  this->w.run_for(seconds(60));
  this->w.plain = this->w.tls = World::Door::REFUSED;
  const size_t before = this->w.opened.size();
  const Instant lost = this->w.now;
  this->w.drop_connections();
  this->w.run_for(seconds(5));
  ASSERT_GT(this->w.opened.size(), before + 1);
  EXPECT_GE(this->w.opened_at[before] - lost, milliseconds(100));
  EXPECT_LE(this->w.opened_at[before] - lost, milliseconds(500));
  EXPECT_GE(this->w.opened_at.back() - this->w.opened_at[before], milliseconds(500));
}

TEST_F(Map, registers_again_when_the_node_is_unknown) {
  for (const int status : {400, 401, 403, 404}) {
    World world;
    world.start();
    world.send_map(full_map());
    world.on_map = [status](const Value &) { return World::Reply{status, "node not found"}; };
    world.end_map_stream();
    for (int i = 0; i != 60 && !world.last_of(Kind::MESSAGE); i++)
      world.run_for(milliseconds(10));
    ASSERT_TRUE(world.last_of(Kind::MESSAGE)) << status;
    EXPECT_EQ(world.last_of(Kind::MESSAGE)->text, "node not found") << status;
    world.on_map = [](const Value &) { return World::Reply{.hold = true}; };
    world.run_for(seconds(5));
    EXPECT_EQ(world.registers.size(), 2u) << status;
    EXPECT_EQ(world.session->state(), State::STREAMING);
    EXPECT_EQ(world.updates.size(), 2u);  // a new registration may know nothing
  }
}

TEST_F(Map, does_not_register_again_on_a_servers_trouble) {
  this->stream();
  this->w.on_map = [](const Value &) { return World::Reply{503, "starting"}; };
  this->w.end_map_stream();
  this->w.run_for(seconds(10));
  this->w.on_map = [](const Value &) { return World::Reply{.hold = true}; };
  this->w.run_for(seconds(30));
  EXPECT_EQ(this->w.registers.size(), 1u);
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
}

TEST_F(Map, reconnects_on_goaway_and_resets) {
  for (const bool goaway : {true, false}) {
    World world;
    world.start();
    world.send_map(full_map());
    if (goaway) {
      world.connection()->http.goaway(world.map_stream, 0);
    } else {
      world.connection()->http.reset(world.map_stream, 8);
    }
    world.send_map(R"({"KeepAlive":true})");
    EXPECT_EQ(world.session->state(), State::BACKING_OFF) << goaway;
    world.run_for(milliseconds(500));
    EXPECT_EQ(world.session->state(), State::STREAMING);
    EXPECT_EQ(world.maps.size(), 2u);
  }
}

TEST_F(Map, drops_a_stream_that_is_not_one) {
  this->stream();
  this->w.connection()->http.data(this->w.map_stream, std::string("\0\0\0\0", 4), false);
  this->w.send_map("{}");
  EXPECT_EQ(this->w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(this->w.sink.count("aborted"), 1u);
}

TEST_F(Map, polls_again_on_the_same_connection) {
  this->stream();
  const int32_t first = this->w.map_stream;
  ASSERT_EQ(this->w.session->poll_again(this->w.now), Error::NONE);
  this->w.pump();
  EXPECT_EQ(this->w.opened.size(), 2u);
  EXPECT_EQ(this->w.maps.size(), 2u);
  EXPECT_NE(this->w.map_stream, first);
  EXPECT_TRUE(this->w.connection()->http.requests[first].reset);
  this->w.send_map(full_map());
  EXPECT_EQ(this->w.sink.count("end"), 2u);
  EXPECT_EQ(this->w.count(Kind::STREAMING), 2u);
  for (int i = 0; i != 100; i++) {
    ASSERT_EQ(this->w.session->poll_again(this->w.now), Error::NONE);
    this->w.pump();
  }
  EXPECT_EQ(this->w.maps.size(), 102u);
}

TEST_F(Map, sleeps_when_told_to_but_not_for_ever) {
  this->stream();
  this->w.send_map(R"({"Debug":{"SleepSeconds":3000}})");
  EXPECT_EQ(this->w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(this->w.session->next_timeout() - this->w.now, seconds(300));
  this->w.run_for(seconds(301));
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
}

TEST_F(Map, answers_pings_once) {
  this->stream();
  const Value later = samples()["map_responses_later"];
  for (size_t i = 0; i != later.size(); i++)
    this->w.send_map(later[i].dump());
  this->w.send_map(later[5].dump());
  ASSERT_EQ(this->w.others.size(), 3u);
  EXPECT_TRUE(this->w.others[0].starts_with("HEAD /machine/ping-response?id=1 HTTP/1.1\r\n")) << this->w.others[0];
  EXPECT_EQ(this->w.others[1], "HEAD /some/path ");
  EXPECT_EQ(this->w.others[2], "POST /c2n/1 " + samples()["c2n_echo_reply"].text());
  EXPECT_EQ(this->w.count(Kind::PING_REQUEST), 0u);
  EXPECT_FALSE(this->w.has(Link::PING)) << "one request, then the connection ends";
}

TEST_F(Map, posts_what_a_ping_of_a_peer_found_out) {
  this->stream();
  for (const char *noise : {"true", "false"}) {
    this->w.send_map(std::string(R"({"PingRequest":{"URL":"https://control.example/ping/)") + noise +
                     R"(","Types":"disco,TSMP","IP":"100.64.0.9","URLIsNoise":)" + noise + "}}");
    const auto asked = this->w.last_of(Kind::PING_REQUEST);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->text, std::string("https://control.example/ping/") + noise);
    ASSERT_EQ(this->w.session->answer_ping(this->w.now, R"({"Type":"disco"})"), Error::NONE);
    EXPECT_EQ(this->w.session->answer_ping(this->w.now, "{}"), Error::UNEXPECTED) << "once";
    this->w.pump();
  }
  ASSERT_EQ(this->w.others.size(), 2u);
  EXPECT_EQ(this->w.others[0], R"(POST /ping/true {"Type":"disco"})");
  EXPECT_TRUE(this->w.others[1].starts_with("POST /ping/false HTTP/1.1\r\n"));
  EXPECT_TRUE(this->w.others[1].ends_with("\r\n\r\n{\"Type\":\"disco\"}"));
}

TEST_F(Map, knocks_at_nobodys_door_for_control_and_gives_a_ping_up) {
  this->stream();
  const size_t opened = this->w.opened.size();
  this->w.send_map(R"({"PingRequest":{"URL":"https://192.168.1.1/reboot"}})");
  EXPECT_EQ(this->w.opened.size(), opened);
  this->w.tls = World::Door::SILENT;
  this->w.send_map(R"({"PingRequest":{"URL":"https://control.example/ping"}})");
  EXPECT_EQ(this->w.opened.size(), opened + 1);
  EXPECT_TRUE(this->w.waits(Link::PING));
  this->w.run_for(seconds(16));
  EXPECT_FALSE(this->w.waits(Link::PING));
  this->w.tls = World::Door::REFUSED;
  this->w.send_map(R"({"PingRequest":{"URL":"https://control.example/ping/2"}})");
  EXPECT_EQ(this->w.opened.size(), opened + 2);
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
}

TEST_F(Map, hands_everything_on_to_the_owners_sink) {
  this->stream();
  RecordingSink direct;
  tailcfg::MapParser parser(direct);
  const std::string json = full_map();
  std::string framed(4, '\0');
  for (size_t i = 0; i != 4; i++)
    framed[i] = static_cast<char>(json.size() >> (8 * i));
  ASSERT_EQ(parser.handle_bytes(as_bytes(framed + json)), Error::NONE);
  EXPECT_EQ(this->w.sink.calls, direct.calls);
}

TEST_F(Map, carries_megabytes) {
  this->stream();
  const std::string filler(3'000'000, 'x');
  this->w.send_map(R"({"Unknown":")" + filler + R"("})");
  EXPECT_EQ(this->w.sink.count("end"), 2u);
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
}

/// From the key over both ways to the map, with HTTP responses and records that come joined.
TEST_F(Map, reads_all_of_it_where_the_session_wants_it) {
  this->w.into_room = true;
  this->stream();
  EXPECT_EQ(this->w.key_requests.size(), 1u);
  this->w.send_map(R"({"Unknown":")" + std::string(100'000, 'x') + R"("})");
  EXPECT_EQ(this->w.sink.count("end"), 2u);
  this->w.drop_connections();
  this->w.run_for(seconds(5));
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
  EXPECT_EQ(this->w.maps.size(), 2u);
}

TEST_F(Map, starts_a_request_anew_when_what_it_says_changes_on_its_way) {
  this->stream();
  std::vector<tailcfg::OwnEndpoint> many;
  for (uint8_t i = 0; i != MAX_OWN_ENDPOINTS; i++)
    many.push_back(endpoints(i)[0]);
  this->w.out_bytes = Session::MIN_TRANSMIT_BYTES;
  this->w.sends = 1;
  this->w.session->set_endpoints(this->w.now, many);
  this->w.run_for(seconds(1));
  ASSERT_EQ(this->w.sends, 0u);
  EXPECT_EQ(this->w.updates.size(), 1u) << "the second has left in part";
  this->w.session->set_endpoints(this->w.now, endpoints(9));
  this->w.session->set_preferred_derp(this->w.now, 4);
  this->w.sends = SIZE_MAX;
  this->w.pump();
  ASSERT_EQ(this->w.updates.size(), 2u);
  EXPECT_EQ(this->w.updates[1]["Endpoints"].size(), 2u);
  EXPECT_EQ(this->w.updates[1]["Endpoints"][size_t{0}].text(), "192.168.1.9:41641");
  EXPECT_EQ(this->w.updates[1]["Hostinfo"]["NetInfo"]["PreferredDERP"].integer(), 4);
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
  this->w.run_for(seconds(60));
  EXPECT_EQ(this->w.updates.size(), 2u);
}

TEST_F(Map, reconnects_on_demand_without_waiting) {
  this->stream();
  this->w.session->reconnect(this->w.now);
  this->w.pump();
  EXPECT_EQ(this->w.session->state(), State::STREAMING);
  EXPECT_EQ(this->w.maps.size(), 2u);
  EXPECT_EQ(this->w.registers.size(), 1u);
}

TEST_F(Map, runs_a_day_of_keep_alives_without_a_word_too_many) {
  this->stream();
  for (int i = 0; i != 24 * 60; i++) {
    this->w.run_for(seconds(60));
    this->w.send_map(R"({"KeepAlive":true})");
  }
  EXPECT_EQ(this->w.updates.size(), 1u);
  EXPECT_EQ(this->w.maps.size(), 1u);
  EXPECT_EQ(this->w.opened.size(), 2u);
}

}  // namespace
}  // namespace microlink::control
