// SPDX-License-Identifier: MIT
#include "microlink/tls/session.h"

#include <gtest/gtest.h>

#include "microlink/tls/memory.h"
#include "tests/tls/pair.h"

namespace microlink::tls::testing {

namespace {

using State = Session::State;

class Sessions : public ::testing::TestWithParam<mbedtls_ssl_protocol_version> {
 protected:
  Server::Options options() const { return {.version = this->GetParam()}; }
};

INSTANTIATE_TEST_SUITE_P(Versions, Sessions, ::testing::Values(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3),
                         [](const auto &each) { return each.param == MBEDTLS_SSL_VERSION_TLS1_2 ? "tls12" : "tls13"; });

std::string text_of(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i != size; i++)
    out[i] = static_cast<char>(i * 7 + i / 251);
  return out;
}

TEST_P(Sessions, carries_bytes_both_ways) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  EXPECT_STREQ(pair.session.version(), this->GetParam() == MBEDTLS_SSL_VERSION_TLS1_2 ? "TLSv1.2" : "TLSv1.3");
  EXPECT_EQ(pair.server.server_name(), "relay.example");
  pair.server.write("from the server");
  pair.pump("from the client");
  EXPECT_EQ(pair.received, "from the server");
  EXPECT_EQ(pair.server.received, "from the client");
}

TEST_P(Sessions, carries_the_same_bytes_in_any_pieces) {
  const std::string down = text_of(40'000);
  const std::string up = text_of(20'000);
  for (uint32_t seed = 1; seed != 12; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    Pair pair(this->options());
    pair.cut = [&] { return seed == 1 ? size_t{1} : size_t{1} + engine() % (seed * seed * 20); };
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    pair.server.write(down);
    pair.pump(up);
    EXPECT_EQ(pair.received, down);
    EXPECT_EQ(pair.server.received, up);
  }
}

TEST_P(Sessions, survives_records_of_16_kib) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  const std::string down = text_of(3 * Session::MAX_RECORD_BYTES);
  pair.server.write(down);
  pair.pump();
  EXPECT_EQ(pair.received, down);
  EXPECT_EQ(pair.session.state(), State::OPEN);
}

TEST_P(Sessions, delivers_what_came_before_a_goodbye_and_then_says_closed) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  pair.server.write("last words");
  pair.server.say_goodbye();
  pair.pump();
  EXPECT_EQ(pair.received, "last words");
  EXPECT_EQ(pair.error, Error::CLOSED);
  EXPECT_EQ(pair.session.state(), State::CLOSED);
  EXPECT_STREQ(pair.session.failure_text(), "");
  EXPECT_EQ(pair.server.error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) << "it answers with a goodbye of its own";
}

TEST_P(Sessions, says_goodbye) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  pair.session.close();
  EXPECT_EQ(pair.session.state(), State::CLOSED);
  pair.pump();
  EXPECT_EQ(pair.server.error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
  ByteView none;
  EXPECT_EQ(pair.session.write(none, {}).error(), Error::CLOSED);
}

TEST_P(Sessions, says_goodbye_after_the_data_that_was_on_its_way) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  const std::string up = text_of(3000);
  ByteView plain = as_bytes(up);
  Bytes<100> out;
  auto n = pair.session.write(plain, out);
  ASSERT_TRUE(n);
  EXPECT_EQ(*n, 100U);
  EXPECT_TRUE(plain.empty());
  pair.session.close();
  while (n && *n != 0) {
    pair.server.handle(std::string(as_text(ByteView(out).first(*n))));
    n = pair.session.write(plain, out);
  }
  EXPECT_EQ(pair.server.received, up);
  EXPECT_EQ(pair.server.error, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
}

TEST_P(Sessions, does_not_take_plaintext_before_it_is_open) {
  Pair pair(this->options());
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  ByteView plain = as_bytes("too early");
  Bytes<2048> out;
  ASSERT_TRUE(pair.session.write(plain, out));
  EXPECT_EQ(plain.size(), 9U);
  EXPECT_EQ(pair.session.state(), State::HANDSHAKING);
}

