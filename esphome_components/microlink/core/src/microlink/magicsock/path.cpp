// SPDX-License-Identifier: MIT
#include "microlink/magicsock/path.h"

namespace microlink::magicsock {

namespace {

constexpr int64_t LOOPBACK_BONUS = 50;
constexpr int64_t LINK_LOCAL_BONUS = 30;
constexpr int64_t PRIVATE_BONUS = 20;
constexpr int64_t IPV6_BONUS = 10;

int64_t bonus(const IpAddress &address) {
  int64_t points = address.is_v6() ? IPV6_BONUS : 0;
  if (address.is_loopback())
    points += LOOPBACK_BONUS;
  else if (address.is_link_local())
    points += LINK_LOCAL_BONUS;
  else if (address.is_private())
    points += PRIVATE_BONUS;
  return points;
}

}  // namespace

bool is_better(const Path &a, const Path &b) {
  if (!a.is_set() || a.endpoint == b.endpoint)
    return false;
  if (!b.is_set())
    return true;
  const int64_t a_latency = to_microseconds(a.latency);
  const int64_t b_latency = to_microseconds(b.latency);
  int64_t a_points = 0;
  int64_t b_points = 0;
  if (a_latency > b_latency)
    b_points = 100 - b_latency * 100 / a_latency;
  else if (b_latency > 0)
    a_points = 100 - a_latency * 100 / b_latency;
  a_points += bonus(a.endpoint.address);
  b_points += bonus(b.endpoint.address);
  // One per cent alone is noise.
  if (a_points <= 1 && b_points == 0)
    return false;
  return a_points > b_points;
}

bool is_worth_switching(const Path &candidate, const Path &current) {
  const Duration handicapped = candidate.latency + candidate.latency / 8 + microseconds(500);
  return is_better({candidate.endpoint, handicapped}, current);
}

}  // namespace microlink::magicsock
