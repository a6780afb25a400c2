// SPDX-License-Identifier: MIT
#include "microlink/noise/control_ik.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "microlink/crypto/aead.h"
#include "microlink/crypto/drbg.h"
#include "tests/noise/responder.h"
#include "tests/support/vectors.h"

namespace microlink::noise {

/// Looks where the protocol's users have no business.
struct SymmetricStateInspector {
  const SymmetricState &state;
  std::string h() const { return testing::to_hex(this->state.h_); }
  std::string ck() const { return testing::to_hex(this->state.ck_.bytes()); }
  std::string k() const { return testing::to_hex(this->state.k_.bytes()); }
};

namespace {

using testing::to_hex;
using Buffer = std::vector<uint8_t>;

class Scripted final : public Random {
 public:
  explicit Scripted(Buffer bytes) : bytes_(std::move(bytes)) {}
  void fill(ByteSpan out) override { EXPECT_EQ(copy(this->bytes_, out), out.size()); }

 private:
  Buffer bytes_;
};

class ControlHandshakeTest : public ::testing::Test {
 protected:
  testing::Value vectors_ = testing::load_vectors("ts2021.json");
  uint16_t version_ = static_cast<uint16_t>(vectors_["capability_version"].integer());
  crypto::SecretKey machine_{vectors_["machine"]["private"].hex()};
  crypto::SecretKey control_{vectors_["control"]["private"].hex()};
  crypto::PublicKey machine_public_ = crypto::public_key_of(machine_);
  crypto::PublicKey control_public_ = crypto::public_key_of(control_);
  Bytes<INITIATION_BYTES> initiation_{};
  Secret<32> tx_, rx_;

