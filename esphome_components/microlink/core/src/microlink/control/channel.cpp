// SPDX-License-Identifier: MIT
#include "microlink/control/channel.h"

#include <algorithm>

namespace microlink::control {

void Channel::start(const Secret<32> &tx_key, const Secret<32> &rx_key) {
  this->clear();
  this->framing_.start(tx_key, rx_key);
  this->http_.start();
}

void Channel::clear() {
  this->framing_.clear();
  this->early_ = EarlyPayload{};
  this->http_ = http::H2Connection{};
  this->in_ = {};
  this->plaintext_ = this->held_ = {};
  this->error_ = Error::NONE;
}

Error Channel::error() const {
  if (this->error_ != Error::NONE)
    return this->error_;
  return this->framing_.error() == Error::CLOSED ? Error::NONE : this->framing_.error();
}

std::optional<http::H2Event> Channel::poll_event() {
  for (;;) {
    if (auto event = this->http_.poll_event())
      return event;
    if (!this->held_.empty()) {
      this->held_ = this->held_.subspan(this->http_.handle_bytes(this->held_));
    } else if (!this->plaintext_.empty()) {
      this->plaintext_ = this->plaintext_.subspan(this->http_.handle_bytes(this->plaintext_));
    } else if (!this->next_plaintext_()) {
      return std::nullopt;
    }
  }
}

bool Channel::next_plaintext_() {
  if (!this->is_open() || this->in_.empty())
    return false;
  const Result<ByteSpan> plaintext = this->framing_.read(this->in_);
  if (!plaintext || plaintext->empty())
    return false;
  this->plaintext_ = *plaintext;
  if (this->early_.is_over())
    return true;
  this->early_.handle_bytes(this->plaintext_);
  if (this->early_.state() == EarlyPayload::State::BAD) {
    this->error_ = Error::MALFORMED;
    this->plaintext_ = {};
    return false;
  }
  if (this->early_.state() == EarlyPayload::State::ABSENT)
    this->held_ = this->early_.held();
  return true;
}

size_t Channel::poll_transmit(ByteSpan out) {
  if (!this->is_open() || out.size() < MIN_TRANSMIT_BYTES)
    return 0;
  const ByteSpan record = out.first(std::min(out.size(), NoiseFraming::MAX_RECORD_BYTES));
  const size_t room = record.size() - NoiseFraming::OVERHEAD_BYTES;
  const size_t plaintext = this->http_.poll_transmit(record.subspan(NoiseFraming::HEADER_BYTES, room));
  if (plaintext == 0)
    return 0;
  return this->framing_.seal(record, plaintext).value_or(0);
}

}  // namespace microlink::control
