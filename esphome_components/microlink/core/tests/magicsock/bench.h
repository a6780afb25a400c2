// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tests/magicsock/keyed_magicsock.h"
#include "tests/support/seeded_random.h"

namespace microlink::magicsock {

using Kind = Event::Kind;
using State = Magicsock::State;
constexpr Instant NOW{5'000'000'000};
inline const netmap::PeerId PEER{3, 7};
constexpr uint16_t REGION = 2;

inline Endpoint at(const char *text) { return *parse_endpoint(text); }

/// One engine, and the other side of one peer made by hand.
struct Bench {
  Bench() : random(1), sock(random) {
    self.generate(random);
    peer_node.generate(random);
    peer_disco.generate(random);
    sock.start(now, self.public_key());
    const Endpoint local = at("10.0.0.5:41641");
    sock.set_local_endpoints(now, {&local, 1});
    sock.handle_relay_state(now, REGION, true);
    add(true);
    EXPECT_TRUE(box.precompute(peer_disco.secret(), sock.disco_key().bytes));
  }

  void add(bool allowed) {
    EXPECT_EQ(sock.set_peer(now, PEER,
                            {.key = peer_node.public_key(),
                             .disco_key = peer_disco.public_key(),
                             .endpoints = std::span<const Endpoint>(&candidate, 1),
                             .home_region = REGION,
                             .allowed = allowed}),
              Error::NONE);
  }
  std::vector<uint8_t> seal(ByteView payload) {
    std::vector<uint8_t> out(payload.size() + disco::ENVELOPE_BYTES);
    EXPECT_TRUE(disco::seal(box, peer_disco.public_key(), random, payload, out));
    return out;
  }
  std::vector<uint8_t> ping(uint8_t number = 1) {
    Bytes<64> payload;
    Writer writer(payload);
    disco::write_ping(writer, disco::TxId{number}, peer_node.public_key());
    return seal(writer.written());
  }
  std::vector<uint8_t> pong(const disco::TxId &tx_id) {
    Bytes<64> payload;
    Writer writer(payload);
    disco::write_pong(writer, tx_id, at("192.0.2.99:1"));
    return seal(writer.written());
  }
  std::vector<uint8_t> call(std::vector<Endpoint> endpoints) {
    Bytes<256> payload;
    Writer writer(payload);
    disco::write_call_me_maybe(writer, endpoints);
    return seal(writer.written());
  }
  struct Sent {
    Transmit where;
    disco::Message message;
  };
  /// Everything that waits to be sent, opened by the peer.
  std::vector<Sent> drain() {
    std::vector<Sent> out;
    Bytes<Magicsock::MAX_TRANSMIT_BYTES> buffer;
    while (const auto transmit = sock.poll_transmit(now, buffer)) {
      const auto message = disco::open(box, ByteSpan(buffer).first(transmit->size));
      EXPECT_TRUE(message);
      if (message)
        out.push_back({*transmit, *message});
    }
    return out;
  }
  std::vector<Event> events() {
    std::vector<Event> out;
    while (const auto event = sock.poll_event())
      out.push_back(*event);
    return out;
  }
  std::optional<Event> event(Kind kind) {
    for (const Event &each : events()) {
      if (each.kind == kind)
        return each;
    }
    return std::nullopt;
  }
  /// The path to `candidate` is proven.
  void make_direct() {
    sock.note_sent(now, PEER);
    const auto sent = drain();
    ASSERT_FALSE(sent.empty());
    now = now + milliseconds(10);
    auto answer = pong(sent[0].message.tx_id);
    ASSERT_EQ(sock.handle_udp(now, candidate, answer), Error::NONE);
  }

  testing::SeededRandom random;
  Instant now{NOW};
  Endpoint candidate{at("192.0.2.1:41641")};
  NodePrivate self;
  NodePrivate peer_node;
  DiscoPrivate peer_disco;
  crypto::BoxKey box;
  KeyedMagicsock sock;
};

}  // namespace microlink::magicsock
