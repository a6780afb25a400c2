// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "microlink/http/h2_connection.h"
#include "tests/http/nghttp2_server.h"
#include "tests/support/vectors.h"

namespace microlink::http::testing {

using microlink::testing::Nghttp2Server;

/// A body that stands somewhere whole.
class TextBody final : public RequestBody {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  size_t read_body(size_t from, ByteSpan out) const override {
    return copy(as_bytes(std::string_view(this->text_).substr(std::min(from, this->text_.size()))), out);
  }

 private:
  std::string text_;
};

struct Answer {
  int status{0};
  std::optional<int64_t> length;
  std::string body;
  int events{0};
  bool ended{false}, reset{false};
  H2Error error{};
};

/// Client and server, with bytes going over in pieces.
class H2 : public ::testing::Test {
 protected:
  void SetUp() override {
    this->client_.start();
    RecordProperty("seed", static_cast<int>(this->seed_));
  }

  void poll_events() {
    while (const auto event = this->client_.poll_event()) {
      Answer &answer = this->answers_[event->stream];
      answer.events++;
      switch (event->kind) {
        case H2Event::Kind::RESPONSE:
          EXPECT_EQ(answer.status, 0);
          answer.status = event->fields.status.value_or(-1);
          answer.length = event->fields.content_length;
          break;
        case H2Event::Kind::DATA:
          answer.body += as_text(event->data);
          break;
        case H2Event::Kind::END:
          answer.ended = true;
          break;
        case H2Event::Kind::RESET:
          answer.reset = true;
          answer.error = event->error;
          break;
        case H2Event::Kind::GOAWAY:
          this->goaway_ = true;
          break;
        case H2Event::Kind::FAILED:
          this->failed_ = true;
          this->failure_ = event->error;
          break;
      }
    }
  }
  void to_client(const std::string &bytes) {
    ByteView in = as_bytes(bytes);
    while (!in.empty()) {
      ByteView piece = in.first(std::min<size_t>(in.size(), this->chunk_()));
      in = in.subspan(piece.size());
      while (!piece.empty()) {
        piece = piece.subspan(this->client_.handle_bytes(piece));
        this->poll_events();
      }
    }
  }
  std::string from_client() {
    std::string out;
    Bytes<H2Connection::MIN_TRANSMIT_BYTES> buffer;
    while (const size_t n = this->client_.poll_transmit(buffer))
      out += as_text(ByteView(buffer).first(n));
    return out;
  }
  bool run() {
    for (;;) {
      const std::string up = this->from_client();
      if (!up.empty() && !this->server_->feed(as_bytes(up)))
        return false;
      const std::string down = this->server_->drain();
      if (up.empty() && down.empty())
        return true;
      this->to_client(down);
    }
  }
  H2StreamId post(std::string_view path, std::string_view body) {
    H2Request request;
    request.authority = "control.example";
    request.path = path;
    request.content_type = "application/json";
    request.body = &this->bodies_.emplace_back(std::string(body));
    request.body_bytes = body.size() + this->promised_;
    return this->client_.request(request).value_or(0);
  }
  size_t chunk_() {
    switch (this->chunking_) {
      case 0:
        return SIZE_MAX;
      case 1:
        return 1;
      default:
        return 1 + this->random_() % 40;
    }
  }
  /// Raw frames instead of nghttp2's, after the SETTINGS that must come first.
  H2Error after(const std::string &hex) {
    this->client_.start();
    this->failed_ = false;
    this->post("/x", "");
    this->from_client();
    const auto bytes = microlink::testing::from_hex("000000040000000000" + hex);
    this->to_client(std::string(bytes.begin(), bytes.end()));
    return this->failed_ ? this->failure_ : H2Error::NO_ERROR;
  }

  uint32_t seed_ = std::random_device{}();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937 random_{seed_};
  int chunking_{0};
  H2Connection client_;
  std::unique_ptr<Nghttp2Server> server_ = std::make_unique<Nghttp2Server>();
  std::map<H2StreamId, Answer> answers_;
  std::deque<TextBody> bodies_;
  size_t promised_{0};  ///< bytes that a body says it has, and has not
  bool goaway_{false}, failed_{false};
  H2Error failure_{};
};

}  // namespace microlink::http::testing
