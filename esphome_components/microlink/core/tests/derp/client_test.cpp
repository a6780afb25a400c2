// SPDX-License-Identifier: MIT
#include "microlink/derp/client.h"

#include <gtest/gtest.h>

#include "microlink/base/reader.h"
#include "tests/derp/relay.h"
#include "tests/support/vectors.h"

namespace microlink::derp::testing {

namespace {

using microlink::testing::load_vectors;
using State = Client::State;

std::vector<Raw> frames_in(const Raw &stream) {
  std::vector<Raw> out;
  for (size_t at = 0; at < stream.size();) {
    Reader in(ByteView(stream).subspan(at));
    in.u8();
    const size_t size = FRAME_HEADER_BYTES + in.u32be();
    EXPECT_LE(at + size, stream.size()) << "the stream ends inside a frame";
    if (at + size > stream.size())
      break;
    out.emplace_back(stream.begin() + static_cast<ptrdiff_t>(at), stream.begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
  }
  return out;
}

Raw disco_packet(uint8_t fill, size_t size = 100) {
  Raw out(size, fill);
  copy(Bytes<6>{0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac}, out);
  return out;
}

TEST(Client, asks_for_an_upgrade) {
  Node node;
  ASSERT_EQ(node.client.start(node.now, {.host = "derp.example", .ideal_node = "1a", .node_key = &node.key}),
            Error::NONE);
  EXPECT_EQ(node.client.state(), State::UPGRADING);
  EXPECT_EQ(node.sent(7), bytes("GET /derp HTTP/1.1\r\nHost: derp.example\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n"
                                "Ideal-Node: 1a\r\n\r\n"));
  ASSERT_EQ(node.client.start(node.now, {.host = "2001:db8::1", .node_key = &node.key}), Error::NONE);
  EXPECT_EQ(node.sent(),
            bytes("GET /derp HTTP/1.1\r\nHost: [2001:db8::1]\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n\r\n"));
}

TEST(Client, refuses_names_that_would_break_the_request) {
  Node node;
  const std::string too_long(600, 'a');
  for (const std::string_view host :
       {std::string_view(""), std::string_view("a b"), std::string_view("a\r\nX: y"), std::string_view("a\0b", 3),
        std::string_view(too_long), std::string_view("\xc3\xa4")})
    EXPECT_EQ(node.client.start(node.now, {.host = host, .node_key = &node.key}), Error::MALFORMED);
  EXPECT_EQ(node.client.start(node.now, {.host = "a", .ideal_node = "b\nc", .node_key = &node.key}), Error::MALFORMED);
  EXPECT_EQ(node.client.start(node.now, {.host = "a"}), Error::MALFORMED);
  EXPECT_EQ(node.client.state(), State::IDLE);
}

TEST(Client, logs_in) {
  Node node;
  Relay relay;
  ASSERT_EQ(node.start(), Error::NONE);
  (void) node.sent();
  node.receive(bytes(SWITCHING));
  EXPECT_EQ(node.client.state(), State::SERVER_KEY);
  EXPECT_EQ(node.client.http_status(), 101);
  EXPECT_TRUE(node.sent().empty());
  node.receive(relay.server_key());
  EXPECT_EQ(node.client.state(), State::SERVER_INFO);
  const auto frames = frames_in(node.sent());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0][0], 0x02);
  const Raw body(frames[0].begin() + 5, frames[0].end());
  EXPECT_TRUE(equal(ByteView(body).first(32), node.key.public_key().bytes));
  EXPECT_EQ(relay.open_client_info(body), R"({"version":2,"CanAckPings":true})");
  EXPECT_TRUE(node.events.empty());
  node.receive(relay.server_info(node.key.public_key()));
  EXPECT_EQ(node.client.state(), State::CONNECTED);
  EXPECT_EQ(node.events, Events{"connected"});
  EXPECT_TRUE(node.sent().empty());
}

TEST(Client, opens_what_the_official_relay_sealed) {
  const auto vectors = load_vectors("derp.json");
  Node node;
  ASSERT_EQ(node.key.load(vectors["client"]["private"].hex()), Error::NONE);
  ASSERT_EQ(node.start(), Error::NONE);
  (void) node.sent();
  node.receive(bytes(vectors["http_upgrade_response"].text()));
  for (size_t i = 0; i != vectors["frames"].size(); i++) {
    const auto each = vectors["frames"][i];
    if (each["direction"].text() != "client_to_server" && each["direction"].text() != "mesh")
      node.receive(each["frame"].hex());
  }
  EXPECT_EQ(node.events, (Events{"connected", "packet 64:hello derp", "gone 28:0", "gone 28:1", "gone 28:0",
                                 "health Too many connections", "health ", "restarting 1000/5000"}));
  EXPECT_EQ(node.client.counters().rx_skipped, 2U) << "PeerPresent and a frame of the future";
  const auto frames = frames_in(node.sent());
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(microlink::testing::to_hex(frames[1]), "13000000081fc8e9e7d19f7223") << "the ping's pong";
}

TEST(Client, sends_what_the_official_client_sends) {
  const auto vectors = load_vectors("derp.json");
  Node node;
  Relay relay;
  node.log_in(relay);
  NodePublic peer;
  copy(vectors["peer"]["public"].hex(), peer.bytes);
  EXPECT_EQ(node.client.send(node.now, peer, as_bytes("hello derp")), Error::NONE);
  const auto expected = [&](const char *name) {
    for (size_t i = 0; i != vectors["frames"].size(); i++) {
      if (vectors["frames"][i]["name"].text() == name)
        return vectors["frames"][i]["frame"].hex();
    }
    return Raw{};
  };
  EXPECT_EQ(node.sent(), expected("send_packet"));
  node.client.set_preferred(true);
  EXPECT_EQ(node.sent(), expected("note_preferred_home"));
  EXPECT_TRUE(node.sent().empty());
  node.client.set_preferred(false);
  EXPECT_EQ(node.sent(), expected("note_preferred_not_home"));
}

TEST(Client, tells_a_new_connection_again_that_it_is_home) {
  Node node;
  Relay relay;
  node.client.set_preferred(true);
  for (int i = 0; i != 2; i++) {
    ASSERT_EQ(node.start(), Error::NONE);
    (void) node.sent();
    node.receive(bytes(SWITCHING) + relay.server_key() + relay.server_info(node.key.public_key()));
    const auto frames = frames_in(node.sent());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[1], microlink::testing::from_hex("070000000101"));
  }
}

