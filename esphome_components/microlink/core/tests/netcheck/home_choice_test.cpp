// SPDX-License-Identifier: MIT
#include "microlink/netcheck/home_choice.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

#include "tests/support/vectors.h"

namespace microlink::netcheck {
namespace {

using microlink::testing::load_vectors;

TEST(ChooseHome, agrees_with_the_vectors) {
  const auto cases = load_vectors("paths.json")["home_derp_hysteresis"];
  for (size_t i = 0; i != cases.size(); i++) {
    const auto previous = static_cast<uint16_t>(cases[i]["previous"].integer());
    const auto best = static_cast<uint16_t>(cases[i]["best"].integer());
    const auto latencies = cases[i]["latency_ms"];
    std::optional<Duration> previous_latency;
    if (latencies.has(std::to_string(previous).c_str()))
      previous_latency = milliseconds(latencies[std::to_string(previous).c_str()].integer());
    const RegionLatency winner{best, milliseconds(latencies[std::to_string(best).c_str()].integer())};
    EXPECT_EQ(choose_home(previous, previous_latency, false, winner), cases[i]["expect"].integer()) << i;
  }
}

TEST(ChooseHome, stays_where_the_relay_still_talks) {
  EXPECT_EQ(choose_home(1, std::nullopt, true, {2, milliseconds(5)}), 1);
  EXPECT_EQ(choose_home(1, std::nullopt, false, {2, milliseconds(5)}), 2);
  EXPECT_EQ(choose_home(1, milliseconds(500), true, {}), 1);
  EXPECT_EQ(choose_home(0, std::nullopt, false, {}), 0);
}

TEST(LatencyHistory, knows_the_lowest_of_the_last_five_minutes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  LatencyHistory history;
  std::deque<std::pair<Instant, Duration>> naive;
  Instant now{0};
  size_t exact = 0;
  constexpr size_t ROUNDS = 5000;
  for (size_t i = 0; i != ROUNDS; i++) {
    now = now + seconds(20 + random() % 7);
    const Duration latency = milliseconds(10 + random() % 50);
    history.add(now, latency);
    naive.emplace_back(now, latency);
    std::erase_if(naive, [&](const auto &sample) { return now - sample.first >= LatencyHistory::MEMORY; });
    Duration lowest = naive.front().second;
    for (const auto &sample : naive)
      lowest = std::min(lowest, sample.second);
    ASSERT_TRUE(history.best(now));
    ASSERT_GE(*history.best(now), lowest);
    exact += *history.best(now) == lowest ? 1 : 0;
  }
  // Only more than six ever slower samples in a row make it forget one.
  EXPECT_GT(exact, ROUNDS * 98 / 100);
  EXPECT_FALSE(history.best(now + LatencyHistory::MEMORY));
}

}  // namespace
}  // namespace microlink::netcheck
