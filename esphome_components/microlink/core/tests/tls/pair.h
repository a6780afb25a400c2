// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/tls/server.h"

namespace microlink::tls::testing {

inline constexpr WallTime YEAR_2030 = wall_seconds(1'893'456'000);

/// A session and a server that talk to each other; the bytes go through cuts that the test chooses.
class Pair {
 public:
  /// How many bytes the next piece may have, at most; asked for each.
  using Cut = std::function<size_t()>;

  explicit Pair(const Server::Options &options = {}, uint32_t seed = 1) : server(options), random(seed) {
    EXPECT_EQ(this->anchors.add(ROOT), Error::NONE);
  }

  Policy policy() const {
    Policy out;
    out.host = "relay.example";
    out.anchors = &this->anchors;
    out.wall_time = YEAR_2030;
    return out;
  }

  Error start(const Policy &policy) { return this->session.start(policy, this->random); }

  /// Move bytes until nothing moves; `to_server` is written by the client.
  void pump(std::string to_server = {}) {
    for (bool moved = true; moved;) {
      moved = false;
      const std::string from_server = this->server.take();
      this->transcript += from_server;
      this->pending += from_server;
      moved |= this->read_() || !from_server.empty();
      moved |= this->write_(to_server);
    }
  }

  bool shake_hands(const Policy &policy) {
    if (this->start(policy) != Error::NONE)
      return false;
    this->pump();
    return this->session.state() == Session::State::OPEN && this->server.is_open();
  }

  Server server;
  SeededRandom random;
  PemAnchors anchors;
  Session session;
  Cut cut = [] { return size_t{1400}; };
  std::string received;    // plaintext at the client
  std::string pending;     // ciphertext that the client has not consumed
  std::string transcript;  // everything the server sent
  Error error = Error::NONE;

 private:
  bool read_() {
    bool moved = false;
    while (true) {
      const size_t size = std::min(this->pending.size(), this->cut());
      const std::string piece = this->pending.substr(0, size);
      ByteView in = as_bytes(piece);
      Bytes<1024> plain;
      const auto n = this->session.read(in, plain);
      this->pending.erase(0, size - in.size());
      moved |= in.size() != size;
      if (!n) {
        this->error = n.error();
        return moved;
      }
      this->received += as_text(ByteView(plain).first(*n));
      moved |= *n != 0;
      if (*n == 0 && (in.size() == size || this->pending.empty()))
        return moved;
    }
  }

  bool write_(std::string &to_server) {
    bool moved = false;
    while (true) {
      ByteView plain = as_bytes(to_server);
      std::string out(this->cut(), '\0');
      const auto n = this->session.write(plain, {reinterpret_cast<uint8_t *>(out.data()), out.size()});
      to_server.erase(0, to_server.size() - plain.size());
      if (!n || *n == 0)
        return moved;
      moved = true;
      this->server.handle(out.substr(0, *n));
    }
  }
};

}  // namespace microlink::tls::testing
