// SPDX-License-Identifier: MIT
#include "tests/magicsock/bench.h"

namespace microlink::magicsock {
namespace {

TEST(Ping, is_repeated_until_it_is_answered_and_told_once) {
  Bench bench;
  std::vector<int64_t> relayed;
  ASSERT_EQ(bench.sock.ping(bench.now, PEER), Error::NONE);
  disco::TxId last{};
  for (int ms = 0; ms != 500; ms++) {
    bench.now = NOW + milliseconds(ms);
    bench.sock.handle_timeout(bench.now);
    for (const auto &sent : bench.drain()) {
      if (sent.message.type != disco::Type::PING || sent.where.kind != Transmit::Kind::RELAY)
        continue;
      relayed.push_back(ms);
      last = sent.message.tx_id;
    }
  }
  EXPECT_EQ(relayed, (std::vector<int64_t>{0, 10, 20, 40, 80, 160, 320}));
  for (int copy = 0; copy != 2; copy++) {
    auto answer = bench.pong(last);
    (void) bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), answer);
    EXPECT_EQ(bench.event(Kind::PONG).has_value(), copy == 0);
  }
  bench.now = bench.now + seconds(6);
  bench.sock.handle_timeout(bench.now);
  EXPECT_FALSE(bench.event(Kind::PING_TIMED_OUT));
}

TEST(Ping, is_sent_again_at_once_when_the_relay_or_the_peer_is_there) {
  Bench bench;
  bench.sock.handle_relay_state(bench.now, REGION, false);
  ASSERT_EQ(bench.sock.ping(bench.now, PEER), Error::NONE);
  (void) bench.drain();
  for (const bool relay : {true, false}) {
    bench.now = bench.now + milliseconds(30);
    if (relay) {
      bench.sock.handle_relay_state(bench.now, REGION, true);
    } else {
      auto packet = bench.ping();  // so the peer knows our key
      ASSERT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), packet), Error::NONE);
    }
    ASSERT_LE(bench.sock.next_timeout(), bench.now);
    bench.sock.handle_timeout(bench.now);
    size_t pings = 0;
    for (const auto &sent : bench.drain())
      pings += sent.message.type == disco::Type::PING && sent.where.kind == Transmit::Kind::RELAY ? 1 : 0;
    EXPECT_EQ(pings, 1U) << relay;
  }
}

TEST(DiscoKey, survives_a_restart_until_it_is_forgotten) {
  Bench bench;
  const DiscoPublic key = bench.sock.disco_key();
  testing::SeededRandom random(2);
  KeyedMagicsock again(random);
  ASSERT_EQ(again.load_disco_key(bench.sock.export_disco_key()), Error::NONE);
  again.start(NOW, bench.self.public_key());
  EXPECT_EQ(again.disco_key(), key);
  again.stop();
  again.forget_disco_key();
  again.start(NOW, bench.self.public_key());
  EXPECT_NE(again.disco_key(), key);
  EXPECT_EQ(again.load_disco_key(Bytes<31>{}), Error::MALFORMED);
}

}  // namespace
}  // namespace microlink::magicsock
