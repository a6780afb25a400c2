// SPDX-License-Identifier: MIT
// Keys beside the current ones: those before them, and those that the other side has not used yet.
#include <array>
#include <memory>

#include "tests/wireguard/pair.h"

namespace microlink::wireguard::testing {
namespace {

TEST(Tunnel, packets_under_way_during_a_rekey_arrive_once_over_a_window_of_1024) {
  Pair p;
  p.establish();
  std::vector<Packet> late;
  for (size_t i = 0; i != ReplayWindow::WINDOW_BITS; i++) {
    ASSERT_EQ(p.send(p.b, ipv4_packet(40, static_cast<uint8_t>(i))), Error::NONE);
    late.push_back(p.b.outbox.back());
  }
  p.b.outbox.clear();
  ASSERT_TRUE(p.deliver_one(p.a, late.back()));  // the window ends with the newest
  p.now = p.now + seconds(121);
  ASSERT_EQ(p.send(p.a, ipv4_packet(40)), Error::NONE);  // asks for new keys
  p.settle();
  for (size_t i = 0; i + 1 != late.size(); i++)
    EXPECT_TRUE(p.deliver_one(p.a, late[i])) << i;
  for (const Packet &message : late)
    EXPECT_EQ(p.deliver_one(p.a, message).error(), Error::REPLAYED);
}

TEST(Tunnel, a_cookie_that_was_asked_for_our_response_is_in_the_next_one) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  (void) p.deliver_one(p.b, p.a.outbox.front());
  p.a.outbox.clear();
  p.drain(p.b);
  const Packet response = p.b.outbox.front();
  p.b.outbox.clear();

  // a is under load, and wants to see that b receives at its address.
  CookieChecker checker;
  checker.set_identity(p.a.key.public_key());
  const Endpoint source{IpAddress::v4(203, 0, 113, 7), 41641};
  Packet reply(COOKIE_REPLY_BYTES);
  checker.write_reply(p.now, p.a.random, response, source, reply);
  Packet forged = reply;
  forged.back() ^= 1;
  EXPECT_EQ(p.deliver_one(p.b, forged).error(), Error::AUTH_FAILED);
  EXPECT_TRUE(p.deliver_one(p.b, reply));
  EXPECT_EQ(p.deliver_one(p.b, reply).error(), Error::UNEXPECTED) << "once only";

  p.now = p.now + seconds(6);
  p.a.tunnel.handle_timeout(p.now);
  p.drain(p.a);
  (void) p.deliver_one(p.b, p.a.outbox.front());
  p.a.outbox.clear();
  p.drain(p.b);
  const Packet again = p.b.outbox.front();
  EXPECT_FALSE(checker.has_valid_mac2(p.now, p.a.random, response, source));
  EXPECT_TRUE(checker.has_valid_mac2(p.now, p.a.random, again, source));
  p.settle();
  EXPECT_EQ(p.b.received.size(), 1U);
}

/// The node restarts, and everybody calls at once.
TEST(Tunnel, more_callers_at_once_than_places_all_get_in) {
  SeededRandom random(77);
  KeyedTunnel tunnel(random);
  NodePrivate self;
  self.generate(random);
  tunnel.set_identity(self);
  Instant now{};
  std::vector<std::unique_ptr<KeyedTunnel>> callers;
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    NodePrivate key;
    key.generate(random);
    callers.push_back(std::make_unique<KeyedTunnel>(random));
    callers.back()->set_identity(key);
    callers.back()->set_wall_time(now, wall_seconds(1'800'000'000));
    ASSERT_EQ(callers.back()->add_peer(0, self.public_key()), Error::NONE);
    ASSERT_EQ(tunnel.add_peer(slot, key.public_key()), Error::NONE);
    callers.back()->connect(now, 0);
  }
  const Source from{IpAddress::v4(192, 0, 2, 1), 1234};
  Packet room(MAX_WIREGUARD_BYTES);
  for (int round = 0; round != 12; round++) {
    for (auto &caller : callers) {  // all of them before anyone has an answer
      caller->handle_timeout(now);
      while (const auto event = caller->poll_event()) {
        if (event->kind == Tunnel::Event::Kind::RESERVE_TIMESTAMP)
          caller->handle_reserved(now, event->reserve_until);
      }
    }
    std::array<std::vector<Packet>, MAX_PEERS> answers;
    const auto collect = [&] {
      while (const auto transmit = tunnel.poll_transmit(now, room))
        answers[transmit->slot].emplace_back(transmit->bytes.begin(), transmit->bytes.end());
    };
    for (auto &caller : callers) {
      while (const auto transmit = caller->poll_transmit(now, room)) {
        Packet message(transmit->bytes.begin(), transmit->bytes.end());
        (void) tunnel.handle_datagram(now, from, message);
      }
      collect();
    }
    for (Slot slot = 0; slot != MAX_PEERS; slot++) {
      for (Packet &answer : answers[slot])
        (void) callers[slot]->handle_datagram(now, from, answer);
    }
    now = now + milliseconds(5'500);
  }
  for (Slot slot = 0; slot != MAX_PEERS; slot++)
    EXPECT_TRUE(tunnel.has_session(slot)) << slot;
}

}  // namespace
}  // namespace microlink::wireguard::testing
