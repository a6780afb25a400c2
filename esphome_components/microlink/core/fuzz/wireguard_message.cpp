// SPDX-License-Identifier: MIT
/// One datagram from the network to a tunnel with two peers, one of which is being called: nothing that was not sealed
/// for it gets in, and whatever happens the engine settles.
#include <algorithm>
#include <vector>

#include "tests/support/seeded_random.h"
#include "tests/wireguard/keyed_tunnel.h"

namespace {

using namespace microlink;
using namespace microlink::wireguard;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  testing::SeededRandom random;
  NodePrivate self, one, two;
  self.generate(random);
  one.generate(random);
  two.generate(random);
  KeyedTunnel tunnel(random);
  const Instant now{};
  tunnel.set_identity(self);
  tunnel.set_wall_time(now, wall_seconds(1'800'000'000));
  (void) tunnel.add_peer(0, one.public_key());
  (void) tunnel.add_peer(1, two.public_key());
  tunnel.connect(now, 0);  // waits for its hour to be stored
  const auto type = classify({data, size});
  std::vector<uint8_t> message(data, data + size);
  if (type && (*type == MessageType::INITIATION || *type == MessageType::RESPONSE)) {
    CookieJar jar;  // mutations cannot make mac1
    jar.write_macs(now, self.public_key(), message);
  }
  const auto got = tunnel.handle_datagram(now, {IpAddress::v4(192, 0, 2, 1), 7}, message);
  if (got || tunnel.has_session(0) || tunnel.has_session(1))
    __builtin_trap();
  if (!type && got.error() != type.error())
    __builtin_trap();
  std::vector<uint8_t> out(MAX_WIREGUARD_BYTES);
  for (int i = 0; tunnel.poll_event() || tunnel.poll_transmit(now, out); i++) {
    if (i == 100)
      __builtin_trap();
  }
  return 0;
}
