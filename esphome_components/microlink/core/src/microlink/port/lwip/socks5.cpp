// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/socks5.h"

#include <algorithm>
#include <utility>

#include "microlink/base/reader.h"

namespace microlink::lwip {

namespace {

constexpr uint8_t VERSION = 5;
constexpr uint8_t NO_AUTHENTICATION = 0;
constexpr uint8_t NO_METHOD = 0xff;
constexpr uint8_t CONNECT = 1;
constexpr uint8_t ADDRESS_V4 = 1;
constexpr uint8_t ADDRESS_NAME = 3;
constexpr uint8_t ADDRESS_V6 = 4;
constexpr size_t REQUEST_HEAD_BYTES = 4;
constexpr size_t PORT_BYTES = 2;

ByteView view_of(const std::string &text) { return {reinterpret_cast<const uint8_t *>(text.data()), text.size()}; }

/// A name goes into logs and look-ups: letters, digits, dashes, dots, underscores.
bool is_name(ByteView bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace

// Greeting:  05, number of methods, methods.
// Request:   05, command, 00, address type, address (a name begins with its length), port.
size_t Socks5::message_bytes_() const {
  const ByteView have = view_of(this->message_);
  if (this->state_ == State::GREETING)
    return have.size() < 2 ? 2 : 2U + have[1];
  if (have.size() < REQUEST_HEAD_BYTES + 1)
    return REQUEST_HEAD_BYTES + 1;
  switch (have[3]) {
    case ADDRESS_V4:
      return REQUEST_HEAD_BYTES + 4 + PORT_BYTES;
    case ADDRESS_V6:
      return REQUEST_HEAD_BYTES + 16 + PORT_BYTES;
    case ADDRESS_NAME:
      return REQUEST_HEAD_BYTES + 1U + have[4] + PORT_BYTES;
    default:
      return REQUEST_HEAD_BYTES + 1;
  }
}

size_t Socks5::wants() const {
  if (this->state_ == State::READY || this->state_ == State::REFUSED)
    return 0;
  return this->message_bytes_() - this->message_.size();
}

void Socks5::take(ByteView bytes) {
  for (const uint8_t byte : bytes.first(std::min(bytes.size(), this->wants())))
    this->message_ += static_cast<char>(byte);
  if (!this->message_.empty() && this->message_[0] != VERSION)
    this->refuse_({});  // not SOCKS 5: nothing that it would understand
  if (this->wants() != 0 || this->state_ == State::REFUSED)
    return;
  if (this->state_ == State::GREETING)
    this->finish_greeting_();
  else
    this->finish_request_();
  this->message_.clear();
}

void Socks5::finish_greeting_() {
  const bool open = this->message_.find(static_cast<char>(NO_AUTHENTICATION), 2) != std::string::npos;
  const std::string answer{static_cast<char>(VERSION), static_cast<char>(open ? NO_AUTHENTICATION : NO_METHOD)};
  if (!open) {
    this->refuse_(answer);
    return;
  }
  this->output_ += answer;
  this->state_ = State::REQUEST;
}

void Socks5::finish_request_() {
  Reader in(view_of(this->message_));
  in.take(1);
  const uint8_t command = in.u8();
  in.take(1);
  const uint8_t type = in.u8();
  if (command != CONNECT || (type != ADDRESS_V4 && type != ADDRESS_V6 && type != ADDRESS_NAME)) {
    this->refuse_(reply(command != CONNECT ? Reply::COMMAND_NOT_SUPPORTED : Reply::ADDRESS_NOT_SUPPORTED));
    return;
  }
  const ByteView address = in.take(type == ADDRESS_V4 ? 4 : type == ADDRESS_V6 ? 16 : in.u8());
  this->port_ = in.u16be();
  if (this->port_ == 0 || (type == ADDRESS_NAME && !is_name(address))) {
    this->refuse_(reply(Reply::HOST_UNREACHABLE));
    return;
  }
  if (type == ADDRESS_NAME)
    this->host_.assign(reinterpret_cast<const char *>(address.data()), address.size());
  else
    this->host_ = std::string(to_text(IpAddress::from_bytes(address)).view());
  this->state_ = State::READY;
}

void Socks5::refuse_(const std::string &output) {
  this->output_ += output;
  this->state_ = State::REFUSED;
}

std::string Socks5::take_output() { return std::exchange(this->output_, {}); }

std::string Socks5::reply(Reply reply) {
  std::string out(REQUEST_HEAD_BYTES + 4 + PORT_BYTES, '\0');  // bound to 0.0.0.0:0, which nobody needs to know
  out[0] = static_cast<char>(VERSION);
  out[1] = static_cast<char>(reply);
  out[3] = static_cast<char>(ADDRESS_V4);
  return out;
}

}  // namespace microlink::lwip
#endif  // MICROLINK_LWIP
