// SPDX-License-Identifier: MIT
#include "tests/wireguard/pair.h"

#include <algorithm>

namespace microlink::wireguard::testing {
namespace {

using Kind = Tunnel::Transmit::Kind;
using EventKind = Tunnel::Event::Kind;

size_t count(const Pair::Side &side, EventKind kind) {
  size_t n = 0;
  for (const auto &event : side.events)
    n += event.kind == kind ? 1 : 0;
  return n;
}

TEST(Tunnel, a_packet_opens_the_session_and_arrives) {
  Pair p;
  EXPECT_EQ(p.send(p.a, ipv4_packet(100)), Error::NOT_READY);
  EXPECT_EQ(p.settle(), 3U);  // initiation, response, the queued packet
  ASSERT_EQ(p.b.received.size(), 1U);
  EXPECT_EQ(p.b.received[0], ipv4_packet(100));
  EXPECT_EQ(p.send(p.b, ipv4_packet(1280)), Error::NONE);
  p.settle();
  EXPECT_EQ(p.a.received.back(), ipv4_packet(1280));
  EXPECT_EQ(count(p.a, EventKind::HANDSHAKE_DONE), 1U);
  EXPECT_EQ(count(p.b, EventKind::HANDSHAKE_DONE), 1U);
}

TEST(Tunnel, every_size_arrives_as_it_was) {
  Pair p;
  p.establish();
  p.b.received.clear();
  for (size_t size = 20; size <= OVERLAY_MTU; size++) {
    ASSERT_EQ(p.send(p.a, ipv4_packet(size, static_cast<uint8_t>(size))), Error::NONE);
    ASSERT_LE(p.a.outbox.back().size(), MAX_WIREGUARD_BYTES);
    p.settle();
    ASSERT_EQ(p.b.received.back(), ipv4_packet(size, static_cast<uint8_t>(size))) << size;
  }
  EXPECT_EQ(p.send(p.a, ipv4_packet(OVERLAY_MTU + 1)), Error::NO_SPACE);
}

TEST(Tunnel, the_responder_is_silent_until_the_first_packet_confirms) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  (void) p.deliver_one(p.b, p.a.outbox.front());
  p.drain(p.b);
  EXPECT_EQ(p.send(p.b, ipv4_packet(40)), Error::NOT_READY);
}

TEST(Tunnel, a_session_without_data_is_confirmed_by_a_keepalive) {
  Pair p;
  p.a.tunnel.connect(p.now, p.a.peer);
  p.settle();
  EXPECT_EQ(p.send(p.b, ipv4_packet(40)), Error::NONE);
}

TEST(Tunnel, replays_are_dropped) {
  Pair p;
  p.establish();
  (void) p.send(p.a, ipv4_packet(60));
  const Packet message = p.a.outbox.front();
  p.settle();
  EXPECT_EQ(p.deliver_one(p.b, message).error(), Error::REPLAYED);
}

TEST(Tunnel, a_flipped_bit_anywhere_is_refused_and_changes_nothing) {
  Pair p;
  p.establish();
  (void) p.send(p.a, ipv4_packet(60));
  const Packet message = p.a.outbox.front();
  p.a.outbox.clear();
  p.b.received.clear();
  for (size_t i = 0; i != message.size(); i++) {
    Packet bad = message;
    bad[i] ^= 0x10;
    EXPECT_FALSE(p.deliver_one(p.b, bad)) << i;
  }
  for (size_t n = 0; n != message.size(); n++)
    EXPECT_FALSE(p.deliver_one(p.b, Packet(message.begin(), message.begin() + static_cast<ptrdiff_t>(n)))) << n;
  EXPECT_TRUE(p.b.received.empty());
  EXPECT_TRUE(p.deliver_one(p.b, message));
}

TEST(Tunnel, the_initiator_rekeys_after_two_minutes_of_use_and_nothing_is_lost) {
  Pair p;
  p.establish();
  size_t sent = 1;
  for (int t = 1; t != 400; t++) {
    p.at(t);
    ASSERT_EQ(p.send(p.a, ipv4_packet(80)), Error::NONE) << t;
    ASSERT_EQ(p.send(p.b, ipv4_packet(80)), Error::NONE) << t;
    sent++;
  }
  p.settle();
  EXPECT_EQ(p.b.received.size(), sent);
  EXPECT_EQ(p.a.received.size(), sent - 1);
  EXPECT_EQ(count(p.a, EventKind::HANDSHAKE_DONE), 4U);  // 0, 120, 240, 360 s
  EXPECT_EQ(count(p.b, EventKind::HANDSHAKE_DONE), 4U);
}

TEST(Tunnel, only_the_initiator_rekeys_by_time) {
  Pair p;
  p.establish();
  for (int t = 1; t <= 170; t++) {
    p.at(t);
    ASSERT_EQ(p.send(p.b, ipv4_packet(80)), Error::NONE);
  }
  p.settle();
  EXPECT_EQ(count(p.a, EventKind::HANDSHAKE_DONE), 2U);  // with the first keepalive after 120 s
  EXPECT_EQ(std::count(p.b.sent.begin(), p.b.sent.end(), Kind::HANDSHAKE), 2) << "responses only";
  EXPECT_EQ(std::count(p.a.sent.begin(), p.a.sent.end(), Kind::HANDSHAKE), 2);
}

TEST(Tunnel, received_data_is_answered_by_a_keepalive_after_ten_seconds) {
  Pair p;
  p.establish();
  p.b.sent.clear();
  p.at(8.9);  // it may come a second early, see below
  EXPECT_TRUE(p.b.sent.empty());
  p.at(10.1);
  ASSERT_EQ(p.b.sent.size(), 1U);
  EXPECT_EQ(p.b.sent[0], Kind::KEEPALIVE);
}

TEST(Tunnel, a_keepalive_comes_a_second_early_at_most_when_the_device_is_awake) {
  Pair p;
  p.establish();
  p.b.sent.clear();
  const Instant due = p.b.tunnel.next_timeout();
  p.now = due - KEEPALIVE_SLACK - milliseconds(1);
  p.b.tunnel.handle_timeout(p.now);
  p.settle();
  EXPECT_TRUE(p.b.sent.empty());
  p.now = due - KEEPALIVE_SLACK;
  p.b.tunnel.handle_timeout(p.now);
  p.settle();
  ASSERT_EQ(p.b.sent.size(), 1U);
  EXPECT_EQ(p.b.sent[0], Kind::KEEPALIVE);
}

TEST(Tunnel, an_idle_session_is_quiet_and_expires) {
  Pair p;
  p.establish();
  p.at(30);
  p.a.sent.clear();
  p.b.sent.clear();
  p.at(179);
  EXPECT_TRUE(p.a.sent.empty());
  EXPECT_TRUE(p.b.sent.empty());
  EXPECT_TRUE(p.a.tunnel.has_session(p.a.peer));
  p.at(181);
  EXPECT_FALSE(p.a.tunnel.has_session(p.a.peer));
  EXPECT_EQ(count(p.a, EventKind::SESSION_EXPIRED), 1U);
  p.at(1000);
  EXPECT_TRUE(p.a.sent.empty());
}

TEST(Tunnel, a_relayed_session_in_use_is_kept_alive) {
  Pair p;
  p.establish();
  p.a.tunnel.set_relayed(p.a.peer, true);
  p.at(1);
  (void) p.send(p.a, ipv4_packet(40));
  p.settle();
  p.a.sent.clear();
  p.at(250);
  EXPECT_TRUE(p.a.tunnel.has_session(p.a.peer));
  EXPECT_GE(p.a.sent.size(), 8U);
  p.at(900);
  EXPECT_FALSE(p.a.tunnel.has_session(p.a.peer)) << "after five minutes without data it may go";
}

TEST(Tunnel, an_unanswered_initiation_is_repeated_anew_for_ninety_seconds) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  std::vector<Packet> initiations;
  for (int tick = 0; tick != 1000; tick++) {
    p.now = static_cast<Instant>(int64_t{tick} * 100'000);
    p.a.tunnel.handle_timeout(p.now);
    p.drain(p.a);
    for (const Packet &message : p.a.outbox)
      initiations.push_back(message);
    p.a.outbox.clear();
  }
  EXPECT_GE(initiations.size(), 17U);
  EXPECT_LE(initiations.size(), 19U);
  for (size_t i = 1; i < initiations.size(); i++)
    EXPECT_FALSE(std::equal(initiations[i].begin() + 8, initiations[i].begin() + 40, initiations[i - 1].begin() + 8));
  EXPECT_EQ(count(p.a, EventKind::HANDSHAKE_FAILED), 1U);
  EXPECT_EQ(p.a.tunnel.next_timeout(), Instant::NEVER);
}

TEST(Tunnel, an_initiation_is_repeated_soon_and_once_when_another_way_is_found) {
  Pair pair;
  const auto initiations = [&] { return std::count(pair.a.sent.begin(), pair.a.sent.end(), Kind::HANDSHAKE); };
  pair.a.tunnel.handle_new_path(pair.now, pair.a.peer);
  EXPECT_EQ(initiations(), 0) << "nobody wants to talk";
  (void) pair.send(pair.a, ipv4_packet(40));
  pair.drain(pair.a);
  ASSERT_EQ(initiations(), 1);
  (void) pair.deliver_one(pair.b, pair.a.outbox.front());
  pair.drain(pair.b);
  pair.a.outbox.clear();
  pair.b.outbox.clear();  // the answer is lost: it went where the first side was before
  pair.a.tunnel.handle_new_path(pair.now, pair.a.peer);
  EXPECT_LE(pair.a.tunnel.next_timeout() - pair.now, milliseconds(40));
  EXPECT_GE(pair.a.tunnel.next_timeout() - pair.now, milliseconds(20)) << "as close as responders take them";
  pair.at(0.04);
  EXPECT_EQ(initiations(), 2);
  EXPECT_EQ(pair.b.received.size(), 1U);

  Pair silent(2);
  (void) silent.send(silent.a, ipv4_packet(40));
  for (int i = 0; i != 40; i++) {  // a way that flaps
    silent.now = silent.now + milliseconds(100);
    silent.a.tunnel.handle_new_path(silent.now, silent.a.peer);
    silent.a.tunnel.handle_timeout(silent.now);
    silent.drain(silent.a);
  }
  EXPECT_EQ(silent.a.outbox.size(), 2U);
}

TEST(Tunnel, both_may_call_at_once) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  (void) p.send(p.b, ipv4_packet(41));
  p.settle();
  p.at(20);
  EXPECT_EQ(p.send(p.a, ipv4_packet(42)), Error::NONE);
  EXPECT_EQ(p.send(p.b, ipv4_packet(43)), Error::NONE);
  p.settle();
  EXPECT_EQ(p.b.received.back(), ipv4_packet(42));
  EXPECT_EQ(p.a.received.back(), ipv4_packet(43));
  EXPECT_EQ(p.b.received.front(), ipv4_packet(40));
  EXPECT_EQ(p.a.received.front(), ipv4_packet(41));
}

