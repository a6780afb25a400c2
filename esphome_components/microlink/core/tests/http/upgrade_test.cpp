// SPDX-License-Identifier: MIT
#include "microlink/http/upgrade.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace microlink::http {
namespace {

const std::string SWITCHED =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n";

UpgradeResponse feed(const std::string &text, size_t &used, size_t chunk = SIZE_MAX) {
  UpgradeResponse response("tailscale-control-protocol");
  used = 0;
  while (used != text.size()) {
    const std::string_view piece = std::string_view(text).substr(used, chunk);
    const size_t n = response.handle_bytes(as_bytes(piece));
    used += n;
    if (n != piece.size())
      break;
  }
  return response;
}

UpgradeResponse::State state_of(const std::string &text) {
  size_t used;
  return feed(text, used).state();
}

TEST(Upgrade, leaves_what_follows_the_head) {
  for (const size_t chunk : {size_t{1}, size_t{2}, size_t{7}, SIZE_MAX}) {
    size_t used;
    EXPECT_EQ(feed(SWITCHED + "\r\n\x02rest", used, chunk).state(), UpgradeResponse::State::UPGRADED);
    EXPECT_EQ(used, SWITCHED.size()) << chunk;
  }
}

TEST(Upgrade, waits_at_every_truncation) {
  for (size_t n = 0; n != SWITCHED.size(); n++)
    EXPECT_EQ(state_of(SWITCHED.substr(0, n)), UpgradeResponse::State::HEAD) << n;
}

TEST(Upgrade, compares_names_without_case_and_accepts_bare_line_feeds) {
  EXPECT_EQ(state_of("HTTP/1.1 101\nUPGRADE:Tailscale-Control-Protocol \n\n"), UpgradeResponse::State::UPGRADED);
}

TEST(Upgrade, refuses_other_protocols_and_statuses) {
  EXPECT_EQ(state_of("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"), UpgradeResponse::State::REFUSED);
  EXPECT_EQ(state_of("HTTP/1.1 101 X\r\n\r\n"), UpgradeResponse::State::REFUSED);
  EXPECT_EQ(state_of("HTTP/1.1 101 X\r\nUpgrade: tailscale-control-protocol" + std::string(200, 'x') + "\r\n\r\n"),
            UpgradeResponse::State::REFUSED);
  size_t used;
  EXPECT_EQ(feed("HTTP/1.0 502 Bad Gateway\r\nUpgrade: tailscale-control-protocol\r\n\r\n", used).status(), 502);
}

TEST(Upgrade, passes_over_interim_responses) {
  EXPECT_EQ(state_of("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SWITCHED), UpgradeResponse::State::UPGRADED);
}

TEST(Upgrade, refuses_what_is_not_http) {
  for (const char *text :
       {"SSH-2.0-x\r\n", "HTTP/2 101\r\n", "HTTP/1.1 99\r\n", "HTTP/1.1 10x\r\n", "HTTP/1.1 1010\r\n", "\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nname : x\r\n",
        "HTTP/1.1 200 OK\r\n: x\r\n"})
    EXPECT_EQ(state_of(text), UpgradeResponse::State::BAD) << text;
}

TEST(Upgrade, bounds_the_head) {
  EXPECT_EQ(state_of("HTTP/1.1 101 X\r\nA: " + std::string(5000, 'x')), UpgradeResponse::State::BAD);
  std::string many = "HTTP/1.1 103 X\r\n\r\n";
  while (many.size() < 5000)
    many += "HTTP/1.1 103 X\r\n\r\n";
  EXPECT_EQ(state_of(many), UpgradeResponse::State::BAD);
}

TEST(Upgrade, survives_flipped_bytes) {
  for (size_t i = 0; i != SWITCHED.size(); i++) {
    for (int bit = 0; bit != 8; bit++) {
      std::string text = SWITCHED;
      text[i] = static_cast<char>(text[i] ^ (1 << bit));
      size_t used;
      EXPECT_LE(feed(text, used).status(), 599);
    }
  }
}

}  // namespace
}  // namespace microlink::http
