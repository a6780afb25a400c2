// SPDX-License-Identifier: MIT
/// A script of inputs for one engine with some peers, one of which speaks with valid keys. Invariants: it never asks to
/// be woken at an instant at which it was just served, never sends more than the limits allow, never uses a path that
/// no pong proved, and never says anything while it is stopped.
#include "microlink/base/reader.h"
#include "tests/magicsock/keyed_magicsock.h"

using namespace microlink;
using magicsock::Magicsock;

namespace {

class CountingRandom : public Random {
 public:
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = static_cast<uint8_t>((this->state_ = this->state_ * 1103515245 + 12345) >> 16);
  }

 private:
  uint32_t state_{1};
};

constexpr size_t PEERS = 3;

struct Keys {
  Keys() {
    for (size_t i = 0; i != PEERS; i++) {
      nodes[i].generate(random);
      discos[i].generate(random);
    }
  }
  CountingRandom random;
  NodePrivate nodes[PEERS];
  DiscoPrivate discos[PEERS];
};

Keys &keys() {
  static Keys all;
  return all;
}

/// Runs one script.
class Script {
 public:
  explicit Script(ByteView bytes) : in_(bytes), sock_(random_) {
    this->sock_.start(this->now_, keys().nodes[0].public_key());
    if (!this->box_.precompute(keys().discos[1].secret(), this->sock_.disco_key().bytes))
      __builtin_trap();
  }

  void run() {
    for (size_t steps = 0; steps != 300 && this->in_.left() != 0; steps++) {
      this->step_(this->in_.u8());
      this->settle_();
    }
  }

 private:
  static netmap::PeerId id_(uint8_t number) { return {static_cast<uint16_t>(number % PEERS), 1}; }
  Endpoint endpoint_() {
    const uint8_t n = this->in_.u8();
    const IpAddress address = (n & 0x80) != 0 ? *parse_ip("2001:db8::1") : IpAddress::v4(192, 0, 2, n & 7);
    return {address, static_cast<uint16_t>(n >> 3 & 3)};
  }

  void step_(uint8_t what) {
    switch (what % 16) {
      case 0:
        this->set_peer_(this->in_.u8());
        break;
      case 1:
        this->sock_.remove_peer(id_(this->in_.u8()));
        break;
      case 2: {
        const Endpoint locals[] = {this->endpoint_(), this->endpoint_()};
        this->sock_.set_local_endpoints(this->now_, std::span(locals).first(this->in_.u8() % 3U), true);
        break;
      }
      case 3:
        this->sock_.link_changed(this->now_);
        break;
      case 4:
      case 5:
        this->receive_disco_(what % 16 == 5);
        break;
      case 6:
        this->receive_raw_();
        break;
      case 7: {
        const uint8_t what_region = this->in_.u8();
        this->sock_.handle_relay_state(this->now_, what_region & 3, (what_region & 0x10) != 0);
        break;
      }
      case 8:
        this->sock_.handle_peer_gone(this->in_.u8() & 3, keys().nodes[1].public_key());
        break;
      case 9:
        this->sock_.handle_send_error(this->now_, this->endpoint_());
        break;
      case 10:
        this->sock_.note_sent(this->now_, id_(this->in_.u8()));
        break;
      case 11:
        (void) this->sock_.ping(this->now_, id_(this->in_.u8()));
        break;
      case 12:
        this->now_ = this->now_ + milliseconds(this->in_.u8() * 40);
        break;
      case 13:
        if (this->sock_.next_timeout() != Instant::NEVER)
          this->now_ = std::max(this->now_, this->sock_.next_timeout());
        break;
      case 14:
        this->answer_last_ping_();
        break;
      default:
        this->set_regions_();
        break;
    }
  }

  void set_peer_(uint8_t number) {
    Endpoint endpoints[4];
    for (Endpoint &endpoint : endpoints)
      endpoint = this->endpoint_();
    (void) this->sock_.set_peer(this->now_, id_(number),
                                {.key = keys().nodes[number % PEERS].public_key(),
                                 .disco_key = keys().discos[number % PEERS].public_key(),
                                 .endpoints = endpoints,
                                 .home_region = static_cast<uint16_t>(number >> 6),
                                 .allowed = (number & 0x20) == 0});
  }