TEST(Tunnel, stamps_rise_across_a_reboot_with_a_clock_in_the_past) {
  Pair p;
  p.establish();
  const WallTime stored = p.a.stored;
  ASSERT_NE(stored, WallTime::UNKNOWN);
  SeededRandom random(77);
  Pair::Side again(77);
  again.key.copy_from(p.a.key);
  again.peer = 3;
  again.tunnel.set_identity(again.key);
  again.tunnel.set_timestamp_floor(stored);
  again.tunnel.set_wall_time(p.now, wall_seconds(1'000));  // no clock at boot
  (void) again.tunnel.add_peer(again.peer, p.b.key.public_key());
  p.at(1);
  (void) p.send(again, ipv4_packet(44));
  p.drain(again);
  ASSERT_EQ(again.outbox.size(), 1U);
  EXPECT_TRUE(p.deliver_one(p.b, again.outbox.front()));
}

TEST(Tunnel, no_initiation_leaves_before_its_hour_is_stored) {
  Pair p;
  p.a.storage_works = false;
  (void) p.send(p.a, ipv4_packet(44));
  p.drain(p.a);
  EXPECT_TRUE(p.a.outbox.empty());
  ASSERT_EQ(count(p.a, EventKind::RESERVE_TIMESTAMP), 1U);
  p.a.tunnel.handle_reserved(p.now, p.a.events[0].reserve_until);
  p.drain(p.a);
  EXPECT_EQ(p.a.outbox.size(), 1U);
}

TEST(Tunnel, an_old_initiation_is_a_replay) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(44));
  p.drain(p.a);
  const Packet initiation = p.a.outbox.front();
  p.settle();
  p.at(1);
  EXPECT_EQ(p.deliver_one(p.b, initiation).error(), Error::REPLAYED);
}

