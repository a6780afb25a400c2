// SPDX-License-Identifier: MIT
#include <cstdio>

#include "tests/magicsock/bench.h"

namespace microlink::magicsock {
namespace {

std::vector<uint8_t> wireguard() {
  std::vector<uint8_t> out(64);
  out[0] = 4;
  return out;
}

TEST(Demultiplexer, tells_wireguard_disco_stun_and_geneve_apart) {
  Bench bench;
  auto packet = wireguard();
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, packet), Error::NONE);
  const auto event = bench.event(Kind::PACKET);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->packet.data(), packet.data());
  EXPECT_EQ(event->from, bench.candidate);
  EXPECT_EQ(event->peer, PEER);

  EXPECT_EQ(bench.sock.handle_udp(bench.now, at("192.0.2.77:1"), packet), Error::NONE);
  EXPECT_FALSE(bench.event(Kind::PACKET)->peer.is_set());

  std::vector<uint8_t> geneve{0x00, 0x00, 0x7a, 0x12, 0x12, 0x34, 0x56, 0x00, 4, 0, 0, 0};
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, geneve), Error::UNEXPECTED);
  EXPECT_EQ(bench.sock.counters().rx_geneve, 1U);
  std::vector<uint8_t> stun{1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, stun), Error::MALFORMED);
  for (size_t size = 0; size != 32; size++) {
    std::vector<uint8_t> cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, cut), Error::MALFORMED);
  }
  EXPECT_FALSE(bench.event(Kind::PACKET));
}

TEST(Demultiplexer, names_the_region_of_relayed_packets_and_answers_through_it) {
  Bench bench;
  auto packet = wireguard();
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, 9, bench.peer_node.public_key(), packet), Error::NONE);
  EXPECT_EQ(bench.event(Kind::PACKET)->from, at("127.3.3.40:9"));
  // The open connection to its home goes before the region it was heard from …
  EXPECT_EQ(bench.sock.route(bench.now, PEER).region, REGION);
  // … which goes before a connection that would have to be opened.
  bench.sock.handle_relay_state(bench.now, REGION, false);
  EXPECT_EQ(bench.sock.route(bench.now, PEER).region, 9);
  bench.sock.handle_peer_gone(9, bench.peer_node.public_key());
  EXPECT_EQ(bench.sock.route(bench.now, PEER).region, REGION);
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, 9, bench.peer_node.public_key(), packet), Error::NONE);
  EXPECT_EQ(bench.sock.set_peer(bench.now, PEER, {.key = bench.peer_node.public_key(), .home_region = 11}),
            Error::NONE);
  EXPECT_EQ(bench.sock.route(bench.now, PEER).region, 11);
  NodePrivate stranger;
  stranger.generate(bench.random);
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, 9, stranger.public_key(), packet), Error::UNKNOWN_PEER);
}

TEST(Disco, answers_a_ping_where_it_came_from) {
  Bench bench;
  auto over_udp = bench.ping(1);
  EXPECT_EQ(bench.sock.handle_udp(bench.now, at("192.0.2.50:7"), over_udp), Error::NONE);
  auto sent = bench.drain();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].message.type, disco::Type::PONG);
  EXPECT_EQ(sent[0].message.tx_id, disco::TxId{1});
  EXPECT_EQ(sent[0].message.source, at("192.0.2.50:7"));
  EXPECT_EQ(sent[0].where.to, at("192.0.2.50:7"));
  EXPECT_EQ(sent[1].message.type, disco::Type::PING);
  EXPECT_EQ(sent[1].message.node_key, bench.self.public_key());

  auto over_relay = bench.ping(2);
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, 5, bench.peer_node.public_key(), over_relay), Error::NONE);
  sent = bench.drain();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].where.kind, Transmit::Kind::RELAY);
  EXPECT_EQ(sent[0].where.region, 5);
  EXPECT_EQ(sent[0].where.peer, bench.peer_node.public_key());
  EXPECT_EQ(sent[0].message.source, at("127.3.3.40:5"));
}

TEST(Disco, does_not_answer_to_port_zero) {
  Bench bench;
  auto packet = bench.ping();
  EXPECT_EQ(bench.sock.handle_udp(bench.now, {IpAddress::v4(192, 0, 2, 1), 0}, packet), Error::MALFORMED);
  EXPECT_TRUE(bench.drain().empty());
}

