// SPDX-License-Identifier: MIT
#include "microlink/port/lwip/socks5.h"

#include <gtest/gtest.h>

#include <random>

namespace microlink::lwip {
namespace {

using namespace std::string_literals;

const std::string GREETING = "\x05\x01\x00"s;
const std::string TO_NAME = "\x05\x01\x00\x03\x06sensor\x00\x50"s;
const std::string TO_V4 = "\x05\x01\x00\x01\x64\x40\x00\x07\x1f\x90"s;
const std::string TO_V6 = "\x05\x01\x00\x04\xfd\x7a\x11\x5c\xa1\xe0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x00\x16"s;

ByteView view(const std::string &text) { return {reinterpret_cast<const uint8_t *>(text.data()), text.size()}; }

/// Feeds at most `piece` bytes at a time; how many it took.
size_t feed(Socks5 &socks, const std::string &bytes, std::string &said, size_t piece = 1000) {
  size_t at = 0;
  while (at != bytes.size() && socks.wants() != 0) {
    const size_t n = std::min({piece, socks.wants(), bytes.size() - at});
    socks.take(view(bytes).subspan(at, n));
    said += socks.take_output();
    at += n;
  }
  return at;
}

TEST(Socks5, names_and_addresses) {
  for (const auto &[request, host, port] : {std::tuple{TO_NAME, "sensor", 80}, std::tuple{TO_V4, "100.64.0.7", 8080},
                                            std::tuple{TO_V6, "fd7a:115c:a1e0::7", 22}}) {
    for (const size_t piece : {1U, 2U, 3U, 1000U}) {
      Socks5 socks;
      std::string said;
      EXPECT_EQ(feed(socks, GREETING + request, said, piece), GREETING.size() + request.size());
      EXPECT_EQ(socks.state(), Socks5::State::READY);
      EXPECT_EQ(said, "\x05\x00"s);
      EXPECT_EQ(socks.host(), host);
      EXPECT_EQ(socks.port(), port);
    }
  }
}

TEST(Socks5, leaves_alone_what_follows) {
  Socks5 socks;
  std::string said;
  EXPECT_EQ(feed(socks, GREETING + TO_NAME + "GET / HTTP/1.1", said), GREETING.size() + TO_NAME.size());
  socks.take(view("more"));
  EXPECT_EQ(socks.host(), "sensor");
}

TEST(Socks5, is_not_ready_before_the_last_byte) {
  const std::string all = GREETING + TO_V6;
  for (size_t n = 0; n != all.size(); n++) {
    Socks5 socks;
    std::string said;
    feed(socks, all.substr(0, n), said);
    EXPECT_NE(socks.wants(), 0U) << n;
    EXPECT_TRUE(socks.state() == Socks5::State::GREETING || socks.state() == Socks5::State::REQUEST) << n;
  }
}

TEST(Socks5, refuses) {
  const std::pair<std::string, std::string> cases[] = {
      {"\x04\x01\x00\x50"s, ""s},                                                     // SOCKS 4
      {"\x05\x01\x02"s, "\x05\xff"s},                                                 // passwords only
      {"\x05\x00"s, "\x05\xff"s},                                                     // no method at all
      {GREETING + "\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50"s, "\x05\x00\x05\x07"s},  // BIND
      {GREETING + "\x05\x03\x00\x01\x01\x02\x03\x04\x00\x50"s, "\x05\x00\x05\x07"s},  // UDP ASSOCIATE
      {GREETING + "\x05\x01\x00\x02\x01"s, "\x05\x00\x05\x08"s},                      // no such address type
      {GREETING + "\x05\x01\x00\x03\x00\x00\x50"s, "\x05\x00\x05\x04"s},              // a name of no letters
      {GREETING + "\x05\x01\x00\x03\x03"
                  "a\nb\x00\x50"s,
       "\x05\x00\x05\x04"s},                                                          // no name
      {GREETING + "\x05\x01\x00\x01\x01\x02\x03\x04\x00\x00"s, "\x05\x00\x05\x04"s},  // port 0
  };
  for (const auto &[bytes, answer] : cases) {
    Socks5 socks;
    std::string said;
    feed(socks, bytes, said);
    EXPECT_EQ(socks.state(), Socks5::State::REFUSED);
    EXPECT_EQ(said.substr(0, answer.size()), answer);
    EXPECT_EQ(socks.wants(), 0U);
  }
}

TEST(Socks5, any_split_gives_the_same) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i != 20'000; i++) {
    std::string bytes = GREETING + (i % 3 == 0 ? TO_V4 : i % 3 == 1 ? TO_V6 : TO_NAME);
    for (unsigned flips = random() % 4; flips != 0; flips--)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    Socks5 whole;
    Socks5 pieces;
    std::string said_whole;
    std::string said_pieces;
    const size_t taken_whole = feed(whole, bytes, said_whole);
    const size_t taken_pieces = feed(pieces, bytes, said_pieces, 1 + random() % 5);
    EXPECT_EQ(whole.state(), pieces.state());
    if (whole.state() == Socks5::State::READY) {
      EXPECT_EQ(taken_whole, taken_pieces);
    }
    EXPECT_EQ(whole.host(), pieces.host());
    EXPECT_EQ(said_whole, said_pieces);
  }
}

}  // namespace
}  // namespace microlink::lwip