TEST(Tunnel, a_stranger_is_reported_and_gets_no_answer) {
  Pair p;
  p.b.tunnel.remove_peer(p.b.peer);
  (void) p.send(p.a, ipv4_packet(44));
  p.settle();
  ASSERT_EQ(count(p.b, EventKind::UNKNOWN_INITIATOR), 1U);
  EXPECT_EQ(p.b.events[0].key, p.a.key.public_key());
  EXPECT_TRUE(p.b.sent.empty());
}

TEST(Tunnel, a_key_that_changed_is_nobodys_until_it_is_told) {
  Pair p;
  NodePrivate other;
  other.generate(p.a.random);
  p.b.tunnel.keys.set(p.b.peer, other.public_key());
  p.establish();
  EXPECT_EQ(count(p.b, EventKind::UNKNOWN_INITIATOR), 1U) << "the old key counts no more";
  EXPECT_TRUE(p.b.sent.empty());
  p.b.tunnel.connect(p.now, p.b.peer);
  p.settle();
  EXPECT_TRUE(p.b.sent.empty()) << "and the new one is not called";
  p.b.tunnel.set_identity(p.b.key);
  p.b.tunnel.connect(p.now, p.b.peer);
  EXPECT_EQ(p.send(p.b, ipv4_packet(40)), Error::UNKNOWN_PEER);
  ASSERT_EQ(p.b.tunnel.add_peer(p.b.peer, p.a.key.public_key()), Error::NONE);
  p.at(10);
  p.establish();
  EXPECT_FALSE(p.b.received.empty());
}

