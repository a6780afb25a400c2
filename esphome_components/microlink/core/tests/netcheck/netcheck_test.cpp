// SPDX-License-Identifier: MIT
#include "tests/netcheck/bench.h"

namespace microlink::netcheck {
namespace {

TEST(Netcheck, is_stopped_without_regions_or_network) {
  Bench bench;
  EXPECT_EQ(bench.check.state(), State::STOPPED);
  EXPECT_EQ(bench.check.next_timeout(), Instant::NEVER);
  bench.check.set_families(bench.now, true, false);
  EXPECT_EQ(bench.check.state(), State::STOPPED);
  bench.set_regions({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  EXPECT_EQ(bench.check.state(), State::FULL);
  bench.check.set_families(bench.now, false, false);
  EXPECT_EQ(bench.check.state(), State::STOPPED);
  EXPECT_EQ(bench.check.next_timeout(), Instant::NEVER);
}

TEST(Netcheck, makes_a_single_region_home_at_once_and_probes_it_all_the_same) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(40));
  bench.begin({region(999, "198.51.100.1")});
  ASSERT_EQ(bench.homes.size(), 1U);
  EXPECT_EQ(bench.homes[0], std::make_pair(bench.now, uint16_t{999}));
  bench.run_for(seconds(4));
  EXPECT_EQ(bench.count(Kind::REFLEXIVE), 1U);
  EXPECT_EQ(bench.count(Kind::REPORT_DONE), 1U);
  EXPECT_EQ(bench.check.latency(bench.now, 999), milliseconds(40));
}

TEST(Netcheck, chooses_the_nearest_region_after_a_short_grace) {
  Bench bench;
  const Instant start = bench.now;
  bench.serve("198.51.100.2", milliseconds(3));
  bench.serve("198.51.100.1", milliseconds(20));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2"), region(3, "198.51.100.3")});
  bench.run_for(seconds(1));
  ASSERT_EQ(bench.homes.size(), 1U);
  EXPECT_EQ(bench.homes[0].second, 2);
  EXPECT_LE(bench.homes[0].first - start, milliseconds(60));
  EXPECT_EQ(bench.count(Kind::REPORT_DONE), 0U);
  bench.run_for(seconds(3));
  EXPECT_EQ(bench.count(Kind::REPORT_DONE), 1U);
  EXPECT_EQ(bench.check.state(), State::WAITING);
}

TEST(Netcheck, chooses_when_all_have_answered_without_any_grace) {
  Bench bench;
  const Instant start = bench.now;
  bench.serve("198.51.100.1", milliseconds(2));
  bench.serve("198.51.100.2", milliseconds(1));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(milliseconds(10));
  ASSERT_EQ(bench.homes.size(), 1U);
  EXPECT_EQ(bench.homes[0], std::make_pair(start + milliseconds(2), uint16_t{2}));
}

TEST(Netcheck, multiplies_latencies_with_the_region_score_and_avoids_what_is_to_be_avoided) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(10));
  bench.serve("198.51.100.2", milliseconds(20));
  bench.serve("198.51.100.3", milliseconds(1));
  auto avoided = region(3, "198.51.100.3");
  avoided.avoid = true;
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2"), avoided});
  bench.check.set_score(1, 3000);
  bench.run_for(seconds(1));
  EXPECT_EQ(bench.check.home(), 2);
}

TEST(Netcheck, never_probes_nor_chooses_regions_that_are_not_to_be_measured) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(1));
  bench.serve("198.51.100.2", milliseconds(50));
  auto hidden = region(1, "198.51.100.1");
  hidden.no_measure_no_home = true;
  bench.begin({hidden, region(2, "198.51.100.2"), region(3, "198.51.100.3")});
  bench.run_for(seconds(4));
  EXPECT_EQ(bench.check.home(), 2);
  for (const Endpoint &to : bench.sent)
    EXPECT_NE(to.address, *parse_ip("198.51.100.1"));
}

TEST(Netcheck, tells_the_kind_of_nat) {
  Bench easy;
  easy.serve("198.51.100.1", milliseconds(1), "192.0.2.9:4000");
  easy.serve("198.51.100.2", milliseconds(1), "192.0.2.9:4000");
  easy.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  easy.run_for(seconds(1));
  EXPECT_EQ(easy.check.nat(), NatKind::EASY);

  Bench hard;
  hard.serve("198.51.100.1", milliseconds(1), "192.0.2.9:4000");
  hard.serve("198.51.100.2", milliseconds(1), "192.0.2.9:4001");
  hard.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  hard.run_for(seconds(1));
  EXPECT_EQ(hard.check.nat(), NatKind::HARD);
  EXPECT_EQ(hard.count(Kind::NAT), 1U);

  Bench single;
  single.serve("198.51.100.1", milliseconds(1));
  single.begin({region(1, "198.51.100.1"), region(2, "198.51.100.1")});
  single.run_for(seconds(1));
  EXPECT_EQ(single.check.nat(), NatKind::UNKNOWN);
}