TEST(Disco, drops_unknown_keys_and_says_nothing) {
  Bench bench;
  bench.sock.remove_peer(PEER);
  auto packet = bench.ping();
  const auto before = packet;
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, packet), Error::UNKNOWN_PEER);
  EXPECT_EQ(packet, before);
  EXPECT_EQ(bench.sock.counters().rx_unknown_disco, 1U);
  EXPECT_TRUE(bench.drain().empty());
}

TEST(Disco, says_nothing_to_peers_that_are_not_allowed) {
  Bench bench;
  bench.add(false);
  auto packet = bench.ping();
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, packet), Error::UNEXPECTED);
  auto relayed = bench.ping();
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), relayed),
            Error::UNEXPECTED);
  auto data = wireguard();
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), data), Error::UNEXPECTED);
  EXPECT_EQ(bench.sock.ping(bench.now, PEER), Error::UNKNOWN_PEER);
  bench.sock.note_sent(bench.now, PEER);
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(bench.sock.route(bench.now, PEER), Route{});
}

TEST(Disco, changes_nothing_because_of_a_packet_that_was_touched) {
  Bench bench;
  const auto good = bench.ping();
  for (size_t i = 38; i != good.size(); i++) {
    auto touched = good;
    touched[i] ^= 1;
    EXPECT_EQ(bench.sock.handle_udp(bench.now, at("192.0.2.50:7"), touched), Error::AUTH_FAILED);
  }
  EXPECT_TRUE(bench.drain().empty());
}

TEST(Disco, takes_a_call_me_maybe_only_from_the_relay_and_from_the_right_node) {
  Bench bench;
  const Endpoint listed = at("192.0.2.60:60");
  auto over_udp = bench.call({listed});
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, over_udp), Error::UNEXPECTED);
  NodePrivate other;
  other.generate(bench.random);
  DiscoPrivate other_disco;
  other_disco.generate(bench.random);
  EXPECT_EQ(bench.sock.set_peer(bench.now, {4, 1}, {.key = other.public_key(), .disco_key = other_disco.public_key()}),
            Error::NONE);
  auto wrong_node = bench.call({listed});
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, other.public_key(), wrong_node), Error::UNKNOWN_PEER);
  EXPECT_TRUE(bench.drain().empty());
  auto right = bench.call({listed});
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), right), Error::NONE);
  bool pinged = false;
  for (const auto &sent : bench.drain()) {
    EXPECT_EQ(sent.message.type, disco::Type::PING);
    pinged = pinged || sent.where.to == listed;
  }
  EXPECT_TRUE(pinged);
}

TEST(Disco, a_key_that_changed_is_nobodys_until_it_is_told) {
  for (const bool is_node_key : {true, false}) {
    Bench bench;
    bench.make_direct();
    NodePrivate node;
    DiscoPrivate disco;
    node.generate(bench.random);
    disco.generate(bench.random);
    bench.sock.keys.set(PEER.slot, is_node_key ? node.public_key() : bench.peer_node.public_key(),
                        is_node_key ? bench.peer_disco.public_key() : disco.public_key());
    const uint32_t before = bench.sock.counters().rx_unknown_disco;
    auto ping = bench.ping();
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, ping), Error::UNKNOWN_PEER);
    EXPECT_EQ(bench.sock.counters().rx_unknown_disco, before + 1);
    const NodePublic &old = bench.peer_node.public_key();
    EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, old, ping), Error::UNKNOWN_PEER);
    EXPECT_EQ(bench.sock.ping(bench.now, PEER), Error::UNKNOWN_PEER);
    EXPECT_TRUE(bench.drain().empty());
    bench.add(true);
    auto again = bench.ping(2);
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, again), Error::NONE);
  }
}

