// SPDX-License-Identifier: MIT
/// A WireGuard handshake by itself, both sides, with the shared secret of the static keys known (it is kept for each
/// peer), and one X25519.
#include "bench/rv32/two_ends.h"
#include "microlink/crypto/drbg.h"
#include "microlink/crypto/x25519.h"

namespace {

using namespace microlink;
using namespace microlink::wireguard;
using bench::End;

constexpr Slot SLOT = 0;
constexpr Source FROM{};

/// What `from` has to send goes to `to`; what both of them spent on it.
uint32_t pass_on(Instant now, End &from, End &to, uint32_t &received) {
  alignas(4) static Bytes<MAX_WIREGUARD_BYTES> room;
  uint32_t sent = bench::count([&] { from.serve(now); });
  while (true) {
    std::optional<Tunnel::Transmit> transmit;
    sent += bench::count([&] { transmit = from.tunnel.poll_transmit(now, room); });
    if (!transmit)
      return sent;
    bool taken = false;
    received += bench::count([&] {
      taken = static_cast<bool>(to.tunnel.handle_datagram(now, FROM, ByteSpan(room).first(transmit->bytes.size())));
    });
    bench::require(taken, "handshake");
  }
}

}  // namespace

void bench_handshake() {
  static crypto::Drbg random;
  static const Bytes<32> seed{1, 2, 3};
  random.seed(seed);
  static End a(random), b(random);
  a.meet(b, SLOT);
  b.meet(a, SLOT);
  uint32_t initiator = 0, responder = 0;
  for (int round = 0; round != 2; round++) {  // the first one makes the secret that is kept
    const Instant now = Instant{} + seconds(10 * round);
    initiator = bench::count([&] { a.tunnel.connect(now, SLOT); });
    responder = 0;
    initiator += pass_on(now, a, b, responder);
    responder += pass_on(now, b, a, initiator);
    initiator += pass_on(now, a, b, responder);
  }
  bench::require(a.tunnel.has_session(SLOT) && b.tunnel.has_session(SLOT), "session");
  bench::report("handshake_initiator", initiator);
  bench::report("handshake_responder", responder);
  Secret<32> shared;
  const crypto::PublicKey point = crypto::public_key_of(a.key.secret());
  bool good = false;
  bench::report("x25519", bench::count([&] { good = crypto::x25519(b.key.secret(), point, shared); }));
  bench::require(good, "x25519");
}