TEST(Netcheck, falls_back_to_the_first_usable_region_when_udp_is_blocked_and_sticks_to_it) {
  Bench bench;
  const Instant start = bench.now;
  auto avoided = region(1, "198.51.100.1");
  avoided.avoid = true;
  auto hidden = region(2, "198.51.100.2");
  hidden.no_measure_no_home = true;
  bench.begin({avoided, hidden, region(3, "198.51.100.3"), region(4, "198.51.100.4")});
  bench.run_for(seconds(10));
  ASSERT_EQ(bench.homes.size(), 1U);
  EXPECT_EQ(bench.homes[0], std::make_pair(start + Netcheck::FALLBACK_AFTER, uint16_t{3}));
  EXPECT_EQ(bench.check.nat(), NatKind::UDP_BLOCKED);
  for (int i = 0; i != 20; i++) {
    bench.check.handle_relay_heard(bench.now, 3);
    bench.run_for(seconds(60));
  }
  EXPECT_EQ(bench.homes.size(), 1U);
}

TEST(Netcheck, leaves_an_unmeasured_home_that_is_silent_for_the_fastest_to_connect) {
  Bench bench;
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2"), region(3, "198.51.100.3")});
  bench.run_for(seconds(1));
  EXPECT_EQ(bench.check.home(), 1);
  bench.check.handle_relay_connected(bench.now, 2, milliseconds(90));
  bench.check.handle_relay_connected(bench.now, 3, milliseconds(30));
  bench.run_for(seconds(300));
  EXPECT_EQ(bench.homes[1].second, 3);
}

TEST(Netcheck, leaves_a_home_whose_relay_cannot_be_reached_though_its_stun_server_answers) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(10));
  bench.serve("198.51.100.2", milliseconds(40));
  bench.serve("198.51.100.3", milliseconds(90));
  bench.begin({region(1, "198.51.100.1"), region(3, "198.51.100.3"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  ASSERT_EQ(bench.check.home(), 1);
  bench.check.handle_relay_failed(bench.now, 1, 0);
  EXPECT_EQ(bench.check.home(), 2) << "the next nearest";
  bench.check.handle_relay_failed(bench.now, 2, 0);
  EXPECT_EQ(bench.check.home(), 3) << "the one that did not fail";
  bench.run_for(Netcheck::FAILED_LATELY - seconds(10));
  EXPECT_EQ(bench.check.home(), 3) << "whatever the STUN servers say";
  bench.run_for(Netcheck::FULL_INTERVAL + seconds(20));
  EXPECT_EQ(bench.check.home(), 1) << "after a while it is worth a try again";
}

TEST(Netcheck, goes_round_regions_that_all_failed_and_back_to_one_that_is_connected) {
  Bench bench;
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2"), region(3, "198.51.100.3")});
  bench.run_for(seconds(1));
  std::vector<uint16_t> homes;
  for (int i = 0; i != 6; i++) {
    bench.check.handle_relay_failed(bench.now, bench.check.home(), 0);
    homes.push_back(bench.check.home());
    bench.run_for(seconds(5));
  }
  EXPECT_EQ(homes, (std::vector<uint16_t>{2, 3, 1, 2, 3, 1}));
  bench.check.handle_relay_failed(bench.now, 1, 3);
  EXPECT_EQ(bench.check.home(), 3);
  bench.check.handle_relay_failed(bench.now, 2, 0);
  EXPECT_EQ(bench.check.home(), 3) << "it was not the home";
}

TEST(Netcheck, another_network_and_a_relay_that_answers_make_good_what_failed) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(10));
  bench.serve("198.51.100.2", milliseconds(90));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  bench.check.handle_relay_failed(bench.now, 1, 0);
  ASSERT_EQ(bench.check.home(), 2);
  bench.check.handle_relay_connected(bench.now, 1, milliseconds(50));
  bench.check.start_report(bench.now);
  bench.run_for(seconds(10));
  EXPECT_EQ(bench.check.home(), 1);
  bench.check.handle_relay_failed(bench.now, 1, 0);
  ASSERT_EQ(bench.check.home(), 2);
  bench.check.link_changed(bench.now);
  bench.run_for(seconds(10));
  EXPECT_EQ(bench.check.home(), 1);
}

TEST(Netcheck, without_a_network_takes_the_first_region_at_once) {
  Bench bench;
  bench.begin({region(5), region(6)}, false, false);
  EXPECT_EQ(bench.check.home(), 5);
  EXPECT_EQ(bench.check.state(), State::STOPPED);
}

