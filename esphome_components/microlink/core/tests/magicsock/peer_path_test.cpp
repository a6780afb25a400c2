// SPDX-License-Identifier: MIT
#include "microlink/magicsock/peer_path.h"

#include <gtest/gtest.h>

#include <vector>

namespace microlink::magicsock {
namespace {

Endpoint at(const char *text) { return *parse_endpoint(text); }
const Endpoint LAN = at("192.168.1.2:41641");
const Endpoint WAN = at("192.0.2.1:41641");
constexpr Instant NOW{1'000'000'000'000};

/// A path with a clock; pings are collected with the time they were taken.
struct Bench {
  void run_for(Duration duration) {
    const Instant end = now + duration;
    while (true) {
      const Instant next = std::max(now, earlier(path.next_timeout(now), path.call_due(now)));
      if (next > end)
        break;
      now = next;
      path.handle_timeout(now);
      while (const auto to = path.take_ping(now))
        pings.emplace_back(now, *to);
      if (path.call_due(now) <= now) {
        calls.push_back(now);
        path.note_called(now);
      }
      ASSERT_LT(++steps, 100000U) << "does not sleep";
    }
    now = end;
  }
  void make_direct(const Endpoint &endpoint = WAN, Duration latency = milliseconds(20)) {
    path.set_endpoints(now, {&endpoint, 1});
    path.note_sent(now);
    run_for(latency);
    path.handle_pong(now, endpoint, latency);
  }
  /// Into any state, by legal means.
  void enter(PathState state) {
    if (state == PathState::IDLE)
      return;
    if (state == PathState::SEEKING) {
      path.set_endpoints(now, {&WAN, 1});
      path.note_sent(now);
      return;
    }
    make_direct();
    if (state == PathState::DOUBTED)
      run_for(TRUST_DURATION);
  }
  std::vector<int64_t> ping_times(const Endpoint &to) const {
    std::vector<int64_t> out;
    for (const auto &[when, endpoint] : pings) {
      if (endpoint == to)
        out.push_back(to_milliseconds(when - NOW));
    }
    return out;
  }