TEST(Path, is_proven_by_a_pong_and_by_nothing_else) {
  Bench bench;
  EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{{}, REGION}));
  bench.sock.note_sent(bench.now, PEER);
  const auto sent = bench.drain();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].where.to, bench.candidate);
  const disco::TxId tx_id = sent[0].message.tx_id;
  bench.now = bench.now + milliseconds(25);
  for (size_t i = 0; i != tx_id.size(); i++) {
    disco::TxId forged = tx_id;
    forged[i] ^= 1;
    auto packet = bench.pong(forged);
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, packet), Error::UNEXPECTED) << i;
  }
  auto relayed = bench.pong(tx_id);
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), relayed),
            Error::UNEXPECTED);
  EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{{}, REGION}));

  auto good = bench.pong(tx_id);
  // From wherever: what counts is the endpoint that was pinged.
  EXPECT_EQ(bench.sock.handle_udp(bench.now, at("192.0.2.88:8"), good), Error::NONE);
  EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{bench.candidate, 0}));
  EXPECT_EQ(bench.sock.best_path(PEER).latency, milliseconds(25));
  const auto event = bench.event(Kind::PATH_CHANGED);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->endpoint, bench.candidate);
  auto copy_of_it = bench.pong(tx_id);
  EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, copy_of_it), Error::UNEXPECTED);
}

TEST(Path, is_not_proven_by_a_pong_that_is_too_late) {
  Bench bench;
  bench.sock.note_sent(bench.now, PEER);
  const auto sent = bench.drain();
  auto late = bench.pong(sent[0].message.tx_id);
  EXPECT_EQ(bench.sock.handle_udp(bench.now + PING_TIMEOUT + microseconds(1), bench.candidate, late),
            Error::UNEXPECTED);
  auto early = bench.pong(sent[0].message.tx_id);
  EXPECT_EQ(bench.sock.handle_udp(bench.now - microseconds(1), bench.candidate, early), Error::UNEXPECTED);
}

TEST(Path, sends_on_both_ways_when_its_trust_is_over) {
  Bench bench;
  bench.make_direct();
  EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{bench.candidate, 0}));
  EXPECT_EQ(bench.sock.route(bench.now + TRUST_DURATION, PEER), (Route{bench.candidate, REGION}));
  bench.sock.handle_send_error(bench.now, bench.candidate);
  EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{{}, REGION}));
}

TEST(Path, is_forgotten_with_the_disco_key_the_node_key_and_the_link) {
  for (int what = 0; what != 3; what++) {
    Bench bench;
    bench.make_direct();
    bench.events();
    if (what == 0)
      bench.peer_disco.generate(bench.random);
    if (what == 1)
      bench.peer_node.generate(bench.random);
    if (what != 2)
      bench.add(true);
    else
      bench.sock.link_changed(bench.now);
    EXPECT_FALSE(bench.sock.best_path(PEER).is_set()) << what;
    EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{{}, REGION}));
    EXPECT_TRUE(bench.event(Kind::PATH_CHANGED)) << what;
  }
}

TEST(Path, is_never_an_address_inside_the_tailnet) {
  Bench bench;
  const std::vector<Endpoint> inside = {at("100.64.0.8:41641"), at("[fd7a:115c:a1e0::8]:41641")};
  for (const Endpoint &endpoint : inside)
    bench.sock.MagicsockKeys::keys.overlay.insert(endpoint.address);
  bench.sock.set_endpoints(bench.now, PEER, inside);
  bench.sock.note_sent(bench.now, PEER);
  auto call = bench.call({inside[0], inside[1], at("100.64.0.9:1")});
  EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), call), Error::NONE);
  std::vector<Endpoint> pinged;
  for (const Bench::Sent &sent : bench.drain()) {
    if (sent.where.kind == Transmit::Kind::UDP)
      pinged.push_back(sent.where.to);
  }
  EXPECT_EQ(pinged, std::vector<Endpoint>{at("100.64.0.9:1")}) << "a provider's address like any other";
  auto ping = bench.ping();
  EXPECT_EQ(bench.sock.handle_udp(bench.now, inside[0], ping), Error::UNEXPECTED);
  EXPECT_EQ(bench.sock.handle_udp(bench.now, at("127.3.3.40:2"), ping), Error::UNEXPECTED) << "not from a relay";
  EXPECT_TRUE(bench.drain().empty());
  const std::vector<Endpoint> own = {at("10.0.0.5:41641"), inside[0], inside[1]};
  bench.sock.set_local_endpoints(bench.now, own);
  ASSERT_EQ(bench.sock.own_endpoints().size(), 1U);
  EXPECT_EQ(bench.sock.own_endpoints()[0].endpoint, own[0]);
}

