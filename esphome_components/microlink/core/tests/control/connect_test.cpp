// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/control/world.h"

namespace microlink::control {
namespace {

using Kind = Event::Kind;
using State = SessionState;
using Strings = std::vector<std::string>;

TEST(Connect, fits_its_memory) {
  RecordProperty("bytes", sizeof(Session));
  EXPECT_LE(sizeof(Session), 17u * 1024);
}

TEST(Connect, fetches_the_key_and_streams) {
  World w;
  w.start();
  EXPECT_EQ(w.opened, (Strings{"FALLBACK control.example:443 tls", "NOISE control.example:80"}));
  EXPECT_EQ(w.key_requests, (Strings{"GET /key?v=131 HTTP/1.1"}));
  EXPECT_EQ(w.session->state(), State::STREAMING);
  EXPECT_EQ(w.last_of(Kind::CONTROL_KEY)->control_key, w.control_key);
  EXPECT_FALSE(w.last_of(Kind::CONTROL_KEY)->changed);
  EXPECT_FALSE(w.has(Link::NOISE_FALLBACK));
  w.send_map(full_map());
  EXPECT_EQ(w.count(Kind::STREAMING), 1u);
  EXPECT_EQ(w.session->control_state(), ControlState::STREAMING);
}

TEST(Connect, does_not_fetch_a_pinned_or_cached_key) {
  World pinned("https://control.example", true);
  pinned.start();
  EXPECT_EQ(pinned.session->state(), State::STREAMING);
  EXPECT_EQ(pinned.opened, (Strings{"NOISE control.example:80"}));
  EXPECT_EQ(pinned.count(Kind::CONTROL_KEY), 0u);
  World cached;
  cached.settings.cached_key = cached.control_key;
  cached.make_session();
  cached.start();
  EXPECT_EQ(cached.session->state(), State::STREAMING);
  EXPECT_TRUE(cached.key_requests.empty());
}

TEST(Connect, works_without_an_early_payload_and_in_any_chunks) {
  for (const bool early : {true, false}) {
    for (const size_t chunk : {SIZE_MAX, size_t{1}, size_t{2}, size_t{3}, size_t{10}, size_t{1000}}) {
      World w;
      w.early_payload = early;
      w.chunk = chunk;
      w.start();
      ASSERT_EQ(w.session->state(), State::STREAMING) << chunk;
      w.send_map(full_map());
      w.send_map(R"({"KeepAlive":true})");
      World reference;
      reference.start();
      reference.send_map(full_map());
      reference.send_map(R"({"KeepAlive":true})");
      EXPECT_EQ(w.sink.calls, reference.sink.calls);
      EXPECT_EQ(w.events, reference.events);
    }
  }
}

TEST(Connect, uses_only_the_port_that_was_written) {
  World w("https://hs.example:8443", true);
  w.start();
  EXPECT_EQ(w.opened, (Strings{"NOISE hs.example:8443 tls"}));
  World plain("http://127.0.0.1:8080");
  plain.start();
  EXPECT_EQ(plain.opened, (Strings{"NOISE 127.0.0.1:8080"}))
      << "one connection brings the key and serves the handshake";
  EXPECT_EQ(plain.session->state(), State::STREAMING);
}

TEST(Connect, uses_the_connection_that_brought_the_key_when_port_80_does_not_work) {
  for (const auto door : {World::Door::REFUSED, World::Door::SILENT}) {
    World w;
    w.plain = door;
    w.start();
    w.run_for(milliseconds(500));
    EXPECT_EQ(w.opened, (Strings{"FALLBACK control.example:443 tls", "NOISE control.example:80"}));
    EXPECT_EQ(w.session->state(), State::STREAMING);
    EXPECT_TRUE(w.has(Link::NOISE_FALLBACK));
    EXPECT_FALSE(w.has(Link::NOISE) || w.waits(Link::NOISE));
  }
}

TEST(Connect, connects_anew_when_the_connection_that_brought_the_key_is_spent) {
  const std::string goodbye = "HTTP/1.1 408 Request Timeout\r\n\r\n";
  struct Case {
    const char *name;
    std::vector<std::string> after_key;
  };
  for (const Case &c : {Case{"ended", {""}}, Case{"goodbye", {goodbye}}, Case{"goodbye and end", {goodbye, ""}}}) {
    SCOPED_TRACE(c.name);
    World one_way("https://hs.example:8443");
    one_way.after_key = c.after_key;
    one_way.start();
    EXPECT_EQ(one_way.opened, (Strings{"NOISE hs.example:8443 tls", "NOISE hs.example:8443 tls"}));
    EXPECT_EQ(one_way.session->state(), State::STREAMING);
    World two_ways;
    two_ways.after_key = c.after_key;
    two_ways.plain = World::Door::SILENT;
    two_ways.start();
    two_ways.run_for(milliseconds(500));
    EXPECT_EQ(two_ways.opened, (Strings{"FALLBACK control.example:443 tls", "NOISE control.example:80",
                                        "FALLBACK control.example:443 tls"}));
    EXPECT_EQ(two_ways.session->state(), State::STREAMING);
    EXPECT_EQ(two_ways.count(Kind::DISCONNECTED), 0u);
  }
}

TEST(Connect, connects_anew_when_the_answer_lasted_until_the_end_of_the_connection) {
  World w("https://hs.example:8443");
  w.key_answer = "HTTP/1.0 200 OK\r\n\r\n{\"publicKey\":\"" + std::string(w.control_key.to_text().view()) + "\"}";
  w.after_key = {""};
  w.start();
  EXPECT_EQ(w.opened, (Strings{"NOISE hs.example:8443 tls", "NOISE hs.example:8443 tls"}));
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Connect, does_not_connect_again_and_again_when_the_handshake_is_refused_on_the_kept_connection) {
  World w("https://hs.example:8443");
  w.close_after_upgrade = true;
  w.start();
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(w.opened, (Strings{"NOISE hs.example:8443 tls"}));
}

TEST(Connect, refuses_plain_http_unless_allowed) {
  World w("http://127.0.0.1:8080");
  w.settings.allow_plain_http = false;
  w.make_session();
  EXPECT_EQ(w.session->start(w.now), Error::REJECTED);
  EXPECT_EQ(w.session->state(), State::STOPPED);
}

TEST(Connect, lets_443_join_after_half_a_second) {
  World w("https://control.example", true);
  w.plain = World::Door::SILENT;
  w.start();
  w.run_for(milliseconds(499));
  EXPECT_EQ(w.opened.size(), 1u);
  w.run_for(milliseconds(1));
  EXPECT_EQ(w.opened.back(), "FALLBACK control.example:443 tls");
  EXPECT_EQ(w.session->state(), State::STREAMING);
  EXPECT_FALSE(w.has(Link::NOISE));
  // What worked is remembered.
  w.send_map(full_map());
  w.drop_connections();
  w.run_for(seconds(1));
  EXPECT_EQ(w.opened.back(), "NOISE control.example:443 tls");
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Connect, tries_443_at_once_when_80_is_refused) {
  World w("https://control.example", true);
  w.plain = World::Door::REFUSED;
  w.start();
  EXPECT_EQ(w.opened, (Strings{"NOISE control.example:80", "FALLBACK control.example:443 tls"}));
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Connect, avoids_port_80_after_a_short_life) {
  World w("https://control.example", true);
  w.start();
  w.send_map(full_map());
  w.run_for(seconds(5));
  w.drop_connections();
  w.run_for(seconds(1));
  EXPECT_EQ(w.opened.back(), "NOISE control.example:443 tls");
}

TEST(Connect, backs_off_and_comes_back) {
  World w("https://control.example", true);
  w.plain = w.tls = World::Door::REFUSED;
  w.start();
  w.run_for(seconds(600));
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  // Longer each time, from 200 ms to 40 s, each pause at least half of its ceiling.
  EXPECT_GE(w.opened.size() / 2, 55u);
  EXPECT_LE(w.opened.size() / 2, 72u);
  w.plain = w.tls = World::Door::OPEN;
  w.run_for(seconds(60));
  EXPECT_EQ(w.session->state(), State::STREAMING);
}

TEST(Connect, gives_a_silent_server_ten_seconds) {
  World w("https://control.example", true);
  w.plain = w.tls = World::Door::SILENT;
  w.start();
  w.run_for(milliseconds(9999));
  EXPECT_EQ(w.session->state(), State::CONNECTING);
  w.run_for(milliseconds(1));
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(w.last_of(Kind::DISCONNECTED)->error, Error::TIMED_OUT);
}

TEST(Connect, asks_again_for_a_cached_key_that_is_wrong) {
  for (const bool garbled : {true, false}) {
    World w;
    MachinePrivate other;
    other.generate(w.random);
    w.settings.cached_key = garbled ? w.control_key : other.public_key();
    w.garble_response = garbled;
    w.make_session();
    w.start();
    EXPECT_EQ(w.key_requests.size(), 1u) << garbled;
    if (garbled) {
      // The fresh key fails too: from now on with pauses.
      EXPECT_EQ(w.session->state(), State::BACKING_OFF);
      w.run_for(seconds(30));
      EXPECT_LE(w.key_requests.size(), 22u);
      w.garble_response = false;
      w.run_for(seconds(60));
    } else {
      EXPECT_TRUE(w.last_of(Kind::CONTROL_KEY)->changed);
    }
    EXPECT_EQ(w.session->state(), State::STREAMING);
  }
}

TEST(Connect, says_that_a_pinned_key_does_not_match_and_never_asks_for_another) {
  World w;
  MachinePrivate other;
  other.generate(w.random);
  w.settings.pinned_key = other.public_key();
  w.make_session();
  w.start();
  EXPECT_EQ(w.count(Kind::KEY_MISMATCH), 1u);
  w.run_for(seconds(3600));
  EXPECT_GE(w.count(Kind::KEY_MISMATCH), 3u);
  EXPECT_LE(w.count(Kind::KEY_MISMATCH), 12u);
  EXPECT_TRUE(w.key_requests.empty());
}

TEST(Connect, does_not_believe_a_bad_key_answer) {
  for (const char *answer :
       {"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "SSH-2.0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 86\r\n\r\n{\"publicKey\":"
        "\"mkey:0000000000000000000000000000000000000000000000000000000000000000\"}  "}) {
    World w;
    w.key_answer = answer;
    w.start();
    if (w.session->state() == State::FETCHING_KEY)
      w.run_for(seconds(11));
    EXPECT_EQ(w.opened[0], "FALLBACK control.example:443 tls");
    EXPECT_EQ(w.count(Kind::CONTROL_KEY), 0u) << answer;
    EXPECT_TRUE(w.registers.empty());
    w.key_answer.clear();
    w.run_for(seconds(90));
    EXPECT_EQ(w.session->state(), State::STREAMING) << answer;
  }
}

TEST(Connect, passes_on_that_the_certificate_is_not_trusted) {
  World w;
  w.tls = World::Door::SILENT;
  w.start();
  w.session->handle_closed(w.now, Link::NOISE_FALLBACK, Error::UNTRUSTED);
  w.pump();
  EXPECT_EQ(w.last_of(Kind::DISCONNECTED)->error, Error::UNTRUSTED);
}

TEST(Connect, ends_on_a_forged_record) {
  World w;
  w.start();
  w.send_map(full_map());
  w.connection()->out.push_back(std::string("\x04\x00\x14", 3) + std::string(20, 'x'));
  w.pump();
  EXPECT_EQ(w.session->state(), State::BACKING_OFF);
  EXPECT_EQ(w.last_of(Kind::DISCONNECTED)->error, Error::AUTH_FAILED);
}

}  // namespace
}  // namespace microlink::control
