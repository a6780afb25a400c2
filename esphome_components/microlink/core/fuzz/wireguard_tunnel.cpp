// SPDX-License-Identifier: MIT
/// A script of two tunnels and the wire between them. Each step is an opcode and its operand; the lowest bit of the
/// opcode says whose turn it is.
///
///     0 n  a packet of 20+4n bytes       4 n  n × 500 ms pass            8    the peer is reset
///     1 n  message n of the wire arrives 5    timeout                    9    the peer is removed and added
///     2 n  … and stays on it             6 n  byte n of one is flipped  10    relayed   11  the same identity again
///     3 n  message n is lost             7    connect                   12 n  n × 100 bytes of junk
#include <algorithm>
#include <array>
#include <vector>

#include "microlink/base/reader.h"
#include "tests/support/seeded_random.h"
#include "tests/wireguard/keyed_tunnel.h"

namespace {

using namespace microlink;
using namespace microlink::wireguard;
using Packet = std::vector<uint8_t>;

void require(bool condition) {
  if (!condition)
    __builtin_trap();
}

struct Side {
  explicit Side(uint32_t seed) : random(seed), tunnel(random) { key.generate(random); }
  testing::SeededRandom random;
  KeyedTunnel tunnel;
  NodePrivate key;
  Slot peer{0};
  std::vector<Packet> wire;  ///< to this side
  std::vector<Packet> expected;
};

class Script {
 public:
  explicit Script(ByteView script) : script_(script) {
    for (size_t i = 0; i != 2; i++) {
      this->sides_[i].tunnel.set_identity(this->sides_[i].key);
      this->sides_[i].tunnel.set_wall_time(this->now_, wall_seconds(1'800'000'000));
      this->sides_[i].peer = static_cast<Slot>(i * 5);
      (void) this->sides_[i].tunnel.add_peer(this->sides_[i].peer, this->sides_[1 - i].key.public_key());
    }
  }

  void run() {
    for (int steps = 0; this->script_.left() != 0 && steps != 400; steps++) {
      this->step_();
      for (size_t i = 0; i != 2; i++)
        this->drain_(this->sides_[i], this->sides_[1 - i]);
    }
  }

 private:
  void step_() {
    const uint8_t code = this->script_.u8();
    const uint8_t n = this->script_.u8();
    Side &side = this->sides_[code % 2];
    Side &other = this->sides_[1 - code % 2];
    const bool any = !side.wire.empty();
    const size_t which = any ? n % side.wire.size() : 0;
    switch (code / 2 % 13) {
      case 0:
        this->send_(side, other, size_t{20} + 4 * n);
        break;
      case 1:
      case 2:
        if (any)
          this->deliver_(side, side.wire[which]);
        [[fallthrough]];
      case 3:
        if (any && code / 2 % 13 != 2)
          side.wire.erase(side.wire.begin() + static_cast<ptrdiff_t>(which));
        break;
      case 4:
        this->now_ = this->now_ + milliseconds(500 * n);
        break;
      case 5:
        this->timeout_(side, other);
        break;
      case 6:
        if (any)
          side.wire.front()[n % side.wire.front().size()] ^= 0x20;
        break;
      case 7:
        side.tunnel.connect(this->now_, side.peer);
        break;
      case 8:
        side.tunnel.reset_session(side.peer);
        break;
      case 9:
        require(side.tunnel.add_peer(side.peer, other.key.public_key()) == Error::NONE);
        break;
      case 10:
        side.tunnel.set_relayed(side.peer, n % 2 == 1);
        break;
      case 11:
        side.tunnel.set_identity(side.key);
        break;
      default:
        this->deliver_(side, Packet(size_t{100} * n, n));
    }
  }

  void send_(Side &side, Side &other, size_t size) {
    Packet packet(size, static_cast<uint8_t>(this->number_));
    packet[0] = 0x45;
    packet[2] = static_cast<uint8_t>(size >> 8);
    packet[3] = static_cast<uint8_t>(size);
    packet[4] = static_cast<uint8_t>(this->number_ >> 8);
    packet[5] = static_cast<uint8_t>(this->number_++);
    Packet buffer(Tunnel::encapsulated_size(size));
    copy(packet, ByteSpan(buffer).subspan(TRANSPORT_HEADER_BYTES));
    const auto message = side.tunnel.encapsulate(this->now_, side.peer, buffer, size);
    require(message || message.error() == Error::NOT_READY);
    other.expected.push_back(packet);
    if (message)
      this->put_(other, *message);
  }

  void put_(Side &to, ByteView message) {
    if (to.wire.size() < 16)
      to.wire.emplace_back(message.begin(), message.end());
  }

  void deliver_(Side &side, Packet message) {
    const auto got = side.tunnel.handle_datagram(this->now_, {IpAddress::v4(192, 0, 2, 1), 7}, message);
    if (!got || got->packet.empty())
      return;
    require(got->slot == side.peer);
    const auto sent =
        std::find(side.expected.begin(), side.expected.end(), Packet(got->packet.begin(), got->packet.end()));
    require(sent != side.expected.end());  // what comes out was sent, and comes once
    side.expected.erase(sent);
  }

  void drain_(Side &side, Side &other) {
    Packet out(MAX_WIREGUARD_BYTES);
    bool moved = true;
    for (int rounds = 0; moved; rounds++) {
      require(rounds != 100);
      moved = false;
      while (const auto event = side.tunnel.poll_event()) {
        moved = true;
        if (event->kind == Tunnel::Event::Kind::RESERVE_TIMESTAMP)
          side.tunnel.handle_reserved(this->now_, event->reserve_until);
      }
      while (const auto transmit = side.tunnel.poll_transmit(this->now_, out)) {
        moved = true;
        this->put_(other, transmit->bytes);
      }
    }
  }

  /// A timeout that was served is not due any more.
  void timeout_(Side &side, Side &other) {
    side.tunnel.handle_timeout(this->now_);
    this->drain_(side, other);
    require(side.tunnel.next_timeout() > this->now_);
  }

  Reader script_;
  Instant now_{};
  std::array<Side, 2> sides_{Side(1), Side(2)};
  uint16_t number_{0};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Script({data, size}).run();
  return 0;
}