  void set_regions_() {
    tailcfg::DerpRegion regions[3];
    const size_t count = this->in_.u8() % 4U;
    for (size_t i = 0; i != count; i++) {
      regions[i].id = static_cast<uint16_t>(1 + (this->in_.u8() & 3));
      tailcfg::DerpNode node;
      if ((this->in_.u8() & 1) != 0)
        node.ipv4 = IpAddress::v4(198, 51, 100, 1);
      else
        node.host_name = std::string_view("derp.example");
      (void) regions[i].nodes.push_back(node);
    }
    for (size_t i = 0; i != count; i++)
      this->map_[i] = tailcfg::PackedRegion(regions[i]);
    this->sock_.netcheck().set_regions(this->now_, std::span(this->map_).first(count));
    const Endpoint found = {IpAddress::v4(198, 51, 100, 3), 0};
    this->sock_.netcheck().handle_resolved(this->now_, "derp.example", std::span(&found, this->in_.u8() & 1));
  }

  void receive_(ByteSpan packet, bool relayed) {
    if (relayed)
      (void) this->sock_.handle_relay_packet(this->now_, 1, keys().nodes[1].public_key(), packet);
    else
      (void) this->sock_.handle_udp(this->now_, this->endpoint_(), packet);
  }
  void receive_disco_(bool relayed) {
    const ByteView payload = this->in_.take(std::min<size_t>(this->in_.u8(), this->in_.left()));
    Bytes<512> packet;
    const auto size = disco::seal(this->box_, keys().discos[1].public_key(), this->random_, payload, packet);
    if (size)
      this->receive_(ByteSpan(packet).first(*size), relayed);
  }
  void receive_raw_() {
    Bytes<256> packet;
    const size_t size = copy(this->in_.take(std::min<size_t>(this->in_.u8(), this->in_.left())), packet);
    this->receive_(ByteSpan(packet).first(size), (this->in_.u8() & 1) != 0);
  }
  void answer_last_ping_() {
    Bytes<64> payload;
    Writer out(payload);
    disco::write_pong(out, this->last_ping_, {});
    Bytes<256> packet;
    const auto size = disco::seal(this->box_, keys().discos[1].public_key(), this->random_, out.written(), packet);
    this->answered_ = true;
    if (size)
      this->receive_(ByteSpan(packet).first(*size), (this->in_.u8() & 1) != 0);
  }

  void settle_() {
    this->sock_.handle_timeout(this->now_);
    for (size_t events = 0; this->sock_.poll_event(); events++) {
      if (events > 4 * MAX_PEERS)
        __builtin_trap();
    }
    Bytes<Magicsock::MAX_TRANSMIT_BYTES> out;
    size_t sent = 0;
    while (const auto transmit = this->sock_.poll_transmit(this->now_, out)) {
      if (this->sock_.state() == Magicsock::State::STOPPED || transmit->size > out.size() || ++sent > 200)
        __builtin_trap();
      if (transmit->kind == magicsock::Transmit::Kind::UDP && !transmit->to.is_set())
        __builtin_trap();
      const auto message = disco::open(this->box_, ByteSpan(out).first(transmit->size));
      if (message && message->type == disco::Type::PING)
        this->last_ping_ = message->tx_id;
    }
    // Netcheck's events may follow a transmit, then it is the owner's turn again; but it must not spin.
    if (this->sock_.next_timeout() <= this->now_) {
      this->sock_.handle_timeout(this->now_);
      while (this->sock_.poll_event() || this->sock_.poll_transmit(this->now_, out)) {
      }
      if (this->sock_.next_timeout() <= this->now_)
        __builtin_trap();
    }
    for (uint8_t i = 0; i != PEERS; i++) {
      if (!this->answered_ && this->sock_.best_path(id_(i)).is_set())
        __builtin_trap();
    }
  }

  Reader in_;
  CountingRandom random_;
  std::array<tailcfg::PackedRegion, 3> map_;
  magicsock::KeyedMagicsock sock_;
  crypto::BoxKey box_;
  Instant now_{1'000'000'000};
  disco::TxId last_ping_{};
  bool answered_{false};  ///< a pong may have proved something
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Script({data, size}).run();
  return 0;
}
