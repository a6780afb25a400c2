// SPDX-License-Identifier: MIT
#include "tests/support/control_server.h"

#include <gtest/gtest.h>

#include "microlink/base/text.h"
#include "microlink/noise/control_ik.h"
#include "microlink/tailcfg/types.h"
#include "tests/noise/responder.h"

namespace microlink::testing {

namespace {

constexpr size_t PREFACE_BYTES = 24;
constexpr size_t HEADER_BYTES = 9;
enum Type : uint8_t { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8 };
enum Flag : uint8_t { NONE = 0, END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

uint32_t number(const std::string &text, size_t at, size_t size) {
  uint32_t out = 0;
  for (size_t i = 0; i != size; i++)
    out = out << 8 | static_cast<uint8_t>(text[at + i]);
  return out;
}

}  // namespace

std::string text_member(const std::string &json, const std::string &name) {
  const std::string key = "\"" + name + "\":\"";
  const size_t at = json.find(key);
  return at == std::string::npos ? "" : json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size());
}

ControlServer::ControlServer(uint32_t seed) : random_(seed) {
  this->random_.fill(this->secret_.writable());
  crypto::clamp(this->secret_.writable());
}

void ControlServer::Connection::handle(const std::string &bytes) {
  this->in_ += bytes;
  if (!this->upgraded_) {
    const size_t end = this->in_.find("\r\n\r\n");
    if (end == std::string::npos)
      return;
    const std::string request = this->in_.substr(0, end + 4);
    this->in_.erase(0, end + 4);
    if (request.starts_with("GET /key")) {
      const MachinePublic key{crypto::public_key_of(this->server_.secret_)};
      const std::string body = R"({"publicKey":")" + std::string(key.to_text().view()) + "\"}";
      this->out_ += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      return;
    }
    this->upgrade_(request);
  }
  ByteSpan in{reinterpret_cast<uint8_t *>(this->in_.data()), this->in_.size()};
  while (!in.empty()) {
    const auto plaintext = this->framing_.read(in);
    ASSERT_TRUE(plaintext);
    if (plaintext->empty())
      break;
    this->plain_ += as_text(*plaintext);
  }
  this->in_.clear();
  this->frames_();
}

void ControlServer::Connection::upgrade_(const std::string &request) {
  if (request.find(" /ping/") != std::string::npos) {
    this->server_.pings++;
    this->in_.clear();
    this->out_ += "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    return;
  }
  const std::string name = "X-Tailscale-Handshake: ";
  const size_t at = request.find(name);
  ASSERT_NE(at, std::string::npos);
  Bytes<noise::INITIATION_BYTES> initiation;
  ASSERT_TRUE(base64_decode(request.substr(at + name.size(), base64_size(initiation.size())), initiation));
  const auto answer = noise::respond(this->server_.secret_, initiation, std::to_string(tailcfg::CAPABILITY_VERSION),
                                     this->server_.random_);
  ASSERT_TRUE(answer);
  this->out_ +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n";
  this->out_ += as_text(answer->response);
  this->framing_.start(Secret<32>(answer->tx_key), Secret<32>(answer->rx_key));
  this->upgraded_ = true;
  this->write_frame_(SETTINGS, NONE, 0, "");
}

void ControlServer::Connection::frames_() {
  if (this->plain_.starts_with("PRI")) {
    if (this->plain_.size() < PREFACE_BYTES)
      return;
    this->plain_.erase(0, PREFACE_BYTES);
  }
  while (this->plain_.size() >= HEADER_BYTES) {
    const size_t size = number(this->plain_, 0, 3);
    if (this->plain_.size() < HEADER_BYTES + size)
      return;
    const auto type = static_cast<uint8_t>(this->plain_[3]);
    const auto flags = static_cast<uint8_t>(this->plain_[4]);
    const uint32_t stream = number(this->plain_, 5, 4);
    const std::string payload = this->plain_.substr(HEADER_BYTES, size);
    this->plain_.erase(0, HEADER_BYTES + size);
    this->frame_(type, flags, stream, payload);
  }
}

