// SPDX-License-Identifier: MIT
#include "tests/support/relay_connection.h"

namespace microlink::testing {

using derp::FrameType;
using derp::testing::Relay;

void RelayConnection::handle(const std::string &bytes, const Forward &forward) {
  this->tls_.handle(bytes);
  std::string &received = this->tls_.received;
  if (!this->upgraded_) {
    const size_t end = received.find("\r\n\r\n");
    if (end == std::string::npos)
      return;
    received.erase(0, end + 4);
    this->upgraded_ = true;
    this->tls_.write(std::string(derp::testing::SWITCHING) + std::string(as_text(this->relay_.server_key())));
  }
  while (received.size() >= derp::FRAME_HEADER_BYTES) {
    size_t size = 0;
    for (size_t i = 1; i != derp::FRAME_HEADER_BYTES; i++)
      size = size << 8 | static_cast<uint8_t>(received[i]);
    if (received.size() < derp::FRAME_HEADER_BYTES + size)
      return;
    const auto type = static_cast<uint8_t>(received[0]);
    const std::string body = received.substr(derp::FRAME_HEADER_BYTES, size);
    received.erase(0, derp::FRAME_HEADER_BYTES + size);
    this->frame_(type, body, forward);
  }
}

void RelayConnection::frame_(uint8_t type, const std::string &body, const Forward &forward) {
  if (type == static_cast<uint8_t>(FrameType::CLIENT_INFO)) {
    this->node_key_ = body.substr(0, 32);
    this->write_(this->relay_.server_info(NodePublic::from_bytes(as_bytes(this->node_key_))));
  } else if (type == static_cast<uint8_t>(FrameType::SEND_PACKET)) {
    forward(body.substr(0, 32), body.substr(32));
  }
}

void RelayConnection::deliver(const std::string &from, const std::string &packet) {
  this->write_(Relay::packet(NodePublic::from_bytes(as_bytes(from)), as_bytes(packet)));
}

void RelayConnection::say_gone(const std::string &key) {
  constexpr char NOT_HERE = 1;
  this->write_(Relay::frame(static_cast<uint8_t>(FrameType::PEER_GONE), as_bytes(key + NOT_HERE)));
}

void RelayConnection::keep_alives(size_t count) {
  std::string all;
  for (size_t i = 0; i != count; i++)
    all += std::string(as_text(Relay::frame(static_cast<uint8_t>(FrameType::KEEP_ALIVE), {})));
  this->tls_.write(all);
}

void RelayConnection::keep_alive() { this->write_(Relay::frame(static_cast<uint8_t>(FrameType::KEEP_ALIVE), {})); }

}  // namespace microlink::testing
