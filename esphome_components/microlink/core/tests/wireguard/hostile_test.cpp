// SPDX-License-Identifier: MIT
/// What others may do to a tunnel, and what happens at the wrong moment.
#include <algorithm>

#include "microlink/base/writer.h"
#include "tests/wireguard/pair.h"

namespace microlink::wireguard::testing {
namespace {

using Kind = Tunnel::Transmit::Kind;
using EventKind = Tunnel::Event::Kind;

size_t count(const Pair::Side &side, EventKind kind) {
  return static_cast<size_t>(
      std::count_if(side.events.begin(), side.events.end(), [kind](const auto &event) { return event.kind == kind; }));
}
size_t count(const Pair::Side &side, Kind kind) {
  return static_cast<size_t>(std::count(side.sent.begin(), side.sent.end(), kind));
}

/// Initiations with a valid mac1 and nothing behind it, until the side is under load.
void flood(Pair &p, Pair::Side &side) {
  for (int i = 0; i != 30; i++) {
    Packet junk(INITIATION_BYTES, 0);
    junk[0] = 1;
    CookieJar jar;
    jar.write_macs(p.now, side.key.public_key(), junk);
    (void) p.deliver_one(side, junk);
    Packet room(MAX_WIREGUARD_BYTES);
    while (side.tunnel.poll_transmit(p.now, room)) {
    }
  }
}

/// A response to the handshake state of zeros that an initiator holds before it has sent: anybody can compute it.
Packet response_to_nothing(SeededRandom &random, const NodePublic &victim, uint32_t receiver_index) {
  crypto::SecretKey ephemeral;
  random.fill(ephemeral.writable());
  crypto::clamp(ephemeral.writable());
  const crypto::PublicKey ephemeral_public = crypto::public_key_of(ephemeral);
  noise::SymmetricState state;
  state.mix_key_only(ephemeral_public);
  state.mix_hash(ephemeral_public);
  EXPECT_TRUE(state.mix_dh_only(ephemeral, crypto::public_key_of(crypto::SecretKey())));
  EXPECT_TRUE(state.mix_dh_only(ephemeral, victim.bytes));
  state.mix_psk(Secret<32>());
  Packet out(RESPONSE_BYTES, 0);
  Writer message(out);
  message.u32le(static_cast<uint32_t>(MessageType::RESPONSE)).u32le(0x01020300).u32le(receiver_index);
  message.bytes(ephemeral_public);
  state.encrypt_and_hash(message.claim(16));
  CookieJar jar;
  jar.write_macs(Instant{}, victim, out);
  return out;
}

TEST(Tunnel, a_response_to_an_initiation_that_was_not_sent_yet_is_forged) {
  for (Slot slot : {Slot{0}, Slot{1}, Slot{MAX_PEERS - 1}}) {
    Pair p;
    p.a.tunnel.remove_peer(p.a.peer);
    ASSERT_EQ(p.a.tunnel.add_peer(slot, p.b.key.public_key()), Error::NONE);
    p.a.tunnel.connect(p.now, slot);  // waits for its hour to be stored
    for (uint32_t index : {uint32_t{0}, uint32_t{slot}}) {
      const Packet forged = response_to_nothing(p.b.random, p.a.key.public_key(), index);
      EXPECT_EQ(p.deliver_one(p.a, forged).error(), Error::UNEXPECTED);
      EXPECT_FALSE(p.a.tunnel.has_session(slot)) << "anybody could be this peer";
    }
  }
}

TEST(Tunnel, spoofed_responses_do_not_disturb_the_handshake) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  (void) p.deliver_one(p.b, p.a.outbox.front());
  p.a.outbox.clear();
  p.drain(p.b);
  const Packet response = p.b.outbox.front();
  for (size_t i = 0; i != response.size(); i++) {
    Packet bad = response;
    bad[i] ^= 1;
    if (i < 60 && i >= 4) {  // somebody who knows our public key can make mac1 right
      CookieJar jar;
      jar.write_macs(p.now, p.a.key.public_key(), bad);
    }
    const bool harmless = (i >= 4 && i < 8) || i >= 76;  // the sender's index is in no hash; mac2 is not looked at
    if (!harmless) {
      EXPECT_FALSE(p.deliver_one(p.a, bad)) << i;
    }
  }
  p.settle();
  ASSERT_EQ(p.b.received.size(), 1U);
}

TEST(Tunnel, calls_of_ours_get_through_while_others_flood_us) {
  Pair p;
  flood(p, p.b);
  (void) p.send(p.b, ipv4_packet(40));
  p.settle();
  EXPECT_EQ(p.a.received.size(), 1U);
}

TEST(Tunnel, keys_that_wait_for_confirmation_outlive_the_old_ones) {
  Pair p;
  p.establish();
  p.at(179.5);
  ASSERT_EQ(p.send(p.a, ipv4_packet(41)), Error::NONE);
  p.drain(p.a);
  ASSERT_EQ(p.a.outbox.size(), 2U);  // and an initiation
  for (const Packet &message : p.a.outbox)
    EXPECT_TRUE(p.deliver_one(p.b, message));
  p.a.outbox.clear();
  p.drain(p.b);  // the response is under way while the old keys end
  p.now = p.now + seconds(1);
  p.a.tunnel.handle_timeout(p.now);
  p.b.tunnel.handle_timeout(p.now);
  p.settle();
  EXPECT_EQ(p.send(p.b, ipv4_packet(42)), Error::NONE);
  p.settle();
  EXPECT_EQ(p.a.received.size(), 1U);
}

TEST(Tunnel, a_relayed_session_that_never_carried_data_is_not_kept_alive) {
  Pair p;
  p.a.tunnel.set_relayed(p.a.peer, true);
  p.b.tunnel.set_relayed(p.b.peer, true);
  p.a.tunnel.connect(p.now, p.a.peer);
  p.settle();
  p.at(100);
  EXPECT_EQ(count(p.a, Kind::KEEPALIVE), 1U) << "the one that confirms the keys";
  EXPECT_EQ(count(p.b, Kind::KEEPALIVE), 0U);
}

TEST(Tunnel, a_path_that_is_no_longer_relayed_needs_no_keepalive) {
  Pair p;
  p.a.tunnel.set_relayed(p.a.peer, true);
  p.establish();
  p.at(20);
  p.a.tunnel.set_relayed(p.a.peer, false);
  p.a.sent.clear();
  p.at(60);
  EXPECT_EQ(count(p.a, Kind::KEEPALIVE), 0U);
}

TEST(Tunnel, a_peer_that_restarts_during_our_call_is_called_at_once) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  p.a.outbox.clear();
  p.a.tunnel.reset_session(p.a.peer);
  EXPECT_LE(p.a.tunnel.next_timeout(), p.now);
  p.at(1);
  EXPECT_EQ(p.b.received.size(), 1U);
}

