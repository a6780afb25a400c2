// SPDX-License-Identifier: MIT
#include "microlink/control/key_fetch.h"

#include "microlink/base/writer.h"

namespace microlink::control {

namespace {
static_assert(tailcfg::CAPABILITY_VERSION >= 100 && tailcfg::CAPABILITY_VERSION <= 999);
constexpr char VERSION[] = {'0' + tailcfg::CAPABILITY_VERSION / 100, '0' + tailcfg::CAPABILITY_VERSION / 10 % 10,
                            '0' + tailcfg::CAPABILITY_VERSION % 10};
}  // namespace

void KeyFetch::begin() {
  *this = KeyFetch{};
  this->state_ = State::OPENING;
}

size_t KeyFetch::poll_transmit(std::string_view authority, ByteSpan buffer) {
  if (this->state_ != State::REQUEST)
    return 0;
  Writer out(buffer);
  out.text("GET /key?v=").text({VERSION, sizeof(VERSION)}).text(" HTTP/1.1\r\nHost: ").text(authority);
  out.text("\r\nAccept: application/json\r\n\r\n");
  if (!out.ok())
    return 0;
  this->state_ = State::RESPONSE;
  return out.size();
}

void KeyFetch::handle_bytes(ByteView in) {
  while (!in.empty() && this->state_ == State::RESPONSE) {
    ByteView body;
    in = in.subspan(this->response_.handle_bytes(in, body));
    if (this->response_.status() == 200 && this->parser_.handle_bytes(body) != Error::NONE)
      this->state_ = State::FAILED;
    this->check_end_();
  }
  this->connection_spent_ = this->connection_spent_ || !in.empty();
}

void KeyFetch::handle_closed() {
  this->connection_spent_ = true;
  if (this->state_ == State::RESPONSE) {
    this->response_.handle_closed();
    this->check_end_();
  }
  if (this->state_ != State::DONE)
    this->state_ = State::FAILED;
}

void KeyFetch::check_end_() {
  if (this->state_ != State::RESPONSE)
    return;
  if (this->response_.state() == http::Response::State::BAD) {
    this->state_ = State::FAILED;
  } else if (this->response_.state() == http::Response::State::DONE) {
    const auto key = this->parser_.finish();
    const bool usable = this->response_.status() == 200 && key && key->is_set();
    if (usable)
      this->key_ = *key;
    this->state_ = usable ? State::DONE : State::FAILED;
  }
}

}  // namespace microlink::control
