// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <string>

#include "bench/memory/recording.h"
#include "tests/memory/world.h"

namespace microlink::bench {

/// Writes a recording of the first node's client.
class Recorder final : public testing::Observer {
 public:
  explicit Recorder(std::FILE *file) : file_(file) {}

  void config(const std::string &control_url, const std::string &name, bool relay_only) {
    this->write_({.kind = Entry::CONFIG, .stream = relay_only}, {}, as_view_(control_url), name);
  }
  void mark(const std::string &name) { this->write_({.kind = Entry::MARK}, {}, {}, name); }

  void on_input(Instant now, const Input &input) override {
    this->entry_ = {.kind = static_cast<uint32_t>(input.kind),
                    .stream = input.stream,
                    .record = static_cast<uint32_t>(input.record),
                    .error = static_cast<uint32_t>(input.error),
                    .now = static_cast<int64_t>(now),
                    .wall_time = static_cast<int64_t>(input.wall_time),
                    .from = input.from};
    this->endpoints_.assign(reinterpret_cast<const char *>(input.endpoints.data()), input.endpoints.size_bytes());
    this->bytes_ = as_text(input.bytes);
    this->text_ = input.host;
    this->digest_ = {};
  }
  void on_action(const Action &action) override { this->digest_.add(action); }
  void on_rest() override {
    this->entry_.digest = this->digest_.value();
    this->write_(this->entry_, as_view_(this->endpoints_), as_view_(this->bytes_), this->text_);
  }

 private:
  static ByteView as_view_(const std::string &text) {
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
  }
  void put_(ByteView bytes) {
    std::fwrite(bytes.data(), 1, bytes.size(), this->file_);
    std::fwrite("\0\0\0", 1, padded(bytes.size()) - bytes.size(), this->file_);
  }
  void write_(Entry entry, ByteView endpoints, ByteView bytes, const std::string &text) {
    entry.endpoints = static_cast<uint32_t>(endpoints.size() / sizeof(Endpoint));
    entry.bytes = static_cast<uint32_t>(bytes.size());
    entry.text = static_cast<uint32_t>(text.size());
    this->put_({reinterpret_cast<const uint8_t *>(&entry), sizeof(entry)});
    this->put_(endpoints);
    this->put_(bytes);
    this->put_(as_view_(text));
  }

  std::FILE *file_;
  Entry entry_{};
  std::string endpoints_, bytes_, text_;
  Digest digest_;
};

}  // namespace microlink::bench