TEST(Tunnel, places_of_removed_peers_go_to_those_who_wait) {
  Pair p;
  NodePrivate other;
  for (Slot slot = 4; slot != 4 + MAX_HANDSHAKES; slot++) {
    other.generate(p.a.random);
    ASSERT_EQ(p.a.tunnel.add_peer(slot, other.public_key()), Error::NONE);
    p.a.tunnel.connect(p.now, slot);
  }
  (void) p.send(p.a, ipv4_packet(40));
  for (Slot slot = 4; slot != 4 + MAX_HANDSHAKES; slot++)
    p.a.tunnel.remove_peer(slot);
  EXPECT_LE(p.a.tunnel.next_timeout(), p.now);
  p.at(1);
  EXPECT_EQ(p.b.received.size(), 1U);
}

TEST(Tunnel, an_answer_to_the_former_occupant_of_a_slot_is_dropped) {
  Pair p;
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  ASSERT_TRUE(p.deliver_one(p.b, p.a.outbox.front()));
  NodePrivate other;
  other.generate(p.b.random);
  ASSERT_EQ(p.b.tunnel.add_peer(p.b.peer, other.public_key()), Error::NONE);
  p.drain(p.b);
  EXPECT_TRUE(p.b.outbox.empty());
  EXPECT_TRUE(p.b.events.empty());
}

TEST(Tunnel, keys_and_packets_of_a_slot_do_not_reach_its_next_occupant) {
  Pair p;
  p.establish();
  ASSERT_EQ(p.send(p.b, ipv4_packet(40)), Error::NONE);
  const Packet late = p.b.outbox.front();
  p.b.outbox.clear();
  (void) p.a.tunnel.reset_session(p.a.peer);
  (void) p.send(p.a, ipv4_packet(99));  // waits in the queue
  NodePrivate other;
  other.generate(p.a.random);
  ASSERT_EQ(p.a.tunnel.add_peer(p.a.peer, other.public_key()), Error::NONE);
  EXPECT_FALSE(p.a.tunnel.has_session(p.a.peer));
  EXPECT_EQ(p.deliver_one(p.a, late).error(), Error::UNEXPECTED);
  p.at(30);
  EXPECT_EQ(p.b.received.size(), 1U);
  EXPECT_EQ(p.a.tunnel.next_timeout(), Instant::NEVER) << "nothing is wanted of the new one";
}

TEST(Tunnel, a_stored_hour_does_not_bring_a_call_forward_into_the_spacing) {
  Pair p;
  p.establish();
  p.at(1);
  p.a.tunnel.connect(p.now, p.a.peer);
  p.a.tunnel.handle_reserved(p.now, p.a.stored);
  p.drain(p.a);
  EXPECT_TRUE(p.a.outbox.empty()) << "one initiation in five seconds";
  p.at(6);
  EXPECT_EQ(count(p.a, Kind::HANDSHAKE), 2U);
}

