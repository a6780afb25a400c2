// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "microlink/tls/memory.h"
#include "tests/tls/pair.h"

namespace microlink::tls::testing {

namespace {

using State = Session::State;

Policy small(const Pair &pair) {
  Policy policy = pair.policy();
  policy.records = Records::SMALL;
  return policy;
}

TEST(SmallRecords, shrink_the_buffers_after_the_handshake) {
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2});
  const size_t before = memory_use().current;
  ASSERT_EQ(pair.start(small(pair)), Error::NONE);
  const size_t started = memory_use().current - before;
  pair.pump();
  ASSERT_EQ(pair.session.state(), State::OPEN);
  const size_t with_server = memory_use().current;
  pair.session.stop();
  const size_t session = with_server - memory_use().current;
  EXPECT_GT(started, 32'000U);
  EXPECT_LT(session, 16'000U);
}

TEST(SmallRecords, carry_what_a_relay_sends) {
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2});
  ASSERT_TRUE(pair.shake_hands(small(pair)));
  const std::string down(4096, 'x');
  pair.server.write(down);
  pair.pump(std::string(10'000, 'y'));
  EXPECT_EQ(pair.received, down);
  EXPECT_EQ(pair.server.received, std::string(10'000, 'y'));
}

TEST(SmallRecords, ask_for_large_ones_when_a_large_one_comes) {
  const std::string down(5000, 'x');
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2});  // ignores max_fragment_length, as Go's servers do
  ASSERT_TRUE(pair.shake_hands(small(pair)));
  pair.server.write(down);
  pair.pump();
  EXPECT_EQ(pair.received, "");
  EXPECT_EQ(pair.error, Error::NO_SPACE);
  EXPECT_EQ(pair.session.state(), State::FAILED);
  EXPECT_STREQ(pair.session.failure_text(), "record: too large");
  Pair again({.version = MBEDTLS_SSL_VERSION_TLS1_2});
  Policy policy = small(again);
  ASSERT_TRUE(pair.session.advise(policy));
  EXPECT_EQ(policy.records, Records::LARGE);
  ASSERT_TRUE(again.shake_hands(policy));
  again.server.write(down);
  again.pump();
  EXPECT_EQ(again.received, down);
}

TEST(SmallRecords, stay_small_with_a_server_that_obliges) {
  const std::string down(40'000, 'x');
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2, .obeys_max_fragment_length = true});
  ASSERT_TRUE(pair.shake_hands(small(pair)));
  pair.server.write(down);
  pair.pump();
  EXPECT_EQ(pair.received, down);
}

TEST(LargeRecords, do_not_ask_again) {
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2});
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  std::string record("\x17\x03\x03\x11\x00", 5);
  record += std::string(0x1100, 'x');
  pair.pending = record;
  pair.pump();
  EXPECT_EQ(pair.error, Error::AUTH_FAILED) << "read whole, and then found to be a forgery";
  Policy policy = pair.policy();
  EXPECT_FALSE(pair.session.advise(policy));
}

TEST(SmallRecords, need_tls_1_2) {
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_3});
  EXPECT_FALSE(pair.shake_hands(small(pair)));
  EXPECT_EQ(pair.session.state(), State::FAILED);
  EXPECT_EQ(pair.error, Error::REJECTED);
  Pair again({.version = MBEDTLS_SSL_VERSION_TLS1_3});
  Policy policy = small(again);
  ASSERT_TRUE(pair.session.advise(policy));
  EXPECT_TRUE(again.shake_hands(policy));
}

class Memory : public ::testing::TestWithParam<mbedtls_ssl_protocol_version> {};
INSTANTIATE_TEST_SUITE_P(Versions, Memory, ::testing::Values(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3));

/// A session that is fed a server's recorded bytes, so that only the client allocates.
class Replay {
 public:
  explicit Replay(const std::string &transcript) : transcript_(transcript) { EXPECT_TRUE(this->anchors_.add(ROOT)); }

  Error run() {
    SeededRandom random(1);
    Policy policy;
    policy.host = "relay.example";
    policy.anchors = &this->anchors_;
    policy.wall_time = YEAR_2030;
    Error error = this->session.start(policy, random);
    ByteView in = as_bytes(this->transcript_);
    ByteView none;
    Bytes<4096> out;
    Bytes<64> plain;
    for (int round = 0; round != 6 && error == Error::NONE; round++) {
      (void) this->session.write(none, out);
      const auto n = this->session.read(in, plain);
      error = n ? Error::NONE : n.error();
    }
    return error;
  }

  Session session;

 private:
  PemAnchors anchors_;
  const std::string &transcript_;
};

TEST_P(Memory, may_be_short_at_any_point) {
  std::string transcript;
  {
    Pair pair({.version = this->GetParam()});
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    transcript = pair.transcript;
  }
  Replay replay(transcript);
  const size_t before = memory_use().current;
  reset_peak_memory();
  ASSERT_EQ(replay.run(), Error::NONE);
  ASSERT_EQ(replay.session.state(), State::OPEN);
  replay.session.stop();
  const size_t peak = memory_use().peak;
  size_t failures = 0;
  // Most of it is the record buffers, which start() takes in one go; the handshake allocates above them.
  for (size_t limit = before + 1; limit < peak; limit += limit < before + 30'000 ? 4096 : 61) {
    limit_memory(limit);
    const Error error = replay.run();
    EXPECT_NE(error, Error::NONE) << limit - before;
    EXPECT_NE(replay.session.state(), State::OPEN);
    EXPECT_LE(memory_use().current, limit);
    replay.session.stop();
    EXPECT_EQ(memory_use().current, before) << limit - before;
    failures += error == Error::NO_SPACE ? 1 : 0;
  }
  limit_memory(0);
  EXPECT_GT(failures, 30U);
  EXPECT_EQ(replay.run(), Error::NONE) << "and it works again";
}

TEST(Configuration, is_the_one_that_the_library_was_built_with) {
  EXPECT_EQ(mbedtls_version_check_feature("MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH"), 0);
  EXPECT_EQ(mbedtls_version_check_feature("MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG"), 0);
  EXPECT_EQ(mbedtls_version_check_feature("MBEDTLS_PLATFORM_MEMORY"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_SSL_SESSION_TICKETS"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_PSA_KEY_STORE_DYNAMIC"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_HAVE_TIME"), 0);
}

}  // namespace

}  // namespace microlink::tls::testing