TEST(Peers, are_named_by_slot_and_generation) {
  Bench bench;
  bench.make_direct();
  EXPECT_EQ(bench.sock.path_state({3, 8}), PathState::IDLE);
  EXPECT_EQ(bench.sock.route(bench.now, {3, 8}), Route{});
  bench.sock.remove_peer({3, 8});
  EXPECT_EQ(bench.sock.path_state(PEER), PathState::DIRECT);
  EXPECT_EQ(bench.sock.set_peer(bench.now, {MAX_PEERS, 0}, {.key = bench.peer_node.public_key()}), Error::UNEXPECTED);
  EXPECT_EQ(bench.sock.set_peer(bench.now, {0, 0}, {}), Error::UNEXPECTED);
  bench.sock.remove_peer(PEER);
  EXPECT_EQ(bench.sock.route(bench.now, PEER), Route{});
}

TEST(Peers, keep_the_endpoints_that_were_listed_before_or_beside_their_keys) {
  Bench bench;
  const netmap::PeerId later{PEER.slot, static_cast<uint16_t>(PEER.generation + 1)};
  const Endpoint listed = at("192.0.2.77:41641");
  const auto pinged = [&] {
    bool found = false;
    bench.sock.note_sent(bench.now, later);
    (void) bench.sock.ping(bench.now, later);
    Bytes<Magicsock::MAX_TRANSMIT_BYTES> out;
    while (const auto transmit = bench.sock.poll_transmit(bench.now, out)) {
      EXPECT_NE(transmit->to, bench.candidate) << "of the one before";
      found = found || transmit->to == listed;
    }
    return found;
  };
  const auto set_keys = [&](uint8_t number) {
    NodePrivate node;
    node.generate(bench.random);
    EXPECT_EQ(bench.sock.set_peer(
                  bench.now, later,
                  {.key = node.public_key(), .disco_key = bench.peer_disco.public_key(), .home_region = number}),
              Error::NONE);
  };
  bench.sock.set_endpoints(bench.now, later, {&listed, 1});
  EXPECT_EQ(bench.sock.route(bench.now, PEER), Route{}) << "the slot has another occupant";
  EXPECT_EQ(bench.sock.route(bench.now, later), Route{}) << "who has no key yet";
  bench.sock.remove_peer(PEER);  // the news about the one before comes late
  set_keys(1);
  EXPECT_TRUE(pinged());
  bench.now = bench.now + seconds(6);
  set_keys(2);  // another node key of the same peer
  EXPECT_TRUE(pinged());
  bench.sock.set_endpoints(bench.now, {MAX_PEERS, 0}, {&listed, 1});  // nobody
}

TEST(Peers, without_a_disco_key_or_with_a_bad_one_are_relayed_and_left_alone) {
  Bench bench;
  for (const DiscoPublic &key : {DiscoPublic{}, DiscoPublic{{1}}}) {
    EXPECT_EQ(bench.sock.set_peer(bench.now, PEER,
                                  {.key = bench.peer_node.public_key(),
                                   .disco_key = key,
                                   .endpoints = std::span<const Endpoint>(&bench.candidate, 1),
                                   .home_region = REGION}),
              Error::NONE);
    bench.sock.note_sent(bench.now, PEER);
    EXPECT_EQ(bench.sock.ping(bench.now, PEER), Error::UNKNOWN_PEER);
    EXPECT_TRUE(bench.drain().empty());
    EXPECT_EQ(bench.sock.route(bench.now, PEER), (Route{{}, REGION}));
    bench.sock.remove_peer(PEER);
  }
}

