// SPDX-License-Identifier: MIT
/// The whole path of a packet through the tunnel: encapsulate() and handle_datagram(). Sessions come from handshakes
/// whose X25519 is a stand-in (the program has no libsodium, and a handshake is not counted here).
#include <cstdlib>

#include "bench/rv32/two_ends.h"
#include "microlink/crypto/aead.h"
#include "microlink/crypto/x25519.h"

namespace microlink::crypto {

// Not X25519 and no secret: "public" is the key itself, and the shared secret is what both sides can compute from two.
void clamp(ByteSpan) {}
PublicKey public_key_of(const SecretKey &private_key) {
  PublicKey out;
  copy(private_key.bytes(), out);
  return out;
}
bool x25519(const SecretKey &private_key, const PublicKey &public_key, SecretKey &shared) {
  for (size_t i = 0; i != KEY_BYTES; i++)
    shared.writable()[i] = private_key.bytes()[i] ^ public_key[i];
  return true;
}

// Cookies are not asked for here.
void xseal(const Secret<32> &, const Bytes<24> &, ByteView, ByteSpan) { std::abort(); }
bool xopen(const Secret<32> &, const Bytes<24> &, ByteView, ByteSpan) { std::abort(); }

}  // namespace microlink::crypto

// A virtual destructor names it; nothing is ever deleted.
void operator delete(void *) noexcept { std::abort(); }
void operator delete(void *, size_t) noexcept { std::abort(); }

namespace {

using namespace microlink;
using namespace microlink::wireguard;
using bench::End;

class CountingRandom final : public Random {
 public:
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = static_cast<uint8_t>((this->state_ = this->state_ * 1664525 + 1013904223) >> 24);
  }

 private:
  uint32_t state_{1};
};

constexpr Slot SLOT = MAX_PEERS - 1;
constexpr Source FROM{};

void pass_on(End &from, End &to) {
  static Bytes<MAX_WIREGUARD_BYTES> room;
  from.serve(Instant{});
  while (const auto transmit = from.tunnel.poll_transmit(Instant{}, room)) {
    const ByteSpan message = ByteSpan(room).first(transmit->bytes.size());
    bench::require(static_cast<bool>(to.tunnel.handle_datagram(Instant{}, FROM, message)), "handshake");
  }
}

void bench_packet(End &a, End &b, const char *tx_name, const char *rx_name, size_t size) {
  alignas(4) static Bytes<MAX_WIREGUARD_BYTES> room;
  const ByteSpan inner = ByteSpan(room).subspan(TRANSPORT_HEADER_BYTES, size);
  for (size_t i = 0; i != size; i++)
    inner[i] = static_cast<uint8_t>(i);
  inner[0] = 0x45;
  inner[2] = static_cast<uint8_t>(size >> 8);
  inner[3] = static_cast<uint8_t>(size);
  size_t sent = 0;
  bench::report(tx_name, bench::count([&] {
                  if (const auto message = a.tunnel.encapsulate(Instant{}, SLOT, room, size))
                    sent = message->size();
                }));
  bench::require(sent == Tunnel::encapsulated_size(size), tx_name);
  size_t got = 0;
  bench::report(rx_name, bench::count([&] {
                  if (const auto received = b.tunnel.handle_datagram(Instant{}, FROM, ByteSpan(room).first(sent)))
                    got = received->packet.size();
                }));
  bench::require(got == size && inner[size - 1] == static_cast<uint8_t>(size - 1), rx_name);
}

}  // namespace

void bench_tunnel() {
  static CountingRandom random;
  static End a(random), b(random);
  a.meet(b, SLOT);
  b.meet(a, SLOT);
  a.tunnel.connect(Instant{}, SLOT);
  pass_on(a, b);
  pass_on(b, a);
  pass_on(a, b);
  bench_packet(a, b, "tunnel_tx_1280", "tunnel_rx_1280", OVERLAY_MTU);
  bench_packet(b, a, "tunnel_tx_64", "tunnel_rx_64", 64);
}