Raw busy_stream(Relay &relay, const NodePublic &client) {
  Raw stream = bytes(SWITCHING) + relay.server_key() + relay.server_info(client);
  for (uint8_t i = 0; i != 8; i++)
    stream = stream + Relay::packet(node(i), Raw(static_cast<size_t>(i) * 199, i)) + Relay::frame(0x06, {}) +
             Relay::frame(0x14, bytes("trouble")) + Relay::frame(0x12, Raw(9, i)) + Relay::frame(0x77, Raw(3000, i)) +
             Relay::frame(0x08, Raw(33, i)) + Relay::frame(0x14, Raw(2000, 'x')) + Relay::packet(node(i), Raw(1401, i));
  return stream;
}

TEST(Client, understands_the_same_in_any_pieces) {
  Relay relay;
  Raw stream;
  Events expected;
  Raw answers;
  for (uint32_t seed = 0; seed != 60; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    Node each;
    if (seed == 0)
      stream = busy_stream(relay, each.key.public_key());
    ASSERT_EQ(each.start(), Error::NONE);
    (void) each.sent();
    for (size_t at = 0; at < stream.size();) {
      const size_t cut = seed == 0 ? stream.size() : seed == 1 ? 1 : 1 + engine() % (seed * 40);
      const size_t size = std::min(cut, stream.size() - at);
      const auto begin = stream.begin() + static_cast<ptrdiff_t>(at);
      each.receive({begin, begin + static_cast<ptrdiff_t>(size)});
      at += size;
    }
    const Raw sent = each.sent();
    if (seed == 0) {
      expected = each.events;
      answers = sent;
      EXPECT_GT(expected.size(), 30U);
    }
    EXPECT_EQ(each.events, expected);
    EXPECT_EQ(sent, answers);
    EXPECT_EQ(each.client.counters().rx_dropped_oversized, 8U);
    EXPECT_EQ(each.client.counters().rx_dropped_malformed, 1U) << "the empty packet";
    EXPECT_EQ(each.client.counters().rx_skipped, 8U);
  }
}

TEST(Client, delivers_packets_in_place) {
  Node each;
  Relay relay;
  each.log_in(relay);
  Raw raw = Relay::packet(node(9), bytes("abc"));
  ByteSpan in = raw;
  ASSERT_EQ(each.client.handle_bytes(each.now, in), Error::NONE);
  const auto event = each.client.poll_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->packet.data(), raw.data() + 37);
}