void ControlServer::Connection::frame_(uint8_t type, uint8_t flags, uint32_t stream, const std::string &payload) {
  if (type == SETTINGS && (flags & ACK) == 0) {
    this->settings_(payload);
    this->write_frame_(SETTINGS, ACK, 0, "");
  } else if (type == PING && (flags & ACK) == 0) {
    this->write_frame_(PING, ACK, 0, payload);
  } else if (type == WINDOW_UPDATE) {
    (stream == 0 ? this->window_ : this->stream_window_) += number(payload, 0, 4);
    this->flush_data_();
  } else if (type == HEADERS) {
    this->requests_[stream].head += payload;
  } else if (type == DATA) {
    this->requests_[stream].body += payload;
    if (!payload.empty())  // room for as much again
      this->write_frame_(
          WINDOW_UPDATE, NONE, 0,
          std::string(2, '\0') + static_cast<char>(payload.size() >> 8) + static_cast<char>(payload.size()));
  }
  if ((type == HEADERS || type == DATA) && (flags & END_STREAM) != 0)
    this->request_(stream);
}

void ControlServer::Connection::settings_(const std::string &payload) {
  constexpr uint32_t INITIAL_WINDOW_SIZE = 4;
  for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
    if (number(payload, at, 2) == INITIAL_WINDOW_SIZE)
      this->stream_window_ = this->initial_window_ = number(payload, at + 2, 4);
  }
}

void ControlServer::Connection::request_(uint32_t stream) {
  const Request request = this->requests_[stream];
  this->requests_.erase(stream);
  if (request.head.find("/machine/register") != std::string::npos) {
    this->server_.node_key = text_member(request.body, "NodeKey");
    this->server_.registrations++;
    this->respond_(stream, this->server_.answer_registration(request.body), true);
    return;
  }
  this->server_.disco_key = text_member(request.body, "DiscoKey");
  const bool is_stream = request.body.find("\"Stream\":true") != std::string::npos;
  this->respond_(stream, "", !is_stream);
  if (is_stream) {
    this->map_stream_ = stream;
    this->stream_window_ = this->initial_window_;
    this->map_out_.clear();
    this->server_.map_streams++;
  }
  this->server_.hear_map_request(request.body, is_stream);
}

/// The head is entry 8 of HPACK's static table: status 200.
void ControlServer::Connection::respond_(uint32_t stream, const std::string &body, bool end) {
  this->write_frame_(HEADERS, END_HEADERS, stream, "\x88");
  if (end)
    this->write_frame_(DATA, END_STREAM, stream, body);
}

void ControlServer::Connection::send_map(const std::string &json) {
  for (unsigned shift = 0; shift != 32; shift += 8)
    this->map_out_ += static_cast<char>(json.size() >> shift);
  this->map_out_ += json;
  this->flush_data_();
}

/// As much as both windows allow.
void ControlServer::Connection::flush_data_() {
  size_t sent = 0;
  while (this->map_stream_ != 0 && sent != this->map_out_.size()) {
    const int64_t room = std::min<int64_t>({this->window_, this->stream_window_, 16'000});
    if (room <= 0)
      break;
    const size_t n = std::min(this->map_out_.size() - sent, static_cast<size_t>(room));
    this->write_frame_(DATA, NONE, this->map_stream_, this->map_out_.substr(sent, n));
    sent += n;
    this->window_ -= static_cast<int64_t>(n);
    this->stream_window_ -= static_cast<int64_t>(n);
  }
  this->map_out_.erase(0, sent);
}

void ControlServer::Connection::write_frame_(uint8_t type, uint8_t flags, uint32_t stream, const std::string &payload) {
  std::string frame;
  for (int shift = 16; shift >= 0; shift -= 8)
    frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8)
    frame += static_cast<char>(stream >> shift);
  this->seal_(frame + payload);
}

void ControlServer::Connection::seal_(const std::string &plaintext) {
  using control::NoiseFraming;
  for (size_t at = 0; at < plaintext.size();) {
    const size_t n = std::min(plaintext.size() - at, NoiseFraming::MAX_PLAINTEXT_BYTES);
    std::string record(n + NoiseFraming::OVERHEAD_BYTES, '\0');
    plaintext.copy(record.data() + NoiseFraming::HEADER_BYTES, n, at);
    ASSERT_TRUE(this->framing_.seal({reinterpret_cast<uint8_t *>(record.data()), record.size()}, n));
    this->out_ += record;
    at += n;
  }
}

std::string ControlServer::Connection::take() { return std::exchange(this->out_, {}); }

}  // namespace microlink::testing