TEST(Netcheck, keeps_its_home_unless_another_is_clearly_better) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(30));
  bench.serve("198.51.100.2", milliseconds(40));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  EXPECT_EQ(bench.check.home(), 1);
  bench.serve("198.51.100.1", milliseconds(60));
  bench.serve("198.51.100.2", milliseconds(45));
  bench.run_for(seconds(900));
  EXPECT_EQ(bench.check.home(), 1);
  bench.serve("198.51.100.2", milliseconds(20));
  bench.run_for(seconds(900));
  EXPECT_EQ(bench.check.home(), 2);
}

TEST(Netcheck, does_not_move_home_while_control_is_away) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(100));
  bench.serve("198.51.100.2", milliseconds(200));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  bench.serve("198.51.100.2", milliseconds(2));
  bench.check.set_control_connected(false);
  bench.run_for(seconds(1200));
  EXPECT_EQ(bench.check.home(), 1);
  bench.check.set_control_connected(true);
  bench.run_for(seconds(600));
  EXPECT_EQ(bench.check.home(), 2);
}

TEST(Netcheck, asks_dns_for_names_once_and_probes_what_it_answers) {
  Bench bench;
  bench.serve("198.51.100.7", milliseconds(5));
  auto both = region(1, nullptr, "derp.example");
  (void) both.nodes.push_back(both.nodes[0]);
  bench.begin({both, region(2, nullptr, "missing.example")});
  EXPECT_EQ(bench.asked, (std::vector<std::string>{"derp.example", "missing.example"}));
  EXPECT_TRUE(bench.sent.empty());
  const Endpoint found = *parse_endpoint("198.51.100.7:1");
  bench.check.handle_resolved(bench.now, "derp.example", {&found, 1});
  bench.check.handle_resolved(bench.now, "missing.example", {});
  bench.run_for(seconds(1));
  EXPECT_EQ(bench.check.home(), 1);
  EXPECT_EQ(bench.check.state(), State::WAITING);
  ASSERT_FALSE(bench.sent.empty());
  EXPECT_EQ(bench.sent[0], *parse_endpoint("198.51.100.7:3478"));
  EXPECT_EQ(bench.asked.size(), 2U);
}

TEST(Netcheck, uses_the_control_host_and_literals_for_regions_without_addresses) {
  Bench bench;
  bench.check.set_control_host("192.0.2.77");
  bench.begin({region(999)});
  ASSERT_EQ(bench.sent.size(), 1U);
  EXPECT_EQ(bench.sent[0], *parse_endpoint("192.0.2.77:3478"));
}

TEST(Netcheck, respects_stun_ports) {
  Bench bench;
  auto other_port = region(1, "198.51.100.1");
  other_port.nodes[0].stun_port = 1234;
  auto none = region(2, "198.51.100.2");
  none.nodes[0].stun_port = -1;
  bench.begin({other_port, none});
  bench.run_for(seconds(5));
  for (const Endpoint &to : bench.sent)
    EXPECT_EQ(to, *parse_endpoint("198.51.100.1:1234"));
  EXPECT_EQ(bench.sent.size(), 3U);
}

TEST(Netcheck, asks_the_home_region_every_20_to_26_seconds_while_active) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(5));
  bench.serve("198.51.100.2", milliseconds(9));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  bench.sent.clear();
  bench.run_for(seconds(200));
  EXPECT_TRUE(bench.sent.empty());
  bench.check.set_active(bench.now, true);
  bench.run_for(seconds(2600));
  size_t home = 0;
  for (const Endpoint &to : bench.sent)
    home += to == *parse_endpoint("198.51.100.1:3478") ? 1 : 0;
  EXPECT_GE(home, 100U);
  EXPECT_LE(home, 145U);
  bench.check.set_active(bench.now, false);
  bench.sent.clear();
  bench.run_for(seconds(290));
  EXPECT_LE(bench.sent.size(), 2U);
}

TEST(Netcheck, measures_nothing_by_routine_while_it_is_to_be_quiet_and_makes_up_for_it) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(5));
  bench.serve("198.51.100.2", milliseconds(9));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.check.set_active(bench.now, true);
  bench.run_for(seconds(30));
  bench.check.set_quiet(true);
  bench.run_for(seconds(5));  // what runs is ended
  bench.sent.clear();
  bench.run_for(seconds(600));
  EXPECT_TRUE(bench.sent.empty());
  EXPECT_EQ(bench.check.next_timeout(), Instant::NEVER);
  bench.check.set_quiet(false);
  bench.run_for(seconds(1));
  EXPECT_FALSE(bench.sent.empty());
}

