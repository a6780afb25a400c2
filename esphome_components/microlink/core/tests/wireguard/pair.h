// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "tests/wireguard/keyed_tunnel.h"
#include "tests/support/seeded_random.h"

namespace microlink::wireguard::testing {

using microlink::testing::SeededRandom;

using Packet = std::vector<uint8_t>;

/// A minimal IPv4 packet of `size` bytes.
inline Packet ipv4_packet(size_t size, uint8_t fill = 0x5a) {
  Packet out(size, fill);
  out[0] = 0x45;
  out[2] = static_cast<uint8_t>(size >> 8);
  out[3] = static_cast<uint8_t>(size);
  return out;
}

/// Two tunnels and the wire between them, on a clock that the test moves. Each knows the other in slot 3 and 5, so that
/// a mixed-up slot shows.
class Pair {
 public:
  struct Side {
    explicit Side(uint32_t seed) : random(seed), tunnel(random) {}
    SeededRandom random;
    KeyedTunnel tunnel;
    NodePrivate key;
    Slot peer{0};
    std::deque<Packet> outbox;     ///< messages on the wire
    std::vector<Packet> received;  ///< inner packets
    std::vector<Tunnel::Event> events;
    std::vector<Tunnel::Transmit::Kind> sent;
    WallTime stored{WallTime::UNKNOWN};  ///< what Record::CLOCK would hold
    bool storage_works{true};
  };

  explicit Pair(uint32_t seed = 1) : a(seed), b(seed + 1000) {
    a.key.generate(a.random);
    b.key.generate(b.random);
    a.peer = 3;
    b.peer = 5;
    for (Side *side : {&a, &b}) {
      side->tunnel.set_identity(side->key);
      side->tunnel.set_wall_time(now, wall_seconds(1'800'000'000));
    }
    EXPECT_EQ(a.tunnel.add_peer(a.peer, b.key.public_key()), Error::NONE);
    EXPECT_EQ(b.tunnel.add_peer(b.peer, a.key.public_key()), Error::NONE);
  }

  /// Everything a side wants to say now, onto the wire.
  void drain(Side &side) {
    for (bool again = true; again;) {
      again = false;
      while (const auto event = side.tunnel.poll_event()) {
        side.events.push_back(*event);
        if (event->kind == Tunnel::Event::Kind::RESERVE_TIMESTAMP && side.storage_works) {
          side.stored = event->reserve_until;
          side.tunnel.handle_reserved(now, event->reserve_until);
          again = true;
        }
      }
      Packet room(MAX_WIREGUARD_BYTES);
      while (const auto transmit = side.tunnel.poll_transmit(now, room)) {
        side.outbox.emplace_back(transmit->bytes.begin(), transmit->bytes.end());
        side.sent.push_back(transmit->kind);
        again = true;
      }
    }
  }

  Result<Tunnel::Received> deliver_one(Side &to, Packet message) {
    const Source from{IpAddress::v4(192, 0, 2, 1), 1234};
    const auto got = to.tunnel.handle_datagram(now, from, message);
    if (got && !got->packet.empty())
      to.received.emplace_back(got->packet.begin(), got->packet.end());
    return got;
  }

  /// Deliver until nothing is under way. Returns how many messages crossed.
  size_t settle() {
    size_t crossed = 0;
    drain(a);
    drain(b);
    while (!a.outbox.empty() || !b.outbox.empty()) {
      for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
        while (!from->outbox.empty()) {
          const Packet message = from->outbox.front();
          from->outbox.pop_front();
          (void) deliver_one(*to, message);
          crossed++;
        }
      }
      drain(a);
      drain(b);
    }
    return crossed;
  }

  Error send(Side &side, const Packet &packet) {
    Packet buffer(Tunnel::encapsulated_size(packet.size()));
    copy(packet, ByteSpan(buffer).subspan(TRANSPORT_HEADER_BYTES));
    const auto message = side.tunnel.encapsulate(now, side.peer, buffer, packet.size());
    if (!message)
      return message.error();
    side.outbox.emplace_back(message->begin(), message->end());
    return Error::NONE;
  }

  /// Move the clock to `seconds` since the start, stopping at every timeout on the way; messages cross.
  void at(double second) {
    const Instant target = static_cast<Instant>(static_cast<int64_t>(second * 1e6));
    while (true) {
      const Instant next = earlier(a.tunnel.next_timeout(), b.tunnel.next_timeout());
      if (next > target)
        break;
      now = std::max(now, next);
      a.tunnel.handle_timeout(now);
      b.tunnel.handle_timeout(now);
      settle();
      if (++steps > 1'000'000) {
        ADD_FAILURE() << "a timer is armed in the past for ever";
        return;
      }
    }
    now = target;
    a.tunnel.handle_timeout(now);
    b.tunnel.handle_timeout(now);
    settle();
  }

  void establish() {
    (void) send(a, ipv4_packet(40));
    settle();
  }

  Instant now{};
  Side a;
  Side b;
  size_t steps{0};
};

}  // namespace microlink::wireguard::testing
