// SPDX-License-Identifier: MIT
/// How often a node on a chip wakes up when nothing happens. With MICROLINK_IDLE_SECONDS it is measured for so long,
/// after it has come to rest for as long (script/bench idle).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/port/esp_idf/harbour.h"
#include "tests/port/esp_idf/peer.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

constexpr double MOST_A_MINUTE = 12;
/// For five minutes after its last packet a relayed session is kept alive, by both ends.
constexpr double MOST_RELAYED_A_MINUTE = 40;
constexpr unsigned STRETCH_MS = 2000;
constexpr unsigned STRETCHES = 15;  ///< until it has come to rest

enum class Session : uint8_t { NONE, DIRECT, RELAYED };

class ChipIdle : public OnLwip, public ::testing::WithParamInterface<Session> {
 protected:
  static Config config_of(size_t node) {
    Config out;
    out.control_url.assign(Harbour::control_url(node));
    out.hostname.assign("node-" + std::to_string(node + 1));
    out.allow_plain_http = true;
    out.relay_only = GetParam() == Session::RELAYED;
    out.ca_certificates = relay_ca();
    return out;
  }
};

std::string name_of(Session session) {
  return session == Session::NONE ? "no session" : session == Session::DIRECT ? "direct" : "relayed";
}

/// Whether there comes a stretch of time in which it wakes up once at most. Not so with anything that polls, even once
/// a second.
bool comes_to_rest(const Peer &peer) {
  for (unsigned i = 0; i != STRETCHES; i++) {
    const uint32_t before = peer.wakes();
    sys_msleep(STRETCH_MS);
    if (peer.wakes() - before <= 1)
      return true;
  }
  return false;
}

TEST_P(ChipIdle, node_sleeps) {
  const char *const asked = std::getenv("MICROLINK_IDLE_SECONDS");
  const unsigned time = asked != nullptr ? static_cast<unsigned>(std::strtoul(asked, nullptr, 10)) : 0;
  const Harbour harbour;
  const Peer first(config_of(0));
  const Peer second(config_of(1));
  ASSERT_TRUE(wait_until([&] { return harbour.streaming() == 2 && harbour.relayed() == 2; }));
  ASSERT_TRUE(GetParam() == Session::NONE || wait_until([] { return ping(FIRST_V4, SECOND_V4); }));
  if (time == 0) {
    EXPECT_TRUE(comes_to_rest(first));
    return;
  }
  sys_msleep(time * 1000);
  const uint32_t before = first.wakes();
  sys_msleep(time * 1000);
  const uint32_t wakes = first.wakes() - before;
  const double a_minute = wakes * 60.0 / time;
  EXPECT_LE(a_minute, GetParam() == Session::RELAYED ? MOST_RELAYED_A_MINUTE : MOST_A_MINUTE);
  std::printf("idle: %s: %.2f\n", name_of(GetParam()).c_str(), a_minute);
}

INSTANTIATE_TEST_SUITE_P(With, ChipIdle, ::testing::Values(Session::NONE, Session::DIRECT, Session::RELAYED),
                         [](const auto &info) {
                           std::string out = name_of(info.param);
                           std::replace(out.begin(), out.end(), ' ', '_');
                           return out;
                         });

}  // namespace
}  // namespace microlink::chip_test