TEST_P(Sessions, refuses_a_record_that_was_tampered_with) {
  for (const size_t offset : {size_t{5}, size_t{12}, size_t{30}}) {
    SCOPED_TRACE(offset);
    Pair pair(this->options());
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    pair.server.write("a message of some length that is not touched by the flip");
    std::string record = pair.server.take();
    record[offset] = static_cast<char>(record[offset] ^ 1);
    pair.pending = record;
    pair.pump();
    EXPECT_EQ(pair.error, Error::AUTH_FAILED);
    EXPECT_EQ(pair.session.state(), State::FAILED);
    EXPECT_EQ(pair.received, "");
    EXPECT_EQ(pair.server.error, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) << "the server is told";
  }
}

TEST_P(Sessions, refuses_a_replayed_record) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  pair.server.write("once");
  const std::string record = pair.server.take();
  pair.pending = record + record;
  pair.pump();
  EXPECT_EQ(pair.received, "once");
  EXPECT_EQ(pair.error, Error::AUTH_FAILED);
}

TEST_P(Sessions, never_opens_when_a_byte_of_the_handshake_is_flipped) {
  std::string transcript;
  {
    Pair pair(this->options());
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    transcript = pair.transcript;
  }
  size_t opened = 0;
  for (size_t at = 0; at < transcript.size(); at += 3) {
    Pair pair(this->options());
    ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
    // The session's randomness is seeded, so the same server bytes fit again, but for the flip.
    pair.pending = transcript;
    pair.pending[at] = static_cast<char>(pair.pending[at] ^ 0x41);
    const std::string flipped = pair.pending;
    Bytes<4096> out;
    Bytes<64> plain;
    ByteView in = as_bytes(flipped);
    ByteView none;
    for (int round = 0; round != 8; round++) {
      (void) pair.session.write(none, out);
      (void) pair.session.read(in, plain);
    }
    opened += pair.session.state() == State::OPEN ? 1 : 0;
    if (pair.session.state() == State::OPEN)
      ADD_FAILURE() << "flip at " << at << " of " << transcript.size();
  }
  EXPECT_EQ(opened, 0U);
}

TEST_P(Sessions, waits_for_more_wherever_the_handshake_is_cut) {
  std::string transcript;
  {
    Pair pair(this->options());
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    transcript = pair.transcript;
  }
  Pair whole(this->options());
  for (size_t size = 0; size < transcript.size(); size += 13) {
    Pair pair(this->options());
    ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
    ByteView in = as_bytes(std::string_view(transcript).substr(0, size));
    ByteView none;
    Bytes<4096> out;
    Bytes<64> plain;
    for (int round = 0; round != 6; round++) {
      ASSERT_TRUE(pair.session.write(none, out));
      const auto n = pair.session.read(in, plain);
      ASSERT_TRUE(n);
      EXPECT_EQ(*n, 0U);
    }
    EXPECT_TRUE(in.empty());
    EXPECT_EQ(pair.session.state(), State::HANDSHAKING) << size;
  }
}