TEST(Client, waits_while_an_event_is_not_fetched) {
  Node each;
  Relay relay;
  each.log_in(relay);
  Raw raw = Relay::packet(node(1), bytes("one")) + Relay::packet(node(2), bytes("two"));
  ByteSpan in = raw;
  EXPECT_EQ(each.client.handle_bytes(each.now, in), Error::NONE);
  EXPECT_EQ(in.size(), 40U);
  EXPECT_EQ(each.client.handle_bytes(each.now, in), Error::NOT_READY);
  EXPECT_EQ(in.size(), 40U);
  each.drain();
  EXPECT_EQ(each.client.handle_bytes(each.now, in), Error::NONE);
  each.drain();
  EXPECT_EQ(each.events, (Events{"packet 1:one", "packet 2:two"}));
}

TEST(Client, delivers_the_largest_packet_and_skips_larger_ones) {
  Node each;
  Relay relay;
  each.log_in(relay);
  each.receive(Relay::packet(node(1), Raw(MAX_PACKET_BYTES, 'a')));
  each.receive(Relay::packet(node(1), Raw(MAX_PACKET_BYTES + 1, 'b')));
  each.receive(Relay::packet(node(1), Raw(65536, 'c')));
  each.receive(Relay::packet(node(1), bytes("d")));
  EXPECT_EQ(each.events, (Events{"packet 1:" + std::string(MAX_PACKET_BYTES, 'a'), "packet 1:d"}));
  EXPECT_EQ(each.client.counters().rx_dropped_oversized, 2U);
  EXPECT_EQ(each.client.counters().rx_packets, 2U);
}

TEST(Client, disconnects_at_a_length_that_cannot_be) {
  Node each;
  Relay relay;
  each.log_in(relay);
  each.receive(microlink::testing::from_hex("05ffffffff0011"));
  EXPECT_EQ(each.events, Events{"failed malformed"});
  EXPECT_EQ(each.client.state(), State::FAILED);
}

TEST(Client, drops_bodies_that_are_too_short) {
  Node each;
  Relay relay;
  each.log_in(relay);
  for (size_t size = 0; size != 33; size++)
    each.receive(Relay::frame(0x05, Raw(size, 1)));
  for (size_t size = 0; size != 32; size++)
    each.receive(Relay::frame(0x08, Raw(size, 1)));
  for (size_t size = 0; size != 8; size++) {
    each.receive(Relay::frame(0x12, Raw(size, 1)));
    each.receive(Relay::frame(0x15, Raw(size, 1)));
  }
  EXPECT_TRUE(each.events.empty());
  EXPECT_EQ(each.client.counters().rx_dropped_malformed, 33U + 32 + 8 + 8);
  EXPECT_TRUE(each.sent().empty());
  EXPECT_EQ(each.client.state(), State::CONNECTED);
}

TEST(Client, survives_a_flood_of_pings) {
  Node each;
  Relay relay;
  each.log_in(relay);
  for (int i = 0; i != 1000; i++)
    each.receive(Relay::frame(0x12, Raw(8, static_cast<uint8_t>(i))));
  const auto frames = frames_in(each.sent(11));
  EXPECT_GT(frames.size(), 10U);
  EXPECT_LT(frames.size(), 50U);
  each.receive(Relay::frame(0x12, Raw(8, 7)));
  EXPECT_EQ(frames_in(each.sent()).size(), 1U);
}

TEST(Client, takes_packets_before_the_login_and_sends_them_behind_client_info) {
  Node each;
  Relay relay;
  ASSERT_EQ(each.start(), Error::NONE);
  EXPECT_EQ(each.client.send(each.now, node(1), as_bytes("early")), Error::NONE);
  EXPECT_EQ(each.client.queued(), 1U);
  const Raw request = each.sent();
  EXPECT_EQ(request.back(), '\n');
  each.receive(bytes(SWITCHING) + relay.server_key());
  const auto frames = frames_in(each.sent(10));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0][0], 0x02);
  EXPECT_EQ(frames[1][0], 0x04);
  EXPECT_EQ(each.client.queued(), 0U);
}

TEST(Client, prefers_disco_but_never_tears_a_frame) {
  for (size_t piece = 1; piece < 300; piece += 7) {
    SCOPED_TRACE(piece);
    Node each;
    Relay relay;
    each.log_in(relay);
    ASSERT_EQ(each.client.send(each.now, node(1), Raw(200, 'd')), Error::NONE);
    ASSERT_EQ(each.client.send(each.now, node(2), Raw(200, 'd')), Error::NONE);
    Raw stream(piece);
    ASSERT_TRUE(each.client.poll_transmit(each.now, stream));
    ASSERT_EQ(each.client.send(each.now, node(3), disco_packet(1)), Error::NONE);
    each.client.set_preferred(true);
    const auto frames = frames_in(stream + each.sent(piece));
    ASSERT_EQ(frames.size(), 4U);
    Raw order;
    for (const Raw &frame : frames)
      order.push_back(frame[0] == 0x07 ? 7 : frame[5]);
    const bool second_had_begun = piece > 237;
    EXPECT_EQ(order, second_had_begun ? (Raw{1, 2, 7, 3}) : (Raw{1, 7, 3, 2}));
  }
}

