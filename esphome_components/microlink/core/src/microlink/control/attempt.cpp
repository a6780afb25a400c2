// SPDX-License-Identifier: MIT
#include "microlink/control/attempt.h"

#include "microlink/base/text.h"
#include "microlink/base/writer.h"
#include "microlink/tailcfg/types.h"

namespace microlink::control {

namespace {
constexpr std::string_view PROTOCOL = "tailscale-control-protocol";
}  // namespace

Attempt::Attempt() : upgrade_(PROTOCOL) {}

void Attempt::reset_(State state) {
  this->handshake_.clear();
  this->upgrade_ = http::UpgradeResponse(PROTOCOL);
  this->tx_key_.clear();
  this->rx_key_.clear();
  this->response_size_ = 0;
  this->failed_in_handshake_ = false;
  this->state_ = state;
}

Error Attempt::open(const MachinePrivate &machine, const MachinePublic &control, Random &random) {
  if (this->state_ != State::OPENING)
    return Error::UNEXPECTED;
  const Error error = this->handshake_.start(tailcfg::CAPABILITY_VERSION, machine.secret(), machine.public_key().bytes,
                                             control.bytes, random, this->initiation_);
  this->state_ = error == Error::NONE ? State::REQUESTING : State::FAILED;
  this->failed_in_handshake_ = error != Error::NONE;
  return error;
}

size_t Attempt::poll_transmit(std::string_view authority, ByteSpan buffer) {
  if (this->state_ != State::REQUESTING)
    return 0;
  std::array<char, base64_size(noise::INITIATION_BYTES)> initiation;
  Writer out(buffer);
  out.text("POST /ts2021 HTTP/1.1\r\nHost: ").text(authority);
  out.text("\r\nUpgrade: ").text(PROTOCOL);
  out.text("\r\nConnection: upgrade\r\nContent-Length: 0\r\nX-Tailscale-Handshake: ");
  out.text(base64_encode(this->initiation_, initiation)).text("\r\n\r\n");
  if (!out.ok())
    return 0;
  this->state_ = State::UPGRADING;
  return out.size();
}

void Attempt::handle_bytes(ByteView &in) {
  if (this->state_ == State::UPGRADING) {
    in = in.subspan(this->upgrade_.handle_bytes(in));
    if (this->upgrade_.state() == http::UpgradeResponse::State::UPGRADED) {
      this->state_ = State::HANDSHAKING;
    } else if (this->upgrade_.state() != http::UpgradeResponse::State::HEAD) {
      this->fail_();
    }
  } else if (this->state_ == State::OPENING || this->state_ == State::REQUESTING) {
    this->fail_();  // nobody speaks before being asked
  }
  if (this->state_ != State::HANDSHAKING || in.empty())
    return;
  const size_t n = copy(in, ByteSpan(this->response_).subspan(this->response_size_));
  this->response_size_ += n;
  in = in.subspan(n);
  if (this->response_[0] != noise::MESSAGE_RESPONSE) {
    this->fail_();  // an error message, or not ts2021 at all
  } else if (this->response_size_ == noise::RESPONSE_BYTES) {
    if (this->handshake_.finish(this->response_, this->tx_key_, this->rx_key_) == Error::NONE) {
      this->state_ = State::DONE;
    } else {
      this->fail_();
    }
  }
}

void Attempt::finish(Secret<32> &tx_key, Secret<32> &rx_key) {
  tx_key.copy_from(this->tx_key_);
  rx_key.copy_from(this->rx_key_);
  this->clear();
}

void Attempt::fail_() {
  this->failed_in_handshake_ = this->state_ == State::HANDSHAKING;
  this->state_ = State::FAILED;
  this->handshake_.clear();
}

}  // namespace microlink::control
