// SPDX-License-Identifier: MIT
// Both sides call at the same instant. Nothing is lost, and no timer runs: whatever arrives, arrives without one.
#include <algorithm>
#include <memory>
#include <utility>

#include "tests/wireguard/pair.h"

namespace microlink::wireguard::testing {
namespace {

/// A node whose table is full, and its peers. A message takes HOP; handle_timeout() is never called.
class Star {
 public:
  struct End {
    explicit End(uint32_t seed) : random(seed), tunnel(random) { key.generate(random); }
    SeededRandom random;
    KeyedTunnel tunnel;
    NodePrivate key;
    std::vector<uint8_t> heard;  ///< of whom, at the hub; of the hub, at the others: what packets were filled with
  };
  struct Message {
    bool to_hub;
    Slot peer;
    Packet bytes;
  };

  explicit Star(uint32_t seed) : hub(seed) {
    this->set_up_(this->hub);
    for (Slot slot = 0; slot != MAX_PEERS; slot++) {
      this->peers.push_back(std::make_unique<End>(seed + 100 + slot));
      End &peer = *this->peers.back();
      this->set_up_(peer);
      EXPECT_EQ(this->hub.tunnel.add_peer(slot, peer.key.public_key()), Error::NONE);
      EXPECT_EQ(peer.tunnel.add_peer(0, this->hub.key.public_key()), Error::NONE);
    }
  }

  void send(bool from_hub, Slot peer, uint8_t fill) {
    Packet room(Tunnel::encapsulated_size(SIZE));
    copy(ipv4_packet(SIZE, fill), ByteSpan(room).subspan(TRANSPORT_HEADER_BYTES));
    End &from = from_hub ? this->hub : *this->peers[peer];
    const auto message = from.tunnel.encapsulate(this->now, from_hub ? peer : Slot{0}, room, SIZE);
    if (message)
      this->wire_.push_back({!from_hub, peer, Packet(message->begin(), message->end())});
    this->drain_();
  }

  /// Until nothing is under way. Everything that is sent at one moment arrives at one moment.
  void settle() {
    while (!this->wire_.empty()) {
      this->now = this->now + HOP;
      this->hops++;
      for (Message &message : std::exchange(this->wire_, {})) {
        if (!message.to_hub && this->official && is_answer(message.bytes) && this->is_called_[message.peer])
          continue;
        this->is_called_[message.peer] = this->is_called_[message.peer] || (!message.to_hub && is_call(message.bytes));
        End &to = message.to_hub ? this->hub : *this->peers[message.peer];
        const auto got = to.tunnel.handle_datagram(this->now, {IpAddress::v4(192, 0, 2, 1), 1234}, message.bytes);
        if (got && !got->packet.empty())
          to.heard.push_back(got->packet.back());
      }
      this->drain_();
    }
  }

  static constexpr Duration HOP = milliseconds(30);
  static constexpr size_t SIZE = 40;
  Instant now{};
  size_t hops{0};
  bool official{false};  ///< the peers forget a call of theirs when one of the hub comes, as official ones do
  End hub;
  std::vector<std::unique_ptr<End>> peers;

 private:
  static bool is_call(const Packet &message) { return message[0] == 1; }
  static bool is_answer(const Packet &message) { return message[0] == 2; }

  void set_up_(End &end) const {
    end.tunnel.set_identity(end.key);
    end.tunnel.set_wall_time(this->now, wall_seconds(1'800'000'000));
  }
  void drain_() {
    this->drain_(this->hub, true, 0);
    for (Slot slot = 0; slot != MAX_PEERS; slot++)
      this->drain_(*this->peers[slot], false, slot);
  }
  void drain_(End &end, bool is_hub, Slot slot) {
    while (const auto event = end.tunnel.poll_event()) {
      if (event->kind == Tunnel::Event::Kind::RESERVE_TIMESTAMP)
        end.tunnel.handle_reserved(this->now, event->reserve_until);
    }
    Packet room(MAX_WIREGUARD_BYTES);
    while (const auto out = end.tunnel.poll_transmit(this->now, room))
      this->wire_.push_back({!is_hub, is_hub ? out->slot : slot, Packet(out->bytes.begin(), out->bytes.end())});
  }

  std::vector<Message> wire_;
  std::array<bool, MAX_PEERS> is_called_{};
};

/// A packet of the hub to each peer and of each peer to the hub, all at the same instant.
void all_send(Star &star, uint8_t round) {
  star.hub.heard.clear();
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    star.peers[slot]->heard.clear();
    star.send(true, slot, round);
  }
  for (Slot slot = 0; slot != MAX_PEERS; slot++)
    star.send(false, slot, static_cast<uint8_t>(0x40 + slot));
  star.settle();
}

void expect_all_heard(Star &star, uint8_t round) {
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    EXPECT_EQ(star.peers[slot]->heard, std::vector<uint8_t>{round}) << "peer " << slot << ", round " << +round;
    EXPECT_EQ(std::count(star.hub.heard.begin(), star.hub.heard.end(), 0x40 + slot), 1) << slot << ", " << +round;
  }
}

class Crossing : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Crossing, ::testing::Range(1U, 6U));

TEST_P(Crossing, everybody_who_calls_at_once_is_heard_without_a_timer) {
  Star star(GetParam());
  all_send(star, 1);
  expect_all_heard(star, 1);
  EXPECT_LE(star.hops, 2 * MAX_PEERS / MAX_HANDSHAKES + 2) << "so many places, a round trip each";
  for (uint8_t round = 2; round != 6; round++) {
    star.hops = 0;
    all_send(star, round);
    expect_all_heard(star, round);
    EXPECT_EQ(star.hops, 1U) << "with keys that are there";
  }
}

TEST_P(Crossing, peers_that_call_one_after_the_other_and_cross_stay_heard) {
  Star star(GetParam());
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    star.send(true, slot, 1);
    star.send(false, slot, static_cast<uint8_t>(0x40 + slot));
    star.settle();
  }
  expect_all_heard(star, 1);
  all_send(star, 2);
  expect_all_heard(star, 2);
}

TEST_P(Crossing, peers_that_forget_their_own_call_are_heard_as_soon) {
  Star star(GetParam());
  star.official = true;
  all_send(star, 1);
  expect_all_heard(star, 1);
  all_send(star, 2);
  expect_all_heard(star, 2);
}

TEST_P(Crossing, a_call_that_its_caller_forgot_keeps_nobody_out) {
  Star star(GetParam());
  star.official = true;
  constexpr Slot HALF = MAX_PEERS / 2;
  for (Slot slot = 0; slot != HALF; slot++) {
    star.send(true, slot, 1);
    star.send(false, slot, static_cast<uint8_t>(0x40 + slot));
    star.settle();
  }
  for (Slot slot = HALF; slot != MAX_PEERS; slot++) {  // of these the hub wants nothing
    star.send(false, slot, static_cast<uint8_t>(0x40 + slot));
    star.settle();
  }
  EXPECT_EQ(star.hub.heard.size(), MAX_PEERS);
}

}  // namespace
}  // namespace microlink::wireguard::testing