TEST(Limits, floods_of_pings_get_twenty_pongs_a_second) {
  Bench bench;
  size_t pongs = 0;
  for (int i = 0; i != 1000; i++) {
    auto packet = bench.ping(static_cast<uint8_t>(i));
    (void) bench.sock.handle_udp(bench.now, {IpAddress::v4(192, 0, 2, 3), static_cast<uint16_t>(1 + i % 5)}, packet);
    for (const auto &sent : bench.drain())
      pongs += sent.message.type == disco::Type::PONG ? 1 : 0;
  }
  EXPECT_EQ(pongs, MAX_PONGS_PER_SECOND);
  EXPECT_EQ(bench.sock.counters().rx_limited, 1000U - MAX_PONGS_PER_SECOND);
  EXPECT_LE(bench.sock.counters().tx_pings, MAX_PONGS_PER_SECOND);  // one of ours for each that was answered
}

TEST(Limits, pongs_that_nobody_fetches_are_bounded) {
  Bench bench;
  for (int second = 0; second != 10; second++) {
    for (int i = 0; i != 20; i++) {
      auto packet = bench.ping(static_cast<uint8_t>(i));
      (void) bench.sock.handle_udp(bench.now + seconds(second), bench.candidate, packet);
    }
  }
  EXPECT_LE(bench.drain().size(), Magicsock::MAX_PONGS + MAX_ENDPOINTS_PER_PEER + 1);
}

/// Every state and every input: what is not legal is refused and changes nothing.
TEST(MagicsockStates, every_input_in_every_state_is_taken_or_refused) {
  for (const State state : {State::STOPPED, State::OFFLINE, State::ONLINE}) {
    SCOPED_TRACE(static_cast<int>(state));
    Bench bench;
    if (state == State::OFFLINE)
      bench.sock.set_local_endpoints(bench.now, {});
    auto ping = bench.ping();
    if (state == State::STOPPED)
      bench.sock.stop();
    ASSERT_EQ(bench.sock.state(), state);
    const bool runs = state != State::STOPPED;
    auto data = wireguard();
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, data), runs ? Error::NONE : Error::UNEXPECTED);
    EXPECT_EQ(bench.sock.handle_udp(bench.now, bench.candidate, ping), runs ? Error::NONE : Error::UNEXPECTED);
    EXPECT_EQ(bench.sock.handle_relay_packet(bench.now, REGION, bench.peer_node.public_key(), data),
              runs ? Error::NONE : Error::UNEXPECTED);
    EXPECT_EQ(bench.sock.ping(bench.now, PEER), runs ? Error::NONE : Error::UNKNOWN_PEER);
    bench.sock.note_sent(bench.now, PEER);
    bench.sock.handle_send_error(bench.now, bench.candidate);
    bench.sock.handle_peer_gone(REGION, bench.peer_node.public_key());
    EXPECT_EQ(bench.sock.route(bench.now, PEER).region != 0, runs);
    EXPECT_FALSE(bench.sock.route(bench.now, PEER).direct.is_set());
    bench.sock.handle_timeout(bench.now);
    bench.events();
    Bytes<Magicsock::MAX_TRANSMIT_BYTES> out;
    size_t pings = 0;
    while (const auto transmit = bench.sock.poll_transmit(bench.now, out)) {
      ASSERT_TRUE(runs);
      pings += transmit->kind == Transmit::Kind::UDP ? 1 : 0;
    }
    // Offline there is a pong to what came in over UDP all the same, but nothing of our own.
    EXPECT_LE(pings, state == State::ONLINE ? 3U : 1U);
    EXPECT_EQ(bench.sock.state(), state);
    EXPECT_GT(bench.sock.next_timeout(), bench.now);
    bench.sock.link_changed(bench.now);
    EXPECT_EQ(bench.sock.state(), state);
    bench.sock.start(bench.now, bench.self.public_key());
    EXPECT_EQ(bench.sock.state(), state == State::OFFLINE ? State::OFFLINE : State::ONLINE);
  }
}

TEST(Memory, is_small_for_each_peer) {
  const size_t all = sizeof(Magicsock);
  const size_t fixed = sizeof(netcheck::Netcheck) + sizeof(OwnEndpoints);
  std::printf("Magicsock %zu bytes: netcheck and own endpoints %zu, PeerPath %zu, for each peer about %zu\n", all,
              fixed, sizeof(PeerPath), (all - fixed) / MAX_PEERS);
  EXPECT_LE((all - fixed) / MAX_PEERS, 600U);
}

}  // namespace
}  // namespace microlink::magicsock
