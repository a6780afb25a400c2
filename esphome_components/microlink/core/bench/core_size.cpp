// SPDX-License-Identifier: MIT
// Prints how many bytes the core's state takes, all of it and its largest parts. Nothing is linked: sizes are known to
// the compiler. script/bench builds it as 64-bit and as 32-bit code.
#include <cstdio>

#include "microlink/client/core.h"

int main() {
  using namespace microlink;
  std::printf("static memory of the whole core with %zu peers %zu\n", MAX_PEERS, sizeof(client::Core));
  std::printf("of it the peer table %zu\n", sizeof(netmap::Netmap));
  std::printf("of it the tunnel %zu\n", sizeof(wireguard::Tunnel));
  std::printf("of it the relays %zu\n", sizeof(client::Relays));
  std::printf("of it control %zu\n", sizeof(control::Session));
  return 0;
}
