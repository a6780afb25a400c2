// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdio>

#include "microlink/tls/memory.h"
#include "tests/tls/pair.h"

namespace microlink::tls::testing {

namespace {

using State = Session::State;

/// What the session holds at this moment; it is gone afterwards.
size_t size_of(Session &session) {
  const size_t with = memory_use().current;
  session.stop();
  return with - memory_use().current;
}

class Records : public ::testing::TestWithParam<mbedtls_ssl_protocol_version> {};
INSTANTIATE_TEST_SUITE_P(Versions, Records, ::testing::Values(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3));

TEST_P(Records, of_any_length_pass_in_any_pieces) {
  for (const size_t piece : {1U, 4U, 5U, 6U, 1400U, 40'000U}) {
    Pair pair({.version = this->GetParam()});
    pair.cut = [piece] { return piece; };
    ASSERT_TRUE(pair.shake_hands(pair.policy())) << piece;
    std::string sent;
    for (const size_t size : {1U, 100U, 4096U, 4097U, 5000U, 16'384U, 2U, 16'384U, 16'384U, 3U}) {
      const std::string record(size, static_cast<char>('a' + size % 26));
      pair.server.write(record);
      sent += record;
    }
    pair.pump(std::string(50'000, 'y'));
    EXPECT_EQ(pair.received, sent) << piece;
    EXPECT_EQ(pair.server.received, std::string(50'000, 'y')) << piece;
    pair.server.write("one more");
    pair.pump("and one back");
    EXPECT_EQ(pair.received, sent + "one more");
  }
}

TEST_P(Records, take_memory_only_while_they_are_under_way) {
  Pair pair({.version = this->GetParam()});
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  const size_t before = memory_use().current;
  pair.server.write(std::string(16'384, 'x'));
  const std::string record = pair.server.take();
  const size_t after = memory_use().current;  // of the server too
  ByteView first = as_bytes(record).first(record.size() / 2);
  Bytes<1000> plain;
  ASSERT_EQ(pair.session.read(first, plain).value_or(1), 0U);
  EXPECT_GE(memory_use().current, after + 16'300);
  EXPECT_LE(memory_use().current, after + 16'384 + 100);
  ByteView second = as_bytes(record).subspan(record.size() / 2);
  size_t received = 0;
  while (const size_t n = pair.session.read(second, plain).value_or(0))
    received += n;
  EXPECT_EQ(received, 16'384U);
  EXPECT_EQ(memory_use().current, after);
  EXPECT_EQ(after, before);
  const size_t resting = size_of(pair.session);
  std::printf("a session at rest: %zu bytes\n", resting);
  EXPECT_LE(resting, 9'000U);
}

TEST_P(Records, that_are_sent_take_memory_until_they_left) {
  Pair pair({.version = this->GetParam()});
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  const size_t before = memory_use().current;
  const std::string text(1'000, 'x');
  ByteView plain = as_bytes(text);
  Bytes<600> out;
  ASSERT_EQ(pair.session.write(plain, out).value_or(0), out.size());
  EXPECT_TRUE(plain.empty());
  EXPECT_GE(memory_use().current, before + 900);
  pair.server.handle(std::string(as_text(out)));
  pair.pump();
  EXPECT_EQ(pair.server.received, text);
  EXPECT_EQ(memory_use().current, before);
}

/// Handshake records as they are not yet encrypted, cut into records of `most` bytes.
std::string in_fragments(const std::string &flight, size_t most) {
  std::string out;
  for (size_t at = 0; at + 5 <= flight.size();) {
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(flight[at + 3])) << 8 | static_cast<uint8_t>(flight[at + 4]);
    const std::string payload = flight.substr(at + 5, size);
    constexpr char HANDSHAKE = 22;
    const size_t step = flight[at] == HANDSHAKE ? most : payload.size();
    for (size_t i = 0; i < payload.size(); i += step) {
      const std::string part = payload.substr(i, step);
      out += flight.substr(at, 3) + static_cast<char>(part.size() >> 8) + static_cast<char>(part.size()) + part;
    }
    at += 5 + size;
  }
  return out;
}

TEST(RecordsOfAHandshake, may_hold_parts_of_messages) {
  for (const size_t most : {16U, 100U, 700U}) {
    Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2});
    ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
    Bytes<1400> out;
    ByteView none;
    const size_t hello = pair.session.write(none, out).value_or(0);
    pair.server.handle(std::string(as_text(out).substr(0, hello)));
    pair.pending = in_fragments(pair.server.take(), most);
    pair.pump();
    EXPECT_EQ(pair.session.state(), State::OPEN) << most;
    pair.server.write("hello");
    pair.pump();
    EXPECT_EQ(pair.received, "hello") << most;
  }
}

TEST_P(Records, that_cannot_be_end_the_session_and_take_no_memory) {
  for (const uint16_t length : {uint16_t{16'384 + 1'000}, uint16_t{16'384 + 2'049}, uint16_t{0xFFFF}}) {
    Pair pair({.version = this->GetParam()});
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    reset_peak_memory();
    const size_t before = memory_use().current;
    pair.pending = std::string("\x17\x03\x03", 3) + static_cast<char>(length >> 8) + static_cast<char>(length);
    pair.pending += std::string(30'000, 'x');
    pair.pump();
    EXPECT_EQ(pair.session.state(), State::FAILED);
    EXPECT_LE(memory_use().peak, before + 20'000);
    Policy policy = pair.policy();
    EXPECT_FALSE(pair.session.advise(policy));
  }
}

TEST_P(Records, without_memory_for_one_end_the_session) {
  Pair pair({.version = this->GetParam()});
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  pair.server.write(std::string(10'000, 'x'));
  limit_memory(memory_use().current + 9'000);
  pair.pump();
  limit_memory(0);
  EXPECT_EQ(pair.error, Error::NO_SPACE);
  EXPECT_STREQ(pair.session.failure_text(), "out of memory");
}

class Memory : public ::testing::TestWithParam<mbedtls_ssl_protocol_version> {};
INSTANTIATE_TEST_SUITE_P(Versions, Memory, ::testing::Values(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3));

/// A session that is fed a server's recorded bytes, so that only the client allocates.
class Replay {
 public:
  explicit Replay(const std::string &transcript) : transcript_(transcript) {
    EXPECT_EQ(this->anchors_.add(ROOT), Error::NONE);
  }

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
  for (size_t limit = before + 1; limit < peak; limit += 127) {
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
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH"), 0);
  EXPECT_EQ(mbedtls_version_check_feature("MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG"), 0);
  EXPECT_EQ(mbedtls_version_check_feature("MBEDTLS_PLATFORM_MEMORY"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_SSL_SESSION_TICKETS"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_PSA_KEY_STORE_DYNAMIC"), 0);
  EXPECT_NE(mbedtls_version_check_feature("MBEDTLS_HAVE_TIME"), 0);
}

}  // namespace

}  // namespace microlink::tls::testing