  PeerPath path;
  Instant now{NOW};
  std::vector<std::pair<Instant, Endpoint>> pings;
  std::vector<Instant> calls;
  size_t steps{0};
};

TEST(PeerPath, pings_quickly_at_first_then_every_five_seconds) {
  Bench bench;
  bench.enter(PathState::SEEKING);
  bench.run_for(seconds(16));
  EXPECT_EQ(bench.ping_times(WAN), (std::vector<int64_t>{0, 100, 250, 500, 1000, 6000, 11000, 16000}));
  EXPECT_EQ(bench.path.state(), PathState::SEEKING);
}

TEST(PeerPath, calls_when_it_pings_and_never_without_candidates) {
  Bench bench;
  bench.enter(PathState::SEEKING);
  bench.run_for(seconds(4));
  EXPECT_EQ(bench.calls, std::vector<Instant>{NOW});
  Bench lonely;
  lonely.path.note_sent(lonely.now);
  lonely.run_for(seconds(20));
  EXPECT_TRUE(lonely.calls.empty());
  EXPECT_EQ(lonely.path.state(), PathState::SEEKING);
}

TEST(PeerPath, trusts_a_pong_for_six_and_a_half_seconds_and_pings_every_three) {
  Bench bench;
  bench.make_direct();
  bench.pings.clear();
  EXPECT_TRUE(bench.path.is_trusted(bench.now));
  EXPECT_TRUE(bench.path.is_trusted(bench.now + TRUST_DURATION - microseconds(1)));
  EXPECT_FALSE(bench.path.is_trusted(bench.now + TRUST_DURATION));
  bench.run_for(milliseconds(6499));
  EXPECT_EQ(bench.path.state(), PathState::DIRECT);
  EXPECT_EQ(bench.ping_times(WAN), (std::vector<int64_t>{3000, 4000, 6000}));
  bench.run_for(milliseconds(1));
  EXPECT_EQ(bench.path.state(), PathState::DOUBTED);
  EXPECT_TRUE(bench.path.best().is_set());
  bench.run_for(PING_TIMEOUT);
  EXPECT_EQ(bench.path.state(), PathState::SEEKING);
  EXPECT_FALSE(bench.path.best().is_set());
}

TEST(PeerPath, a_heartbeat_comes_half_a_second_early_at_most_when_the_device_is_awake) {
  Bench bench;
  bench.make_direct();
  EXPECT_EQ(bench.path.next_timeout(bench.now), NOW + HEARTBEAT_INTERVAL) << "nobody is woken for it before";
  bench.path.handle_timeout(NOW + milliseconds(2499));
  EXPECT_FALSE(bench.path.take_ping(NOW + milliseconds(2499)));
  bench.path.handle_timeout(NOW + milliseconds(2500));
  EXPECT_EQ(bench.path.take_ping(NOW + milliseconds(2500)), WAN);
  bench.path.handle_pong(NOW + milliseconds(2520), WAN, milliseconds(20));
  EXPECT_EQ(bench.path.next_timeout(NOW + milliseconds(2520)), NOW + milliseconds(2500) + HEARTBEAT_INTERVAL);
}

TEST(PeerPath, a_pong_ends_the_doubt) {
  Bench bench;
  bench.enter(PathState::DOUBTED);
  bench.path.handle_pong(bench.now, WAN, milliseconds(30));
  EXPECT_EQ(bench.path.state(), PathState::DIRECT);
  EXPECT_EQ(bench.path.best().latency, milliseconds(30));
}

TEST(PeerPath, falls_asleep_45_seconds_after_the_last_packet) {
  Bench bench;
  bench.make_direct();
  const Instant last = bench.now;
  while (bench.path.state() == PathState::DIRECT && bench.now < last + seconds(60)) {
    bench.run_for(seconds(1));
    if (!bench.pings.empty() && bench.pings.back().first >= bench.now - seconds(1))
      bench.path.handle_pong(bench.now, WAN, milliseconds(20));
  }
  EXPECT_EQ(bench.path.state(), PathState::IDLE);
  EXPECT_GE(bench.now - last, ACTIVE_TIMEOUT);
  EXPECT_LE(bench.now - last, ACTIVE_TIMEOUT + HEARTBEAT_INTERVAL + seconds(1));
  bench.pings.clear();
  bench.run_for(seconds(3600));
  EXPECT_TRUE(bench.pings.empty());
  EXPECT_EQ(bench.path.next_timeout(bench.now), Instant::NEVER);
  // The old path is tried first, and doubted.
  bench.path.note_sent(bench.now);
  EXPECT_EQ(bench.path.state(), PathState::DOUBTED);
  EXPECT_EQ(bench.path.best().endpoint, WAN);
}

TEST(PeerPath, a_ping_alone_proves_nothing_but_is_returned_at_once) {
  Bench bench;
  bench.path.handle_ping(bench.now, WAN);
  EXPECT_FALSE(bench.path.best().is_set());
  EXPECT_EQ(bench.path.take_ping(bench.now), WAN);
  bench.path.handle_pong(bench.now + milliseconds(5), WAN, milliseconds(5));
  EXPECT_TRUE(bench.path.is_trusted(bench.now + milliseconds(6)));
  EXPECT_EQ(bench.path.state(), PathState::IDLE);
}

TEST(PeerPath, answers_a_ping_with_its_own_even_if_one_is_under_way) {
  // Their NAT threw ours away, and has been opened by theirs since.
  for (const bool burst : {true, false}) {
    Bench bench;
    bench.path.set_endpoints(bench.now, {&WAN, 1});
    bench.path.note_sent(bench.now);
    bench.run_for(burst ? milliseconds(4) : seconds(7));
    if (!burst) {
      bench.path.ping_all(bench.now);
      bench.run_for(milliseconds(4));
    }
    const size_t before = bench.pings.size();
    bench.path.handle_ping(bench.now, WAN);
    bench.run_for(Duration::ZERO);
    EXPECT_EQ(bench.pings.size(), before + 1) << burst;
    for (int i = 0; i != 20; i++) {  // two nodes that do so do not go on for ever
      bench.path.handle_ping(bench.now, WAN);
      bench.run_for(Duration::ZERO);
    }
    EXPECT_LE(bench.pings.size(), before + (burst ? 4 : 1)) << burst;
  }
}

TEST(PeerPath, a_pong_for_what_is_no_candidate_is_ignored) {
  Bench bench;
  bench.enter(PathState::SEEKING);
  bench.path.handle_pong(bench.now, LAN, milliseconds(1));
  EXPECT_EQ(bench.path.state(), PathState::SEEKING);
}

TEST(PeerPath, prefers_the_better_candidate_and_looks_for_one_every_minute) {
  Bench bench;
  bench.make_direct();
  const Endpoint both[] = {WAN, LAN};
  bench.path.set_endpoints(bench.now, both);
  for (int i = 0; i != 70; i++) {
    bench.path.note_sent(bench.now);
    bench.run_for(seconds(1));
    bench.path.handle_pong(bench.now, WAN, milliseconds(20));
  }
  const auto times = bench.ping_times(LAN);
  ASSERT_EQ(times.size(), 1U);
  EXPECT_NEAR(static_cast<double>(times[0]), 60'020, 1000);
  bench.path.handle_pong(bench.now, LAN, milliseconds(2));
  EXPECT_EQ(bench.path.best().endpoint, LAN);
  bench.path.handle_pong(bench.now, WAN, milliseconds(20));
  EXPECT_EQ(bench.path.best().endpoint, LAN);
}

TEST(PeerPath, heeds_one_call_me_maybe_a_second_and_pings_what_it_lists) {
  Bench bench;
  const Endpoint listed[] = {WAN, at("[fe80::1]:5"), at("224.0.0.1:7"), Endpoint{}};
  EXPECT_EQ(bench.path.handle_call_me_maybe(bench.now, listed), Error::NONE);
  EXPECT_EQ(bench.path.candidate_count(), 1U);
  EXPECT_EQ(bench.path.handle_call_me_maybe(bench.now, listed), Error::NOT_READY);
  bench.run_for(seconds(2));
  EXPECT_EQ(bench.ping_times(WAN), (std::vector<int64_t>{0, 100, 250, 500, 1000}));
  // Not answered with another one.
  EXPECT_TRUE(bench.calls.empty());
  EXPECT_EQ(bench.path.handle_call_me_maybe(bench.now, {&LAN, 1}), Error::NONE);
  EXPECT_FALSE(bench.path.is_candidate(WAN));
}

TEST(PeerPath, full_of_netmap_candidates_makes_room_for_called_and_learnt_ones) {
  Bench bench;
  std::vector<Endpoint> many;
  for (uint8_t i = 1; i <= MAX_ENDPOINTS_PER_PEER; i++)
    many.push_back({IpAddress::v4(10, 0, 0, i), 41641});
  bench.path.set_endpoints(bench.now, many);
  bench.path.handle_ping(bench.now, WAN);
  EXPECT_TRUE(bench.path.is_candidate(WAN));
  EXPECT_FALSE(bench.path.is_candidate(many.back()));
  EXPECT_EQ(bench.path.candidate_count(), MAX_ENDPOINTS_PER_PEER);
  // Learnt ones replace the oldest learnt one once no other can go.
  for (uint16_t port = 1; port != 30; port++) {
    bench.now = bench.now + seconds(1);
    bench.path.handle_ping(bench.now, {IpAddress::v4(192, 0, 2, 2), port});
  }
  EXPECT_EQ(bench.path.candidate_count(), MAX_ENDPOINTS_PER_PEER);
  EXPECT_TRUE(bench.path.is_candidate({IpAddress::v4(192, 0, 2, 2), 29}));
  EXPECT_FALSE(bench.path.is_candidate(WAN));
}

TEST(PeerPath, forgets_learnt_candidates_and_what_the_netmap_dropped) {
  Bench bench;
  bench.path.handle_ping(bench.now, LAN);
  bench.path.set_endpoints(bench.now, {&WAN, 1});
  EXPECT_TRUE(bench.path.is_candidate(LAN));
  bench.run_for(LEARNT_MEMORY + seconds(2));
  bench.path.set_endpoints(bench.now, {});
  EXPECT_EQ(bench.path.candidate_count(), 0U);
}

TEST(PeerPath, keeps_a_best_path_that_the_netmap_dropped_while_it_works) {
  Bench bench;
  bench.make_direct();
  bench.path.set_endpoints(bench.now, {&LAN, 1});
  EXPECT_EQ(bench.path.best().endpoint, WAN);
  EXPECT_TRUE(bench.path.is_candidate(WAN));
}

TEST(PeerPath, answers_twenty_pings_a_second) {
  Bench bench;
  int answered = 0;
  for (int i = 0; i != 100; i++)
    answered += bench.path.may_answer(bench.now) ? 1 : 0;
  EXPECT_EQ(answered, MAX_PONGS_PER_SECOND);
  EXPECT_TRUE(bench.path.may_answer(bench.now + seconds(1)));
}

TEST(PeerPath, a_refused_send_takes_the_path_away_at_once) {
  Bench bench;
  bench.make_direct();
  bench.path.handle_send_error(bench.now, LAN);
  EXPECT_EQ(bench.path.state(), PathState::DIRECT);
  bench.path.handle_send_error(bench.now, WAN);
  EXPECT_EQ(bench.path.state(), PathState::SEEKING);
  EXPECT_FALSE(bench.path.best().is_set());
}

struct Input {
  const char *name;
  void (*apply)(Bench &);
  PathState after[4];  ///< from IDLE, SEEKING, DIRECT, DOUBTED
};

constexpr PathState I = PathState::IDLE;
constexpr PathState S = PathState::SEEKING;
constexpr PathState D = PathState::DIRECT;
constexpr PathState X = PathState::DOUBTED;

const Input INPUTS[] = {
    {"note_sent", [](Bench &b) { b.path.note_sent(b.now); }, {S, S, D, X}},
    {"pong", [](Bench &b) { b.path.handle_pong(b.now, WAN, milliseconds(9)); }, {I, D, D, D}},
    {"stray_pong", [](Bench &b) { b.path.handle_pong(b.now, at("192.0.2.200:1"), {}); }, {I, S, D, X}},
    {"ping", [](Bench &b) { b.path.handle_ping(b.now, LAN); }, {I, S, D, X}},
    {"call_me_maybe", [](Bench &b) { (void) b.path.handle_call_me_maybe(b.now, {&LAN, 1}); }, {I, S, D, X}},
    {"send_error", [](Bench &b) { b.path.handle_send_error(b.now, WAN); }, {I, S, S, S}},
    {"endpoints", [](Bench &b) { b.path.set_endpoints(b.now, {&LAN, 1}); }, {I, S, D, X}},
    {"ping_all", [](Bench &b) { b.path.ping_all(b.now); }, {I, S, D, X}},
    {"round", [](Bench &b) { b.path.start_round(b.now); }, {I, S, D, X}},
    {"want_call", [](Bench &b) { b.path.want_call(); }, {I, S, D, X}},
    {"forget", [](Bench &b) { b.path.forget(b.now); }, {I, S, S, S}},
    {"reset", [](Bench &b) { b.path.reset(b.now); }, {I, I, I, I}},
    {"early_timeout", [](Bench &b) { b.path.handle_timeout(b.now); }, {I, S, D, X}},
    {"long_silence", [](Bench &b) { b.run_for(seconds(60)); }, {I, I, I, I}},
};

TEST(PeerPathStates, every_input_in_every_state_leads_where_it_should) {
  for (const Input &input : INPUTS) {
    for (const PathState state : {I, S, D, X}) {
      SCOPED_TRACE(::testing::Message() << input.name << " in state " << static_cast<int>(state));
      Bench bench;
      bench.enter(state);
      ASSERT_EQ(bench.path.state(), state);
      input.apply(bench);
      EXPECT_EQ(bench.path.state(), input.after[static_cast<size_t>(state)]);
      // Whatever happened, it comes to rest.
      bench.run_for(seconds(120));
      EXPECT_EQ(bench.path.state(), PathState::IDLE);
      EXPECT_EQ(bench.path.next_timeout(bench.now), Instant::NEVER);
    }
  }
}

}  // namespace
}  // namespace microlink::magicsock
