// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "microlink/crypto/aead.h"
#include "microlink/wireguard/tunnel.h"
#include "tests/support/vectors.h"

namespace microlink::wireguard {
namespace {

using microlink::testing::load_vectors;
using microlink::testing::to_hex;
using microlink::testing::Value;

/// Hands out the given bytes, in order.
class Scripted final : public Random {
 public:
  explicit Scripted(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = this->bytes_.at(this->next_++);
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t next_{0};
};

struct Trace : ::testing::Test {
  Value vectors = load_vectors("wireguard.json");
  NodePrivate initiator;
  NodePrivate responder;
  crypto::SecretKey shared;

  void SetUp() override {
    ASSERT_EQ(initiator.load(vectors["initiator_static"]["private"].hex()), Error::NONE);
    ASSERT_EQ(responder.load(vectors["responder_static"]["private"].hex()), Error::NONE);
    ASSERT_TRUE(crypto::x25519(initiator.secret(), responder.public_key().bytes, shared));
  }
  uint32_t index(const char *name) { return static_cast<uint32_t>(vectors[name].integer()); }
};

TEST_F(Trace, both_messages_and_keys_byte_for_byte) {
  Timestamp timestamp;
  copy(vectors["timestamp"]["tai64n"].hex(), timestamp);
  Scripted e_i(vectors["initiator_ephemeral"]["private"].hex());
  Initiator a;
  Bytes<INITIATION_BYTES> initiation;
  ASSERT_TRUE(a.write_initiation(e_i, initiator, responder.public_key(), shared, index("initiator_index"), timestamp,
                                 initiation));
  CookieJar jar;
  jar.write_macs(Instant{}, responder.public_key(), initiation);
  EXPECT_EQ(to_hex(initiation), vectors["initiation"].text());

  Responder b;
  ASSERT_EQ(b.read_static(responder, initiation), Error::NONE);
  EXPECT_EQ(b.caller(), initiator.public_key());
  Timestamp seen;
  ASSERT_EQ(b.read_timestamp(initiation, shared, seen), Error::NONE);
  EXPECT_EQ(seen, timestamp);
  Scripted e_r(vectors["responder_ephemeral"]["private"].hex());
  Bytes<RESPONSE_BYTES> response;
  TransportKeys theirs;
  ASSERT_TRUE(b.write_response(e_r, index("responder_index"), initiation, response, theirs));
  CookieJar other;
  other.write_macs(Instant{}, initiator.public_key(), response);
  EXPECT_EQ(to_hex(response), vectors["response"].text());

  TransportKeys ours;
  ASSERT_EQ(a.read_response(initiator, response, ours), Error::NONE);
  EXPECT_EQ(to_hex(ours.send.bytes()), vectors["initiator_tx_key"].text());
  EXPECT_EQ(to_hex(ours.receive.bytes()), vectors["initiator_rx_key"].text());
  EXPECT_TRUE(ct_equal(ours.send.bytes(), theirs.receive.bytes()));
  EXPECT_TRUE(ct_equal(ours.receive.bytes(), theirs.send.bytes()));

  for (size_t i = 0; i != vectors["transport"].size(); i++) {
    const Value one = vectors["transport"][i];
    std::vector<uint8_t> packet = one["packet"].hex();
    const ByteSpan sealed = ByteSpan(packet).subspan(TRANSPORT_HEADER_BYTES);
    const Secret<32> &key = one["from"].text() == "initiator" ? ours.send : ours.receive;
    ASSERT_TRUE(crypto::open(key, crypto::nonce_le(static_cast<uint64_t>(one["counter"].integer())), {}, sealed));
    const std::string inner = one["inner"].text();
    EXPECT_EQ(to_hex(packet.data() + TRANSPORT_HEADER_BYTES, inner.size() / 2), inner);
  }
}

TEST_F(Trace, a_forged_response_leaves_the_handshake_as_it_was) {
  Scripted e_i(vectors["initiator_ephemeral"]["private"].hex());
  Timestamp timestamp;
  copy(vectors["timestamp"]["tai64n"].hex(), timestamp);
  Initiator a;
  Bytes<INITIATION_BYTES> initiation;
  ASSERT_TRUE(a.write_initiation(e_i, initiator, responder.public_key(), shared, index("initiator_index"), timestamp,
                                 initiation));
  const std::vector<uint8_t> good = vectors["response"].hex();
  TransportKeys keys;
  for (size_t i = 12; i != 60; i++) {
    std::vector<uint8_t> bad = good;
    bad[i] ^= 1;
    EXPECT_EQ(a.read_response(initiator, bad, keys), Error::AUTH_FAILED) << i;
  }
  EXPECT_EQ(a.read_response(initiator, good, keys), Error::NONE);
}

TEST_F(Trace, cookies) {
  const std::vector<uint8_t> initiation = vectors["initiation"].hex();
  CookieChecker checker;
  checker.set_identity(responder.public_key());
  EXPECT_TRUE(checker.has_valid_mac1(initiation));
  const Value cookie = vectors["cookie"];
  std::vector<uint8_t> random = cookie["nonce"].hex();
  const std::vector<uint8_t> secret = cookie["server_secret"].hex();
  random.insert(random.end(), secret.begin(), secret.end());
  Scripted scripted(random);
  const Endpoint source = *parse_endpoint(cookie["source_address"].text());
  Bytes<COOKIE_REPLY_BYTES> reply;
  checker.write_reply(Instant{}, scripted, initiation, source, reply);
  EXPECT_EQ(to_hex(reply), cookie["cookie_reply"].text());

  CookieJar jar;
  EXPECT_EQ(jar.handle_reply(Instant{}, responder.public_key(), reply), Error::UNEXPECTED);
  std::vector<uint8_t> again = initiation;
  jar.write_macs(Instant{}, responder.public_key(), again);
  Bytes<COOKIE_REPLY_BYTES> forged = reply;
  forged[40] ^= 1;
  EXPECT_EQ(jar.handle_reply(Instant{}, responder.public_key(), forged), Error::AUTH_FAILED);
  EXPECT_EQ(jar.handle_reply(Instant{}, responder.public_key(), reply), Error::NONE);
  jar.write_macs(Instant{}, responder.public_key(), again);
  Scripted none({});
  EXPECT_TRUE(checker.has_valid_mac2(Instant{}, none, again, source));
  EXPECT_FALSE(checker.has_valid_mac2(Instant{}, none, again, Endpoint{source.address, 1}));
}

TEST_F(Trace, padding) {
  const Value cases = vectors["padding_mtu_1280"];
  for (size_t i = 0; i != cases.size(); i++)
    EXPECT_EQ(Tunnel::padded_size(static_cast<size_t>(cases[i]["length"].integer())),
              static_cast<size_t>(cases[i]["padded"].integer()));
}

TEST_F(Trace, replay_window_never_accepts_what_the_wider_one_refuses) {
  ReplayWindow window;
  const Value sequence = vectors["replay_window"]["sequence"];
  uint64_t newest = 0;
  for (size_t i = 0; i != sequence.size(); i++) {
    const uint64_t counter = std::stoull(sequence[i]["counter"].text());
    const bool expected = sequence[i]["accept"].boolean();
    const bool in_window = counter + ReplayWindow::WINDOW_BITS > newest;
    if (counter >= REJECT_AFTER_MESSAGES)
      continue;  // refused before the window is asked
    EXPECT_EQ(window.accepts(counter), expected && in_window) << "step " << i;
    if (window.accepts(counter)) {
      window.mark(counter);
      newest = std::max(newest, counter);
    }
  }
}

TEST_F(Trace, timestamps_are_whitened) {
  const Value cases = vectors["tai64n_whitened"];
  for (size_t i = 0; i != cases.size(); i++) {
    const int64_t us = std::min<int64_t>(999'999, (cases[i]["nsec"].integer() + 999) / 1000);
    const WallTime wall = static_cast<WallTime>(cases[i]["unix"].integer() * 1'000'000 + us);
    if (wall == WallTime::UNKNOWN || cases[i]["unix"].integer() < 2)
      continue;  // before 1970 plus a step there is no clock
    TimestampSource source;
    source.set_wall_time(Instant{}, wall);
    source.grant(*source.reservation_needed(Instant{}));
    EXPECT_EQ(to_hex(*source.next(Instant{})), cases[i]["tai64n"].text());
  }
}

}  // namespace
}  // namespace microlink::wireguard
