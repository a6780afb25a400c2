// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/tls/pair.h"

namespace microlink::tls::testing {

namespace {

struct Recording {
  const char *name;
  char flags;  // as fuzz/tls_session.cpp reads them
  Server::Options server;
};

const Recording RECORDINGS[] = {
    {"tls12", 0, {.version = MBEDTLS_SSL_VERSION_TLS1_2}},
    {"tls12-meta", 2, {.extra = META_ED25519, .version = MBEDTLS_SSL_VERSION_TLS1_2}},
    {"tls13", 0, {.version = MBEDTLS_SSL_VERSION_TLS1_3}},
    {"tls13-pinned", 4, {.chain = PINNED, .key = PINNED_KEY, .extra = META, .version = MBEDTLS_SSL_VERSION_TLS1_3}},
    {"tls13-insecure", 8, {.chain = LEAF_EXPIRED, .version = MBEDTLS_SSL_VERSION_TLS1_3}},
};

Policy policy_of(char flags, const Pair &pair) {
  Policy policy = pair.policy();
  policy.versions = (flags & 2) != 0 ? Versions::TLS12 : Versions::TLS12_AND_TLS13;
  policy.cert_name = (flags & 4) != 0 ? PIN : std::string_view();
  policy.insecure_for_tests = (flags & 8) != 0;
  return policy;
}

/// MICROLINK_WRITE_CORPUS=1 makes the recordings anew, after other certificates or another mbedTLS.
void write(const Recording &recording, const std::string &path) {
  Pair pair(recording.server);
  ASSERT_TRUE(pair.shake_hands(policy_of(recording.flags, pair)));
  pair.server.write("hello");
  pair.server.say_goodbye();
  pair.pump();
  std::ofstream(path, std::ios::binary) << recording.flags << '\0' << pair.transcript;
}

// The fuzz target's mutations are worth little unless its inputs get through the handshake.
TEST(Corpus, gets_through_the_handshake) {
  for (const Recording &recording : RECORDINGS) {
    SCOPED_TRACE(recording.name);
    const std::string path = std::string(MICROLINK_CORPUS "/tls_session/") + recording.name;
    if (std::getenv("MICROLINK_WRITE_CORPUS") != nullptr)
      write(recording, path);
    std::ifstream file(path, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    ASSERT_GT(input.size(), 500U);
    ASSERT_EQ(input[0], recording.flags);
    Pair pair(recording.server);
    ASSERT_EQ(pair.start(policy_of(input[0], pair)), Error::NONE);
    ByteView in = as_bytes(std::string_view(input).substr(2));
    Bytes<1500> out;
    std::string received;
    for (int round = 0; round != 8; round++) {
      ByteView none;
      while (const auto n = pair.session.write(none, out)) {
        if (*n == 0)
          break;
      }
      Bytes<100> plain;
      const auto n = pair.session.read(in, plain);
      received += as_text(ByteView(plain).first(n ? *n : 0));
    }
    EXPECT_EQ(received, "hello");
    EXPECT_EQ(pair.session.state(), Session::State::CLOSED);
  }
}

}  // namespace

}  // namespace microlink::tls::testing