TEST(Client, drops_the_oldest_data_and_keeps_disco) {
  Node each;
  Relay relay;
  each.log_in(relay);
  ASSERT_EQ(each.client.send(each.now, node(200), disco_packet(1)), Error::NONE);
  for (uint8_t i = 0; i != 20; i++)
    ASSERT_EQ(each.client.send(each.now, node(i), Raw(1000, i)), Error::NONE);
  const size_t fit = DATA_QUEUE_BYTES / 1037;
  EXPECT_EQ(each.client.counters().tx_dropped_full, 20 - fit);
  EXPECT_EQ(each.client.counters().tx_packets, 21U);
  const auto frames = frames_in(each.sent());
  ASSERT_EQ(frames.size(), fit + 1);
  EXPECT_EQ(frames[0][5], 200);
  EXPECT_EQ(frames[1][5], 20 - fit);
  EXPECT_EQ(frames[fit][5], 19);
}

TEST(Client, refuses_packets_that_are_too_large) {
  Node each;
  Relay relay;
  each.log_in(relay);
  EXPECT_EQ(each.client.send(each.now, node(1), Raw(MAX_PACKET_BYTES)), Error::NONE);
  EXPECT_EQ(each.client.send(each.now, node(1), Raw(MAX_PACKET_BYTES + 1)), Error::NO_SPACE);
  EXPECT_EQ(each.client.queued(), 1U);
}

TEST(Client, keeps_to_the_relay_s_token_bucket) {
  Node each;
  Relay relay;
  each.log_in(relay, R"({"version":2,"TokenBucketBytesPerSecond":1000,"TokenBucketBytesBurst":3000})");
  const Raw packet(963);  // 1000 with what a frame adds
  for (int i = 0; i != 3; i++)
    EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NONE);
  EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NO_SPACE);
  for (int i = 0; i != 10; i++) {
    each.now = each.now + milliseconds(99);
    EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NO_SPACE);
  }
  each.now = each.now + milliseconds(10);
  EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NONE);
  each.now = each.now + seconds(100'000'000);
  for (int i = 0; i != 3; i++)
    EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NONE);
  EXPECT_EQ(each.client.send(each.now, node(1), packet), Error::NO_SPACE);
  EXPECT_EQ(each.client.counters().tx_dropped_rate, 12U);
}

TEST(Client, takes_new_numbers_for_the_bucket) {
  Node each;
  Relay relay;
  each.log_in(relay, R"({"version":2,"TokenBucketBytesPerSecond":1,"TokenBucketBytesBurst":1})");
  EXPECT_EQ(each.client.send(each.now, node(1), Raw(MAX_PACKET_BYTES)), Error::NONE) << "one packet always fits";
  EXPECT_EQ(each.client.send(each.now, node(1), Raw(1)), Error::NO_SPACE);
  each.receive(relay.server_info(each.key.public_key()));
  EXPECT_EQ(each.client.send(each.now, node(1), Raw(1)), Error::NONE);
  EXPECT_TRUE(each.events.empty());
}

TEST(Client, tells_of_a_second_login_with_the_same_key) {
  Node each;
  Relay relay;
  each.log_in(relay);
  each.receive(Relay::frame(0x14, bytes("duplicate connection")) + Relay::frame(0x14, {}));
  EXPECT_EQ(each.events, (Events{"health duplicate connection", "health "}));
  EXPECT_EQ(each.client.state(), State::CONNECTED);
}

TEST(Client, fails_on_other_answers_than_an_upgrade) {
  for (const auto &[answer, event, status] :
       {std::tuple{"HTTP/1.1 426 Upgrade Required\r\n\r\n", "failed rejected", 426},
        std::tuple{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                   "failed rejected", 101},
        std::tuple{"SSH-2.0-OpenSSH_9.2\r\n", "failed malformed", 0}}) {
    Node each;
    ASSERT_EQ(each.start(), Error::NONE);
    each.receive(bytes(answer));
    EXPECT_EQ(each.events, Events{event});
    EXPECT_EQ(each.client.http_status(), status);
    EXPECT_EQ(each.client.state(), State::FAILED);
  }
}

