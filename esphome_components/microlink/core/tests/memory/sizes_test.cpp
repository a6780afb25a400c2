// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "microlink/client/core.h"

namespace microlink::testing {

namespace {

void show(const char *what, size_t bytes) { std::printf("%-24s %6zu\n", what, bytes); }

/// The 32-bit numbers of docs/memory.md come from script/memory, which lays 64-bit numbers out as the chips do.
TEST(Sizes, of_the_parts) {
  show("client::Core", sizeof(client::Core));
  show("control::Session", sizeof(control::Session));
  show("client::Relays", sizeof(client::Relays));
  show("wireguard::Tunnel", sizeof(wireguard::Tunnel));
  show("magicsock::Magicsock", sizeof(magicsock::Magicsock));
  show("netmap::Netmap", sizeof(netmap::Netmap));
  show("filter::Filter", sizeof(filter::Filter));
  show("client::Stream", sizeof(client::Stream));
  show("Config", sizeof(Config));
  show("CLIENT_BUDGET_BYTES", CLIENT_BUDGET_BYTES);
  EXPECT_LE(sizeof(client::Core), CLIENT_BUDGET_BYTES + (sizeof(void *) == 4 ? 0 : 4'000));  // pointers of 64 bits
}

}  // namespace

}  // namespace microlink::testing