TEST_P(Sessions, gives_all_memory_back) {
  PemAnchors anchors;
  ASSERT_EQ(anchors.add(ROOT), Error::NONE);
  {
    Pair pair(this->options());  // PSA's own state comes with the first
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
  }
  const size_t before = memory_use().current;
  {
    Pair pair(this->options());
    ASSERT_TRUE(pair.shake_hands(pair.policy()));
    EXPECT_GT(memory_use().current, before + 3'000);
    reset_peak_memory();
    EXPECT_EQ(memory_use().peak, memory_use().current);
    pair.session.stop();
    EXPECT_EQ(pair.session.state(), State::IDLE);
  }
  EXPECT_EQ(memory_use().current, before);
}

TEST_P(Sessions, can_be_started_again) {
  Pair pair(this->options());
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  Server second(this->options());
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  EXPECT_EQ(pair.session.state(), State::HANDSHAKING);
  EXPECT_STREQ(pair.session.version(), "");
}

TEST(Session, is_deterministic) {
  std::string first;
  for (int i = 0; i != 2; i++) {
    Pair pair({}, 99);
    ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
    Bytes<2048> out;
    ByteView none;
    const auto n = pair.session.write(none, out);
    ASSERT_TRUE(n);
    const std::string hello(as_text(ByteView(out).first(*n)));
    EXPECT_GT(hello.size(), 100U);
    if (i == 0)
      first = hello;
    EXPECT_EQ(hello, first);
  }
}

TEST(Session, offers_no_alpn) {
  Pair pair;
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  Bytes<2048> out;
  ByteView none;
  const auto n = pair.session.write(none, out);
  ASSERT_TRUE(n);
  EXPECT_EQ(as_text(ByteView(out).first(*n)).find("h2"), std::string_view::npos);
  EXPECT_NE(as_text(ByteView(out).first(*n)).find("relay.example"), std::string_view::npos);
}

TEST(Session, refuses_to_renegotiate) {
  Pair pair({.version = MBEDTLS_SSL_VERSION_TLS1_2, .renegotiation = true});
  ASSERT_TRUE(pair.shake_hands(pair.policy()));
  pair.server.ask_to_renegotiate();
  pair.server.write("still here");
  pair.pump("and I");
  EXPECT_EQ(pair.received, "still here");
  EXPECT_EQ(pair.session.state(), State::OPEN);
  EXPECT_EQ(pair.server.error, 0);
  EXPECT_EQ(pair.server.received, "and I");
}

TEST(Session, does_nothing_when_idle) {
  Session session;
  ByteView bytes = as_bytes("x");
  Bytes<16> out;
  EXPECT_EQ(session.read(bytes, out).error(), Error::UNEXPECTED);
  EXPECT_EQ(session.write(bytes, out).error(), Error::UNEXPECTED);
  session.close();
  session.stop();
  EXPECT_EQ(session.state(), State::IDLE);
  EXPECT_EQ(bytes.size(), 1U);
}

TEST(Session, gives_up_on_bytes_that_are_not_tls) {
  Pair pair;
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  pair.pending = "HTTP/1.1 400 Bad Request\r\n\r\n";
  pair.pump();
  EXPECT_EQ(pair.error, Error::MALFORMED);
  EXPECT_EQ(pair.session.state(), State::FAILED);
  EXPECT_STREQ(pair.session.failure_text(), "handshake failed");
}

TEST(Session, tells_a_refusal) {
  Pair pair;
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  pair.pending = std::string("\x15\x03\x03\x00\x02\x02\x28", 7);  // fatal handshake_failure
  pair.pump();
  EXPECT_EQ(pair.error, Error::REJECTED);
  EXPECT_STREQ(pair.session.failure_text(), "refused by the server");
}

TEST(Session, fails_when_the_server_says_goodbye_in_the_handshake) {
  Pair pair;
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  pair.pending = std::string("\x15\x03\x03\x00\x02\x01\x00", 7);
  pair.pump();
  EXPECT_EQ(pair.error, Error::CLOSED);
  EXPECT_EQ(pair.session.state(), State::FAILED);
}

TEST(Session, stays_finished_with_the_same_error) {
  Pair pair;
  ASSERT_EQ(pair.start(pair.policy()), Error::NONE);
  pair.pending = "nonsense that is no record";
  pair.pump();
  ByteView in = as_bytes("more");
  Bytes<16> out;
  EXPECT_EQ(pair.session.read(in, out).error(), Error::MALFORMED);
  EXPECT_EQ(pair.session.read(in, out).error(), Error::MALFORMED);
  EXPECT_EQ(pair.session.write(in, out).error(), Error::MALFORMED);
  EXPECT_EQ(in.size(), 4U);
}

}  // namespace

}  // namespace microlink::tls::testing
