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
constexpr uint32_t MOST_IN_A_MOMENT = 20;  ///< one that spins wakes up a thousand times

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

TEST_P(ChipIdle, node_sleeps) {
  const char *const asked = std::getenv("MICROLINK_IDLE_SECONDS");
  const unsigned time = asked != nullptr ? static_cast<unsigned>(std::strtoul(asked, nullptr, 10)) : 0;
  const Harbour harbour;
  const Peer first(config_of(0));
  const Peer second(config_of(1));
  ASSERT_TRUE(wait_until([&] { return harbour.streaming() == 2 && harbour.relayed() == 2; }));
  ASSERT_TRUE(GetParam() == Session::NONE || wait_until([] { return ping(FIRST_V4, SECOND_V4); }));
  sys_msleep(time * 1000);
  const uint32_t before = first.wakes();
  sys_msleep(time != 0 ? time * 1000 : 200);
  const uint32_t wakes = first.wakes() - before;
  if (time == 0) {
    EXPECT_LE(wakes, MOST_IN_A_MOMENT);
    return;
  }
  const double a_minute = wakes * 60.0 / time;
  EXPECT_LE(a_minute, MOST_A_MINUTE);
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
