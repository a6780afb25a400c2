// SPDX-License-Identifier: MIT
#include <string>
#include <utility>
#include <vector>

#include "microlink/base/text.h"
#include "microlink/base/writer.h"
#include "microlink/control/session.h"

using namespace microlink;
using control::Event;
using control::Link;
using control::Session;
using control::SessionState;

namespace {

class FixedRandom final : public Random {
 public:
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      this->state_ = this->state_ * 1664525u + 1013904223u, byte = static_cast<uint8_t>(this->state_ >> 24);
  }

 private:
  uint32_t state_{7};
};

/// Control's side of the handshake, so that the input reaches what is behind it.
struct Server {
  crypto::SecretKey secret;
  control::NoiseFraming framing;
  std::string request;
  bool upgraded{false};

  std::vector<uint8_t> answer() {
    const size_t at = this->request.find("Handshake: ");
    std::vector<uint8_t> out;
    Bytes<noise::INITIATION_BYTES> initiation;
    if (at == std::string::npos ||
        !base64_decode(std::string_view(this->request).substr(at + 11, base64_size(initiation.size())), initiation))
      __builtin_trap();
    noise::SymmetricState state;
    state.start("Noise_IK_25519_ChaChaPoly_BLAKE2s");
    state.mix_hash(as_bytes("Tailscale Control Protocol v131"));
    state.mix_hash(crypto::public_key_of(this->secret));
    crypto::PublicKey ephemeral, machine;
    copy(ByteView(initiation).subspan(5, 32), ephemeral);
    state.mix_hash(ephemeral);
    const ByteSpan sealed = ByteSpan(initiation).subspan(37, 48), tag = ByteSpan(initiation).subspan(85);
    if (!state.mix_dh(this->secret, ephemeral) || !state.decrypt_and_hash(sealed))
      return out;  // for another key, which the input made the session believe in
    copy(sealed.first(32), machine);
    if (!state.mix_dh(this->secret, machine) || !state.decrypt_and_hash(tag))
      __builtin_trap();
    crypto::SecretKey own{as_bytes("own ephemeral key of the server.")};
    crypto::clamp(own.writable());
    Bytes<noise::RESPONSE_BYTES> response;
    Writer writer(response);
    writer.u8(2).u16be(48).bytes(crypto::public_key_of(own));
    state.mix_hash(crypto::public_key_of(own));
    if (!state.mix_dh(own, ephemeral) || !state.mix_dh(own, machine))
      __builtin_trap();
    state.encrypt_and_hash(writer.claim(16));
    Secret<32> up, down;
    state.split(up, down);
    this->framing.start(down, up);
    this->upgraded = true;
    const std::string head = "HTTP/1.1 101 X\r\nUpgrade: tailscale-control-protocol\r\n\r\n";
    out.assign(head.begin(), head.end());
    out.insert(out.end(), response.begin(), response.end());
    return out;
  }
};

class Run {
 public:
  explicit Run(bool pinned) {
    FixedRandom random;
    this->machine_.generate(random);
    NodePrivate node;
    node.generate(random);
    DiscoPrivate disco;
    disco.generate(random);
    random.fill(this->server_.secret.writable());
    crypto::clamp(this->server_.secret.writable());
    control::Settings settings;
    settings.server = *control::ServerUrl::parse("https://c.example:443");
    if (pinned)
      settings.pinned_key = MachinePublic{crypto::public_key_of(this->server_.secret)};
    this->session_.emplace(settings,
                           control::Identity{this->machine_, node.public_key(), disco.public_key(), this->auth_key_},
                           tailcfg::Hostinfo{}, this->sink_, this->random_, nullptr);
    (void) this->session_->start(this->now_);
    this->pump();
  }