TEST(Client, fails_on_a_login_that_is_not_one) {
  Relay relay;
  Relay stranger(77);
  Node probe;
  const NodePublic client = probe.key.public_key();
  Raw low_order = relay.server_key();
  std::fill(low_order.begin() + 13, low_order.end(), uint8_t{0});
  Raw tampered = relay.server_info(client);
  tampered[50] ^= 1;
  for (const auto &[stream, event] :
       {std::pair{Relay::packet(node(1), bytes("x")), "failed malformed"},
        std::pair{Relay::frame(0x01, Raw(40)), "failed malformed"},
        std::pair{Relay::frame(0x01, Raw(39)), "failed malformed"},
        std::pair{low_order, "failed authentication failed"},
        std::pair{relay.server_key() + stranger.server_info(client), "failed authentication failed"},
        std::pair{relay.server_key() + tampered, "failed authentication failed"},
        std::pair{relay.server_key() + Relay::frame(0x03, Raw(39)), "failed truncated"},
        std::pair{relay.server_key() + relay.server_info(client, "not json"), "failed malformed"},
        std::pair{relay.server_key() + relay.server_info(client, R"({"version":1})"), "failed rejected"},
        std::pair{relay.server_key() + relay.server_info(client, std::string(600, ' ')), "failed no space"},
        std::pair{relay.server_key() + Relay::frame(0x03, Raw(3000)), "failed malformed"}}) {
    Node each;
    ASSERT_EQ(each.start(), Error::NONE);
    (void) each.sent();
    each.receive(bytes(SWITCHING) + stream + Relay::packet(node(1), bytes("late")));
    ASSERT_EQ(each.events.size(), 1U);
    EXPECT_EQ(each.events[0], event);
    EXPECT_TRUE(each.sent().empty());
  }
}

TEST(Client, ignores_packets_before_the_login_is_complete) {
  Node each;
  Relay relay;
  ASSERT_EQ(each.start(), Error::NONE);
  (void) each.sent();
  each.receive(bytes(SWITCHING) + relay.server_key() + Relay::packet(node(1), bytes("x")) +
               Relay::frame(0x14, bytes("y")) + Relay::frame(0x06, {}));
  EXPECT_TRUE(each.events.empty());
  EXPECT_EQ(each.client.counters().rx_dropped_malformed, 2U);
  each.receive(relay.server_info(each.key.public_key()));
  EXPECT_EQ(each.events, Events{"connected"});
}

TEST(Client, gives_a_login_ten_seconds) {
  for (int step = 0; step != 3; step++) {
    Node each;
    Relay relay;
    ASSERT_EQ(each.start(), Error::NONE);
    (void) each.sent();
    const Instant deadline = each.now + seconds(10);
    each.now = each.now + seconds(5);
    if (step > 0)
      each.receive(bytes(SWITCHING));
    if (step > 1)
      each.receive(relay.server_key());
    EXPECT_EQ(each.client.next_timeout(), deadline) << "bytes do not stretch it";
    each.client.handle_timeout(deadline - microseconds(1));
    EXPECT_NE(each.client.state(), State::FAILED);
    each.client.handle_timeout(deadline);
    each.drain();
    EXPECT_EQ(each.events, Events{"failed timed out"});
    EXPECT_EQ(each.client.next_timeout(), Instant::NEVER);
  }
}

TEST(Client, gives_a_silent_relay_two_minutes) {
  Node each;
  Relay relay;
  each.log_in(relay);
  EXPECT_EQ(each.client.next_timeout(), each.now + seconds(120));
  each.now = each.now + seconds(119);
  each.receive(Relay::frame(0x06, {}));
  each.client.handle_timeout(each.now + seconds(119));
  EXPECT_EQ(each.client.state(), State::CONNECTED);
  EXPECT_EQ(each.client.send(each.now, node(1), as_bytes("x")), Error::NONE) << "sending is no sign of life";
  (void) each.sent();
  EXPECT_EQ(each.client.next_timeout(), each.now + seconds(120));
  each.client.handle_timeout(each.now + seconds(120));
  each.drain();
  EXPECT_EQ(each.events, Events{"failed timed out"});
}

TEST(Client, fails_when_the_stream_ends) {
  Node each;
  Relay relay;
  each.log_in(relay);
  ASSERT_EQ(each.client.send(each.now, node(1), as_bytes("lost")), Error::NONE);
  each.client.handle_closed(each.now);
  each.client.handle_closed(each.now);
  each.drain();
  EXPECT_EQ(each.events, Events{"failed closed"});
  EXPECT_EQ(each.client.queued(), 0U);
  EXPECT_TRUE(each.sent().empty());
}

}  // namespace

}  // namespace microlink::derp::testing