TEST(Netcheck, makes_a_full_report_when_the_home_region_falls_silent) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(5));
  bench.serve("198.51.100.2", milliseconds(50));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  bench.servers.erase(*parse_ip("198.51.100.1"));
  bench.check.refresh(bench.now);
  EXPECT_EQ(bench.check.state(), State::HOME);
  bench.run_for(seconds(7));
  EXPECT_EQ(bench.check.home(), 2);
}

TEST(Netcheck, begins_the_next_full_report_even_while_it_asks_the_home_region) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(5));
  bench.serve("198.51.100.2", milliseconds(9));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(Netcheck::FULL_INTERVAL - milliseconds(10));
  bench.servers.clear();
  bench.check.refresh(bench.now);
  ASSERT_EQ(bench.check.state(), State::HOME);
  bench.run_for(milliseconds(20));
  EXPECT_EQ(bench.check.state(), State::FULL);
}

TEST(Netcheck, believes_only_answers_that_it_waits_for) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(100));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  ASSERT_EQ(bench.pending.size(), 1U);
  const auto answer = bench.pending[0].bytes;
  for (size_t i = 8; i != 20; i++) {
    auto forged = answer;
    forged[i] ^= 0x10;
    EXPECT_EQ(bench.check.handle_datagram(bench.now, forged), Error::UNEXPECTED) << i;
  }
  EXPECT_EQ(bench.check.handle_datagram(bench.now, answer), Error::NONE);
  EXPECT_EQ(bench.check.handle_datagram(bench.now, answer), Error::UNEXPECTED);
  bench.check.link_changed(bench.now);
  EXPECT_EQ(bench.check.handle_datagram(bench.now, answer), Error::UNEXPECTED);
}

TEST(Netcheck, a_changed_map_keeps_measurements_and_an_equal_one_changes_nothing) {
  Bench bench;
  bench.serve("198.51.100.1", milliseconds(5));
  bench.serve("198.51.100.2", milliseconds(9));
  bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  bench.run_for(seconds(10));
  bench.set_regions({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
  EXPECT_EQ(bench.check.state(), State::WAITING);
  bench.set_regions({region(3, "198.51.100.3"), region(1, "198.51.100.1")});
  EXPECT_EQ(bench.check.state(), State::FULL);
  EXPECT_EQ(bench.check.latency(bench.now, 1), milliseconds(5));
  EXPECT_EQ(bench.check.home(), 1);
  EXPECT_FALSE(bench.check.latency(bench.now, 2));
  bench.set_regions({region(3, "198.51.100.3"), region(4, "198.51.100.4")});
  bench.run_for(seconds(4));
  EXPECT_EQ(bench.check.home(), 3);
}

/// Every input in every state: the engine never gets stuck, never spins and reports again.
TEST(NetcheckStates, every_input_is_survived_in_every_state) {
  using Input = void (*)(Bench &);
  const Input inputs[] = {
      [](Bench &b) { b.check.set_families(b.now, true, true); },
      [](Bench &b) { b.check.set_families(b.now, false, false); },
      [](Bench &b) { b.check.set_active(b.now, true); },
      [](Bench &b) { b.check.link_changed(b.now); },
      [](Bench &b) { b.check.start_report(b.now); },
      [](Bench &b) { b.check.refresh(b.now); },
      [](Bench &b) { b.check.handle_timeout(b.now); },
      [](Bench &b) { b.check.handle_resolved(b.now, "derp.example", {}); },
      [](Bench &b) { b.check.handle_relay_connected(b.now, 1, milliseconds(1)); },
      [](Bench &b) { EXPECT_NE(b.check.handle_datagram(b.now, {}), Error::NONE); },
      [](Bench &b) { b.set_regions({}); },
      [](Bench &b) { b.set_regions({region(1, nullptr, "derp.example"), region(2, "198.51.100.2")}); },
  };
  for (const State state : {State::STOPPED, State::FULL, State::HOME, State::WAITING}) {
    for (const Input input : inputs) {
      Bench bench;
      bench.serve("198.51.100.1", milliseconds(5));
      bench.serve("198.51.100.2", milliseconds(5));
      if (state != State::STOPPED)
        bench.begin({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
      if (state == State::HOME || state == State::WAITING)
        bench.run_for(seconds(5));
      if (state == State::HOME)
        bench.check.refresh(bench.now);
      ASSERT_EQ(bench.check.state(), state);
      input(bench);
      bench.run_for(seconds(20));
      EXPECT_TRUE(bench.check.state() == State::STOPPED || bench.check.state() == State::WAITING);
      bench.check.set_families(bench.now, true, false);
      bench.set_regions({region(1, "198.51.100.1"), region(2, "198.51.100.2")});
      bench.run_for(seconds(20));
      EXPECT_EQ(bench.check.state(), State::WAITING);
      EXPECT_NE(bench.check.home(), 0);
    }
  }
}

}  // namespace
}  // namespace microlink::netcheck
