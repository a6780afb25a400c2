// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/memory/stack.h"
#include "tests/memory/world.h"

namespace microlink::testing {

namespace {

/// From an empty storage to traffic: key, handshake, registration, map, DISCO, WireGuard. Relays, which would bring TLS
/// with them, cannot be reached. A 32-bit build needs less.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t JOIN_BUDGET_BYTES = 24 * 1024;  // with zones around every local
#else
constexpr size_t JOIN_BUDGET_BYTES = 6 * 1024;
#endif

TEST(Stack, of_a_join_without_tls) {
  PaintedStack stack;
  World world;
  world.has_relay = false;
  world.stack = &stack;
  for (const auto &node : world.nodes)
    node->start();
  world.run_for(seconds(2));
  std::printf("stack, to the registration: %zu bytes\n", stack.deepest());
  world.send_maps(40);
  world.run_for(seconds(5));
  std::printf("stack, with the map: %zu bytes\n", stack.deepest());
  for (int i = 0; i != 10; i++) {
    world.nodes[0]->send(udp_packet(0, 1, 1280));
    world.nodes[1]->send(udp_packet(1, 0, 100));
    world.run_for(seconds(1));
  }
  std::printf("stack, with traffic: %zu bytes\n", stack.deepest());
  EXPECT_GT(world.nodes[0]->received.size(), 3U);
  EXPECT_GT(world.nodes[1]->received.size(), 3U);
  EXPECT_GT(stack.deepest(), 1000U);
  EXPECT_LE(stack.deepest(), JOIN_BUDGET_BYTES);
}

TEST(Stack, is_measured) {
  PaintedStack stack;
  stack.run([] {});
  const size_t little = stack.deepest();
  stack.run([] {
    volatile unsigned char room[10'000];
    for (size_t i = 0; i != sizeof(room); i++)
      room[i] = 1;
  });
  EXPECT_GE(stack.deepest(), 10'000U);
  stack.forget();
  stack.run([] {});
  EXPECT_LE(stack.deepest(), little);
}

}  // namespace

}  // namespace microlink::testing
