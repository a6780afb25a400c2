// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "microlink/derp/client.h"
#include "tests/support/seeded_random.h"

namespace microlink::derp::testing {

using microlink::testing::SeededRandom;

using Raw = std::vector<uint8_t>;

inline constexpr std::string_view SWITCHING =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\nDerp-Version: 2\r\n\r\n";

/// A relay as the client sees it: makes what a relay sends, and reads what it gets.
class Relay {
 public:
  explicit Relay(uint32_t seed = 2) : random_(seed) { this->key_.generate(this->random_); }

  static Raw frame(uint8_t type, ByteView body) {
    Raw out(FRAME_HEADER_BYTES + body.size());
    Writer writer(out);
    write_frame(writer, static_cast<FrameType>(type), body);
    return out;
  }
  Raw server_key() const {
    Raw body(MAGIC.begin(), MAGIC.end());
    body.insert(body.end(), this->key_.public_key().bytes.begin(), this->key_.public_key().bytes.end());
    return frame(0x01, body);
  }
  Raw server_info(const NodePublic &client, std::string_view json = R"({"version":2})") {
    crypto::BoxKey box;
    EXPECT_TRUE(box.precompute(this->key_.secret(), client.bytes));
    Raw body(json.size() + crypto::BOX_OVERHEAD);
    box.seal(this->random_, as_bytes(json), body);
    return frame(0x03, body);
  }
  static Raw packet(const NodePublic &source, ByteView payload) {
    Raw body(source.bytes.size() + payload.size());
    std::ranges::copy(payload, std::ranges::copy(source.bytes, body.begin()).out);
    return frame(0x05, body);
  }
  /// The JSON in a ClientInfo body.
  std::string open_client_info(const Raw &body) const {
    crypto::BoxKey box;
    EXPECT_TRUE(box.precompute(this->key_.secret(), NodePublic::from_bytes(ByteView(body).first(32)).bytes));
    Raw json(body.size() - 32 - crypto::BOX_OVERHEAD);
    EXPECT_TRUE(box.open(ByteView(body).subspan(32), json));
    return {json.begin(), json.end()};
  }

 private:
  SeededRandom random_;
  NodePrivate key_;
};

inline Raw bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline Raw operator+(Raw a, const Raw &b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// A client with everything that came out of it, in words that tests can compare.
class Node {
 public:
  explicit Node(uint32_t seed = 1) : random(seed), client(random, shared, 0) { this->key.generate(this->random); }

  Error start() { return this->client.start(this->now, {.host = "derp.example", .node_key = &this->key}); }

  /// What arrives, and what the client makes of it.
  void receive(Raw raw) {
    ByteSpan in = raw;
    while (!in.empty()) {
      (void) this->client.handle_bytes(this->now, in);
      this->drain();
    }
  }
  void drain() {
    while (const auto event = this->client.poll_event())
      this->events.push_back(describe(*event));
  }
  /// Everything the client wants to send, in pieces of at most `size`.
  Raw sent(size_t size = 4096) {
    Raw out;
    Raw piece(size);
    while (const auto transmit = this->client.poll_transmit(this->now, piece))
      out.insert(out.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(transmit->size));
    return out;
  }
  void log_in(Relay &relay, std::string_view info = R"({"version":2})") {
    ASSERT_EQ(this->start(), Error::NONE);
    (void) this->sent();
    this->receive(bytes(SWITCHING) + relay.server_key() + relay.server_info(this->key.public_key(), info));
    (void) this->sent();
    ASSERT_EQ(this->client.state(), Client::State::CONNECTED);
    this->events.clear();
  }

  static std::string describe(const Event &event) {
    switch (event.kind) {
      case Event::Kind::CONNECTED:
        return "connected";
      case Event::Kind::PACKET:
        return "packet " + std::to_string(event.key.bytes[0]) + ":" + std::string(as_text(event.packet));
      case Event::Kind::PEER_GONE:
        return "gone " + std::to_string(event.key.bytes[0]) + ":" + std::to_string(static_cast<int>(event.reason));
      case Event::Kind::HEALTH:
        return "health " + std::string(event.text);
      case Event::Kind::RESTARTING:
        return "restarting " + std::to_string(to_milliseconds(event.reconnect_in)) + "/" +
               std::to_string(to_milliseconds(event.try_for));
      case Event::Kind::FAILED:
        return std::string("failed ") + error_name(event.error);
    }
    return "?";
  }

  SeededRandom random;
  NodePrivate key;
  Client::Shared shared;
  Client client;
  Instant now{static_cast<Instant>(1'000'000)};
  std::vector<std::string> events;
};

inline NodePublic node(uint8_t value) {
  NodePublic out;
  out.bytes.fill(value);
  return out;
}

using Events = std::vector<std::string>;

}  // namespace microlink::derp::testing
