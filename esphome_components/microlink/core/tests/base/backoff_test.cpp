// SPDX-License-Identifier: MIT
#include "microlink/base/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/seeded_random.h"

namespace microlink {
namespace {

using testing::SeededRandom;

struct Bounds {
  Duration first, most;
  Duration official_most;
};
constexpr Bounds CONTROL{milliseconds(200), seconds(40), seconds(30)};
constexpr Bounds RELAY{milliseconds(150), seconds(6), seconds(5)};

struct Constant final : Random {
  explicit Constant(uint8_t byte) : value(byte) {}
  void fill(ByteSpan out) override { std::fill(out.begin(), out.end(), this->value); }
  uint8_t value;
};

/// How long after the end of an outage a node tried again, and how often it had tried in vain.
struct Return {
  int64_t late_ms;
  int attempts;
};

Return ours(Random &random, Duration outage, const Bounds &bounds) {
  Backoff backoff(bounds.first, bounds.most);
  Return out{};
  Duration at{};
  for (; at < outage; out.attempts++)
    at = at + backoff.next(random);
  out.late_ms = to_milliseconds(at) - to_milliseconds(outage);
  return out;
}

/// The n-th pause is n * n * 10 ms, half of that less or more.
Return official(Random &random, Duration outage, const Bounds &bounds) {
  Return out{};
  int64_t at = 0;
  for (; at < to_milliseconds(outage); out.attempts++) {
    const int64_t n = out.attempts + 1;
    const auto mean = std::min(n * n * 10, to_milliseconds(bounds.official_most));
    at += mean / 2 + random.below(static_cast<uint32_t>(mean));
  }
  out.late_ms = at - to_milliseconds(outage);
  return out;
}

/// Of many returns: the middle, the 90th of a hundred, and the attempts of all.
struct Summary {
  int64_t late_ms, late_p90_ms;
  int attempts;
};

template<typename Node> Summary summary(Duration outage, const Bounds &bounds, Node node) {
  constexpr size_t NODES = 2'000;
  SeededRandom random;
  std::vector<int64_t> late;
  Summary out{};
  for (size_t i = 0; i != NODES; i++) {
    const Return back = node(random, outage, bounds);
    late.push_back(back.late_ms);
    out.attempts += back.attempts;
  }
  std::sort(late.begin(), late.end());
  out.late_ms = late[NODES / 2];
  out.late_p90_ms = late[NODES * 9 / 10];
  return out;
}

TEST(Backoff, grows_with_the_square_to_its_cap_and_never_pauses_for_less_than_half) {
  Constant least(0);
  Constant greatest(255);
  Backoff low(seconds(1), seconds(3));
  Backoff high(seconds(1), seconds(3));
  for (const int64_t ceiling : {1000, 1440, 1960, 2560, 3000, 3000, 3000}) {
    EXPECT_EQ(to_milliseconds(low.next(least)), ceiling / 2);
    EXPECT_EQ(to_milliseconds(high.next(greatest)), ceiling);
  }
  low.reset();
  EXPECT_EQ(to_milliseconds(low.next(least)), 500);
  Backoff steep(seconds(1), seconds(60), 2);
  for (const int64_t ceiling : {1000, 2250, 4000, 6250, 9000})
    EXPECT_EQ(to_milliseconds(steep.next(greatest)), ceiling);
}

TEST(Backoff, reaches_an_hour_from_a_millisecond) {
  Constant greatest(255);
  Backoff backoff(milliseconds(1), seconds(3600), 30);
  int64_t before = 0;
  for (int i = 0; i != 60'000; i++) {
    const int64_t pause = to_milliseconds(backoff.next(greatest));
    ASSERT_GE(pause, before) << i;
    before = pause;
  }
  EXPECT_EQ(before, 3'600'000);
}

TEST(Backoff, comes_back_as_soon_as_the_official_client_and_asks_not_much_more_often) {
  for (const int outage_s : {1, 2, 5, 10, 30, 60, 300, 1800}) {
    for (const Bounds &bounds : {CONTROL, RELAY}) {
      const Summary we = summary(seconds(outage_s), bounds, ours);
      const Summary they = summary(seconds(outage_s), bounds, official);
      EXPECT_LE(we.late_ms, they.late_ms * 101 / 100) << outage_s << " s";
      EXPECT_LE(we.late_p90_ms, they.late_p90_ms * 95 / 100) << outage_s << " s";
      EXPECT_LE(we.attempts, they.attempts * 120 / 100) << outage_s << " s";
    }
  }
}

TEST(Backoff, brings_a_fleet_back_little_by_little) {
  constexpr size_t NODES = 1'000;
  struct Expected {
    int outage_s;
    size_t a_second;
  };
  for (const auto &[outage_s, a_second] : {Expected{5, 1'000}, Expected{60, 200}, Expected{300, 70}}) {
    SeededRandom random;
    std::vector<size_t> each_100_ms(400);
    for (size_t i = 0; i != NODES; i++)
      each_100_ms.at(static_cast<size_t>(ours(random, seconds(outage_s), CONTROL).late_ms) / 100)++;
    // With what chance does to a tenth of a second.
    EXPECT_LE(*std::max_element(each_100_ms.begin(), each_100_ms.end()), a_second / 10 * 3 / 2 + 6) << outage_s << " s";
  }
}

}  // namespace
}  // namespace microlink