  void pump() {
    Bytes<4096> buffer;
    for (int round = 0; round != 1000; round++) {
      bool busy = false;
      while (const auto event = this->session_->poll_event()) {
        busy = true;
        const size_t link = static_cast<size_t>(event->link);
        if (event->kind == Event::Kind::OPEN) {
          if (this->open_[link] || event->port != 443 || !event->tls)
            __builtin_trap();
          this->open_[link] = true;
          this->server_.request.clear();
          this->server_.upgraded = false;
          this->session_->handle_open(this->now_, event->link);
        } else if (event->kind == Event::Kind::CLOSE) {
          if (!this->open_[link])
            __builtin_trap();
          this->open_[link] = false;
        } else if (event->kind == Event::Kind::CONTROL_KEY && this->pinned_) {
          __builtin_trap();
        }
      }
      while (const auto transmit = this->session_->poll_transmit(this->now_, buffer)) {
        busy = true;
        if (!this->open_[static_cast<size_t>(transmit->link)] || transmit->bytes.empty())
          __builtin_trap();
        if (transmit->link == Link::PING || this->server_.upgraded || as_text(transmit->bytes).starts_with("GET "))
          continue;
        this->server_.request += as_text(transmit->bytes);
        std::vector<uint8_t> answer = this->server_.answer();
        if (!answer.empty())
          this->session_->handle_bytes(this->now_, transmit->link, answer);
      }
      if (!busy)
        return;
    }
    __builtin_trap();  // it never comes to rest
  }

  void raw(ByteView bytes) {
    std::vector<uint8_t> copy_of(bytes.begin(), bytes.end());
    for (const Link link : {Link::PING, Link::NOISE}) {
      if (this->open_[static_cast<size_t>(link)])
        this->session_->handle_bytes(this->now_, link, copy_of);
    }
    this->pump();
  }
  void sealed(ByteView bytes) {
    if (!this->open_[static_cast<size_t>(Link::NOISE)] || !this->server_.upgraded)
      return;
    std::vector<uint8_t> record(bytes.size() + control::NoiseFraming::OVERHEAD_BYTES);
    copy(bytes, ByteSpan(record).subspan(control::NoiseFraming::HEADER_BYTES));
    if (this->server_.framing.seal(record, bytes.size()))
      this->session_->handle_bytes(this->now_, Link::NOISE, record);
    this->pump();
  }
  void pass(Duration time) {
    this->now_ = this->now_ + time;
    this->session_->handle_timeout(this->now_);
    if (this->session_->next_timeout() <= this->now_)
      __builtin_trap();  // everything due has been done
    this->pump();
  }
  void closed() {
    for (const Link link : {Link::PING, Link::NOISE}) {
      if (std::exchange(this->open_[static_cast<size_t>(link)], false))
        this->session_->handle_closed(this->now_, link, Error::CLOSED);
    }
    this->pump();
  }
  void command(uint8_t which) {
    switch (which % 6) {
      case 0:
        (void) this->session_->poll_again(this->now_);
        break;
      case 1: {
        NodePublic next;
        next.bytes[0] = static_cast<uint8_t>(which | 1);
        (void) this->session_->rotate(this->now_, next);
        break;
      }
      case 2:
        this->session_->set_preferred_derp(this->now_, which);
        break;
      case 3:
        this->session_->reconnect(this->now_);
        break;
      case 4:
        (void) this->session_->handle_key_expired(this->now_);
        break;
      case 5:
        this->session_->logout(this->now_);
        break;
    }
    this->pump();
  }

 private:
  FixedRandom random_;
  control::AuthKey auth_key_;
  tailcfg::MapSink sink_;
  MachinePrivate machine_;
  Server server_;
  std::optional<Session> session_;
  std::array<bool, 3> open_{};
  bool pinned_{true};
  Instant now_{static_cast<Instant>(1)};
};

}  // namespace

/// A script: operation, length, bytes. Odd first byte: the key is pinned and the server's answers are sealed records.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const bool pinned = (data[0] & 1) != 0;
  Run run(pinned);
  if (!pinned)
    return run.raw(ByteView(data + 1, size - 1)), 0;
  Reader in(ByteView(data + 1, size - 1));
  for (int step = 0; step != 60 && in.left() != 0; step++) {
    const uint8_t operation = in.u8();
    const uint8_t argument = in.u8();
    switch (operation % 8) {
      case 0:
        run.raw(in.take(std::min<size_t>(argument, in.left())));
        break;
      case 1:
        run.pass(milliseconds(int64_t{argument} * argument * 4));
        break;
      case 2:
        run.closed();
        break;
      case 3:
        run.command(argument);
        break;
      default:
        run.sealed(in.take(std::min<size_t>(argument, in.left())));
        break;
    }
  }
  return 0;
}