TEST(Tunnel, storage_that_failed_is_asked_again_without_a_wall_clock) {
  SeededRandom random(3);
  Pair::Side side(3);
  side.key.generate(random);
  side.tunnel.set_identity(side.key);
  NodePrivate other;
  other.generate(random);
  ASSERT_EQ(side.tunnel.add_peer(0, other.public_key()), Error::NONE);
  Pair p;
  side.storage_works = false;
  side.tunnel.connect(p.now, 0);
  for (int i = 0; i != 30; i++) {
    p.now = p.now + seconds(1);
    side.tunnel.handle_timeout(p.now);
    p.drain(side);
  }
  EXPECT_GE(count(side, EventKind::RESERVE_TIMESTAMP), 2U);
  EXPECT_LE(count(side, EventKind::RESERVE_TIMESTAMP), 6U);
  EXPECT_TRUE(side.outbox.empty());
}

TEST(Tunnel, a_new_identity_drops_every_session_and_keeps_the_peers) {
  Pair p;
  p.establish();
  p.a.tunnel.set_relayed(p.a.peer, true);
  ASSERT_EQ(p.send(p.b, ipv4_packet(40)), Error::NONE);
  p.a.key.generate(p.a.random);
  p.a.tunnel.set_identity(p.a.key);
  EXPECT_FALSE(p.a.tunnel.has_session(p.a.peer));
  EXPECT_EQ(p.deliver_one(p.a, p.b.outbox.front()).error(), Error::UNEXPECTED);
  p.b.outbox.clear();
  EXPECT_EQ(p.send(p.a, ipv4_packet(50)), Error::NOT_READY);
  p.drain(p.a);
  EXPECT_EQ(p.deliver_one(p.b, p.a.outbox.front()).error(), Error::UNKNOWN_PEER);
  p.a.outbox.clear();
  ASSERT_EQ(p.b.tunnel.add_peer(p.b.peer, p.a.key.public_key()), Error::NONE);
  p.at(10);
  EXPECT_EQ(p.b.received.back(), ipv4_packet(50));
  p.a.sent.clear();
  p.at(45);
  EXPECT_GE(count(p.a, Kind::KEEPALIVE), 1U) << "still relayed";
}

TEST(Tunnel, when_the_queue_is_full_the_oldest_packet_goes) {
  for (const size_t size : {size_t{40}, size_t{700}, OVERLAY_MTU}) {
    Pair p;
    const size_t room = PacketQueue::room_for(size);
    for (size_t i = 0; i != room + 2; i++)
      EXPECT_EQ(p.send(p.a, ipv4_packet(size, static_cast<uint8_t>(i))), Error::NOT_READY);
    p.settle();
    ASSERT_EQ(p.b.received.size(), room) << size;
    for (size_t i = 0; i != room; i++)
      EXPECT_EQ(p.b.received[i], ipv4_packet(size, static_cast<uint8_t>(i + 2)));
  }
}

TEST(Tunnel, keys_are_confirmed_though_the_packet_that_wanted_them_was_dropped) {
  Pair p;
  NodePrivate other;
  other.generate(p.a.random);
  ASSERT_EQ(p.a.tunnel.add_peer(7, other.public_key()), Error::NONE);
  (void) p.send(p.a, ipv4_packet(40));
  p.drain(p.a);
  (void) p.deliver_one(p.b, p.a.outbox.front());
  p.a.outbox.clear();
  p.drain(p.b);
  ASSERT_TRUE(p.deliver_one(p.a, p.b.outbox.front()));
  p.b.outbox.clear();
  Packet buffer(Tunnel::encapsulated_size(40));
  for (size_t i = 0; i != PacketQueue::room_for(40); i++)
    EXPECT_EQ(p.a.tunnel.encapsulate(p.now, 7, buffer, 40).error(), Error::NOT_READY);
  p.settle();
  EXPECT_EQ(p.send(p.b, ipv4_packet(40)), Error::NONE);
}

TEST(Tunnel, slots_beyond_the_table_are_nobody) {
  Pair p;
  for (Slot slot : {Slot{MAX_PEERS}, Slot{UINT16_MAX}}) {
    Packet buffer(Tunnel::encapsulated_size(40));
    EXPECT_EQ(p.a.tunnel.add_peer(slot, p.b.key.public_key()), Error::UNEXPECTED);
    EXPECT_EQ(p.a.tunnel.encapsulate(p.now, slot, buffer, 40).error(), Error::UNKNOWN_PEER);
    p.a.tunnel.remove_peer(slot);
    p.a.tunnel.reset_session(slot);
    p.a.tunnel.set_relayed(slot, true);
    p.a.tunnel.connect(p.now, slot);
    EXPECT_FALSE(p.a.tunnel.has_session(slot));
    EXPECT_EQ(p.a.tunnel.info(p.now, slot).state, SessionState::IDLE);
  }
}

}  // namespace
}  // namespace microlink::wireguard::testing