  Error start_(ControlHandshake &handshake) {
    Scripted random(this->vectors_["client_ephemeral"]["private"].hex());
    return handshake.start(this->version_, this->machine_, this->machine_public_, this->control_public_, random,
                           this->initiation_);
  }
  bool keys_untouched_() const {
    return equal(this->tx_.bytes(), Bytes<32>{}) && equal(this->rx_.bytes(), Bytes<32>{});
  }
};

TEST_F(ControlHandshakeTest, is_byte_for_byte_that_of_the_vectors) {
  ControlHandshake handshake;
  ASSERT_EQ(this->start_(handshake), Error::NONE);
  EXPECT_EQ(to_hex(this->initiation_), this->vectors_["initiation"].text());
  EXPECT_EQ(handshake.state(), ControlHandshake::State::WAITING);
  ASSERT_EQ(handshake.finish(this->vectors_["response"].hex(), this->tx_, this->rx_), Error::NONE);
  EXPECT_EQ(handshake.state(), ControlHandshake::State::IDLE);
  EXPECT_EQ(to_hex(this->tx_.bytes()), this->vectors_["client_tx_key"].text());
  EXPECT_EQ(to_hex(this->rx_.bytes()), this->vectors_["client_rx_key"].text());
  EXPECT_EQ(to_hex(handshake.handshake_hash()), this->vectors_["handshake_hash"].text());
}

// Each step's h, ck and k, so that a broken step is named.
TEST_F(ControlHandshakeTest, every_step_is_that_of_the_trace) {
  const auto trace = this->vectors_["trace_client"];
  const crypto::SecretKey ephemeral(this->vectors_["client_ephemeral"]["private"].hex());
  const auto public_key = [this](const char *name) {
    crypto::PublicKey out{};
    copy(this->vectors_[name]["public"].hex(), out);
    return out;
  };
  SymmetricState state;
  size_t step = 0;
  const auto expect_step = [&] {
    const auto expected = trace[step++];
    SCOPED_TRACE(expected["step"].text());
    const SymmetricStateInspector inspector{state};
    EXPECT_EQ(inspector.h(), expected["h"].text());
    EXPECT_EQ(inspector.ck(), expected["ck"].text());
    if (expected.has("k")) {
      EXPECT_EQ(inspector.k(), expected["k"].text());
    }
  };
  state.start(this->vectors_["protocol_name"].text());
  expect_step();
  state.mix_hash(as_bytes(this->vectors_["prologue"].text()));
  expect_step();
  state.mix_hash(this->control_public_);
  expect_step();
  state.mix_hash(public_key("client_ephemeral"));
  expect_step();
  ASSERT_TRUE(state.mix_dh(ephemeral, this->control_public_));
  expect_step();
  Buffer text = this->vectors_["machine"]["public"].hex();
  text.resize(48);
  state.encrypt_and_hash(text);
  EXPECT_EQ(to_hex(text), trace[step]["ciphertext"].text());
  expect_step();
  ASSERT_TRUE(state.mix_dh(this->machine_, this->control_public_));
  expect_step();
  text.assign(16, 0);
  state.encrypt_and_hash(text);
  EXPECT_EQ(to_hex(text), trace[step]["ciphertext"].text());
  expect_step();
  state.mix_hash(public_key("server_ephemeral"));
  expect_step();
  ASSERT_TRUE(state.mix_dh(ephemeral, public_key("server_ephemeral")));
  expect_step();
  ASSERT_TRUE(state.mix_dh(this->machine_, public_key("server_ephemeral")));
  expect_step();
  text = trace[step]["ciphertext"].hex();
  ASSERT_TRUE(state.decrypt_and_hash(text));
  expect_step();
  EXPECT_EQ(step, trace.size());
}

TEST_F(ControlHandshakeTest, a_response_that_was_touched_gives_no_keys) {
  const Buffer good = this->vectors_["response"].hex();
  for (size_t bit = 0; bit != good.size() * 8; bit++) {
    ControlHandshake handshake;
    ASSERT_EQ(this->start_(handshake), Error::NONE);
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const Error expected = bit < MESSAGE_HEADER_BYTES * 8 ? Error::MALFORMED : Error::AUTH_FAILED;
    // Also for the top bit of the ephemeral key: it does not count for the DH (RFC 7748 §5), but it does for the hash.
    ASSERT_EQ(handshake.finish(bad, this->tx_, this->rx_), expected) << bit;
    ASSERT_TRUE(this->keys_untouched_());
    ASSERT_EQ(handshake.state(), ControlHandshake::State::IDLE);
    ASSERT_EQ(handshake.finish(good, this->tx_, this->rx_), Error::UNEXPECTED) << "one attempt for each start";
  }
}

TEST_F(ControlHandshakeTest, only_the_exact_length_is_read) {
  Buffer response = this->vectors_["response"].hex();
  response.push_back(0);
  for (size_t size = 0; size <= response.size(); size++) {
    ControlHandshake handshake;
    ASSERT_EQ(this->start_(handshake), Error::NONE);
    const Error expected = size < RESPONSE_BYTES    ? Error::TRUNCATED
                           : size == RESPONSE_BYTES ? Error::NONE
                                                    : Error::MALFORMED;
    EXPECT_EQ(handshake.finish(ByteView(response).first(size), this->tx_, this->rx_), expected) << size;
  }
}

TEST_F(ControlHandshakeTest, low_order_points_are_refused) {
  ControlHandshake handshake;
  Scripted random(this->vectors_["client_ephemeral"]["private"].hex());
  for (const uint8_t point : {0, 1}) {
    EXPECT_EQ(handshake.start(this->version_, this->machine_, this->machine_public_, crypto::PublicKey{point}, random,
                              this->initiation_),
              Error::UNTRUSTED);
    EXPECT_EQ(handshake.state(), ControlHandshake::State::IDLE);
    ASSERT_EQ(this->start_(handshake), Error::NONE);
    Buffer response = this->vectors_["response"].hex();
    std::fill(response.begin() + 3, response.begin() + 35, uint8_t{0});
    response[3] = point;
    EXPECT_EQ(handshake.finish(response, this->tx_, this->rx_), Error::AUTH_FAILED);
  }
  EXPECT_TRUE(this->keys_untouched_());
}

TEST_F(ControlHandshakeTest, finish_without_start_is_unexpected) {
  ControlHandshake handshake;
  EXPECT_EQ(handshake.finish(this->vectors_["response"].hex(), this->tx_, this->rx_), Error::UNEXPECTED);
  ASSERT_EQ(this->start_(handshake), Error::NONE);
  handshake.clear();
  EXPECT_EQ(handshake.finish(this->vectors_["response"].hex(), this->tx_, this->rx_), Error::UNEXPECTED);
  EXPECT_TRUE(this->keys_untouched_());
}

TEST_F(ControlHandshakeTest, the_version_is_part_of_it) {
  for (const uint16_t version : {0, 9, 10, 99, 100, 131, 999, 1000, 9999, 10000, 65535}) {
    crypto::Drbg random;
    ControlHandshake handshake;
    ASSERT_EQ(handshake.start(version, this->machine_, this->machine_public_, this->control_public_, random,
                              this->initiation_),
              Error::NONE);
    const auto answer = respond(this->control_, this->initiation_, std::to_string(version), random);
    ASSERT_TRUE(answer) << version;
    EXPECT_EQ(answer->machine, this->machine_public_);
    ASSERT_EQ(handshake.finish(answer->response, this->tx_, this->rx_), Error::NONE) << version;
    EXPECT_TRUE(equal(this->tx_.bytes(), answer->rx_key));
    EXPECT_TRUE(equal(this->rx_.bytes(), answer->tx_key));
    EXPECT_EQ(handshake.handshake_hash(), answer->handshake_hash);
    EXPECT_FALSE(respond(this->control_, this->initiation_, std::to_string(version + 1), random));
  }
}

TEST_F(ControlHandshakeTest, another_control_key_cannot_read_or_answer) {
  crypto::Drbg random;
  ControlHandshake handshake;
  ASSERT_EQ(this->start_(handshake), Error::NONE);
  EXPECT_FALSE(respond(this->machine_, this->initiation_, std::to_string(this->version_), random));
}

TEST_F(ControlHandshakeTest, each_start_draws_a_fresh_ephemeral_key) {
  crypto::Drbg random;
  ControlHandshake handshake;
  Bytes<INITIATION_BYTES> first{}, second{};
  ASSERT_EQ(handshake.start(131, this->machine_, this->machine_public_, this->control_public_, random, first),
            Error::NONE);
  ASSERT_EQ(handshake.start(131, this->machine_, this->machine_public_, this->control_public_, random, second),
            Error::NONE);
  EXPECT_NE(first, second);
  const auto stale = respond(this->control_, first, "131", random);
  ASSERT_TRUE(stale);
  EXPECT_EQ(handshake.finish(stale->response, this->tx_, this->rx_), Error::AUTH_FAILED);
}

TEST(SymmetricState, a_forged_message_leaves_the_state_as_it_was) {
  SymmetricState state;
  state.start("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s");
  state.mix_key(as_bytes("some key"));
  SymmetricState other;
  other.copy_from(state);
  Bytes<20> message{1, 2, 3, 4};
  other.encrypt_and_hash(message);
  Bytes<20> bad = message;
  bad[0] ^= 1;
  const Bytes<32> before = state.hash();
  EXPECT_FALSE(state.decrypt_and_hash(bad));
  EXPECT_EQ(state.hash(), before);
  EXPECT_TRUE(state.decrypt_and_hash(message));
  EXPECT_EQ(state.hash(), other.hash());
  EXPECT_TRUE(equal(ByteView(message).first(4), Bytes<4>{1, 2, 3, 4}));
  Bytes<3> short_one{};
  EXPECT_FALSE(state.decrypt_and_hash(short_one));
}

}  // namespace
}  // namespace microlink::noise