TEST(Tunnel, a_flood_of_initiations_is_answered_with_cookies_and_the_peer_still_gets_in) {
  Pair p;
  Pair strangers(500);
  (void) strangers.b.tunnel.add_peer(5, p.b.key.public_key());
  SeededRandom random(9);
  for (int i = 0; i != 100; i++) {  // valid mac1, invalid rest
    Packet junk(INITIATION_BYTES, 0);
    random.fill(junk);
    junk[0] = 1;
    junk[1] = junk[2] = junk[3] = 0;
    CookieJar jar;
    jar.write_macs(p.now, p.b.key.public_key(), junk);
    (void) p.deliver_one(p.b, junk);
    p.drain(p.b);
  }
  size_t cookies = 0;
  for (const Packet &message : p.b.outbox)
    cookies += message.size() == COOKIE_REPLY_BYTES ? 1 : 0;
  EXPECT_EQ(cookies, p.b.outbox.size());
  EXPECT_EQ(cookies, 80U);
  p.b.outbox.clear();

  (void) p.send(p.a, ipv4_packet(44));
  p.settle();
  EXPECT_TRUE(p.b.received.empty());
  // The next initiation carries mac2; b is held under load by new junk meanwhile.
  p.now = p.now + seconds(6);
  for (int i = 0; i != 30; i++) {
    Packet junk(INITIATION_BYTES, 0);
    junk[0] = 1;
    CookieJar jar;
    jar.write_macs(p.now, p.b.key.public_key(), junk);
    (void) p.deliver_one(p.b, junk);
    p.drain(p.b);
    p.b.outbox.clear();
  }
  p.a.tunnel.handle_timeout(p.now);
  p.settle();
  EXPECT_EQ(p.b.received.size(), 1U);
}

