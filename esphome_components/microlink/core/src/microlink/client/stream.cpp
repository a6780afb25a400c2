// SPDX-License-Identifier: MIT
#include "microlink/client/stream.h"

namespace microlink::client {

namespace {

/// FNV-1a.
uint32_t hash_of(std::string_view text) {
  uint32_t hash = 2'166'136'261;
  for (const char c : text)
    hash = (hash ^ static_cast<uint8_t>(c)) * 16'777'619;
  return hash;
}

}  // namespace

void Stream::open(const Target &target) {
  this->close();
  this->host_ = target.host;
  this->port_ = target.port;
  this->address_ = target.address;
  this->target_tls_ = target.tls;
  this->state_ = State::OPENING;
  this->open_due_ = true;
  this->blocked_ = this->became_open_ = false;
}

void Stream::close() {
  if (this->state_ == State::FREE)
    return;
  this->tls_.stop();
  this->state_ = State::FREE;
  this->close_due_ = !this->open_due_;  // the port never heard of it otherwise
  this->open_due_ = false;
  this->blocked_ = false;
}

bool Stream::handle_connected() {
  if (this->state_ != State::OPENING)
    return false;
  this->state_ = this->target_tls_ ? State::WAITING : State::OPEN;
  return this->state_ == State::OPEN;
}

Error Stream::start_tls(tls::Policy policy, Random &random) {
  if (this->learnt_for_ == hash_of(this->host_)) {
    policy.versions = this->learnt_versions_;
  }
  this->versions_ = policy.versions;
  const Error error = this->tls_.start(policy, random);
  if (error == Error::NONE)
    this->state_ = State::SECURING;
  return error;
}

void Stream::learn() {
  tls::Policy policy{.host = this->host_, .versions = this->versions_};
  if (!this->target_tls_ || !this->tls_.advise(policy))
    return;
  this->learnt_for_ = hash_of(this->host_);
  this->learnt_versions_ = policy.versions;
}

void Stream::handle_gone() {
  this->tls_.stop();
  this->state_ = State::FREE;
  this->open_due_ = this->close_due_ = this->blocked_ = false;
}

Result<ByteSpan> Stream::take_plain(ByteSpan &in, ByteSpan room) {
  if (!this->target_tls_) {
    const ByteSpan all = in;
    in = {};
    return all;
  }
  ByteView ciphertext = in;
  const auto n = this->tls_.read(ciphertext, room);
  in = in.last(ciphertext.size());
  this->note_handshake_();
  if (!n)
    return n.error();
  return room.first(*n);
}

size_t Stream::poll_handshake(ByteSpan out) {
  if (!this->target_tls_ || this->tls_.state() == tls::Session::State::IDLE)
    return 0;
  ByteView nothing;
  const size_t n = this->tls_.write(nothing, out).value_or(0);
  this->note_handshake_();
  return n;
}

/// With TLS 1.3 the handshake ends with a message of ours, with TLS 1.2 with one of theirs.
void Stream::note_handshake_() {
  if (this->state_ != State::SECURING || this->tls_.state() != tls::Session::State::OPEN)
    return;
  this->state_ = State::OPEN;
  this->became_open_ = true;
}

size_t Stream::seal(ByteView plain, ByteSpan out) {
  if (!this->target_tls_)
    return copy(plain, out);
  const auto n = this->tls_.write(plain, out);
  return n && plain.empty() ? *n : 0;
}

}  // namespace microlink::client