TEST(Tunnel, a_single_call_is_not_repeated_unless_there_is_something_to_send) {
  for (const bool has_packet : {false, true}) {
    Pair p;
    p.a.tunnel.connect(p.now, p.a.peer, true);
    size_t calls = 0;
    for (int tick = 0; tick != 100; tick++) {
      p.now = static_cast<Instant>(int64_t{tick} * 200'000);
      if (has_packet && tick == 10)
        (void) p.send(p.a, ipv4_packet(40));
      else if (tick < 20)
        p.a.tunnel.connect(p.now, p.a.peer, true);
      p.a.tunnel.handle_timeout(p.now);
      p.drain(p.a);
      calls += std::exchange(p.a.outbox, {}).size();
    }
    EXPECT_EQ(calls, has_packet ? 4U : 1U);
    EXPECT_EQ(p.a.tunnel.info(p.now, p.a.peer).state, has_packet ? SessionState::HANDSHAKE : SessionState::IDLE);
  }
}

TEST(Tunnel, a_cookie_reply_to_a_relayed_caller_goes_by_the_relay_to_that_peer) {
  Pair p;
  const Source relay{IpAddress::v4(127, 3, 3, 40), 7};
  for (int i = 0; i != 30; i++) {
    Packet junk(INITIATION_BYTES, 0);
    junk[0] = 1;
    CookieJar().write_macs(p.now, p.b.key.public_key(), junk);
    (void) p.b.tunnel.handle_datagram(p.now, relay, junk, p.b.peer);
    Packet room(MAX_WIREGUARD_BYTES);
    if (const auto transmit = p.b.tunnel.poll_transmit(p.now, room)) {
      EXPECT_TRUE(transmit->to_source);
      EXPECT_EQ(transmit->source, relay);
      EXPECT_EQ(transmit->slot, p.b.peer);
      continue;
    }
    EXPECT_LT(i, 20);
  }
  Packet junk(INITIATION_BYTES, 0);
  junk[0] = 1;
  CookieJar().write_macs(p.now, p.b.key.public_key(), junk);
  (void) p.b.tunnel.handle_datagram(p.now, relay, junk, p.b.peer);
  p.b.tunnel.remove_peer(p.b.peer);
  Packet room(MAX_WIREGUARD_BYTES);
  EXPECT_FALSE(p.b.tunnel.poll_transmit(p.now, room)) << "nobody is sent anything who is gone";
}

TEST(Tunnel, more_peers_than_places_all_get_their_turn) {
  SeededRandom random(5);
  KeyedTunnel tunnel(random);
  NodePrivate self;
  self.generate(random);
  tunnel.set_identity(self);
  Instant now{};
  tunnel.set_wall_time(now, wall_seconds(1'800'000'000));
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    NodePrivate other;
    other.generate(random);
    ASSERT_EQ(tunnel.add_peer(slot, other.public_key()), Error::NONE);
    tunnel.connect(now, slot);
  }
  std::vector<size_t> initiations(MAX_PEERS, 0);
  Packet room(MAX_WIREGUARD_BYTES);
  for (int tick = 0; tick != 850; tick++) {  // nobody answers
    now = now + milliseconds(100);
    tunnel.handle_timeout(now);
    while (const auto event = tunnel.poll_event()) {
      if (event->kind == EventKind::RESERVE_TIMESTAMP)
        tunnel.handle_reserved(now, event->reserve_until);
    }
    while (const auto transmit = tunnel.poll_transmit(now, room))
      initiations[transmit->slot]++;
  }
  for (Slot slot = 0; slot != MAX_PEERS; slot++)
    EXPECT_GE(initiations[slot], 2U) << slot;
}

TEST(Tunnel, memory_of_a_peer) {
  std::printf("sizeof(Tunnel) = %zu, with %zu peers, %zu handshakes, a queue of %zu bytes\n", sizeof(Tunnel), MAX_PEERS,
              MAX_HANDSHAKES, PACKET_QUEUE_BYTES);
}

}  // namespace
}  // namespace microlink::wireguard::testing
