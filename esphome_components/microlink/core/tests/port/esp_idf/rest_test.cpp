// SPDX-License-Identifier: MIT
/// Whatever happened to a socket of the node, on lwIP: when it was worked off, the loop sleeps again. A socket that
/// select() goes on calling ready would keep a chip awake, and the tasks below it away from the processor.
#include <esp_timer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "microlink/port/chip/streams.h"
#include "microlink/port/chip/udp.h"
#include "microlink/port/posix/sockets.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using chip::Selection;
using chip::Socket;

const IpAddress LOOPBACK = IpAddress::v4(127, 0, 0, 1);
constexpr Duration STILL = milliseconds(60);
constexpr int MOST_TURNS = 50;  ///< until it sleeps; one that spins makes thousands

Instant clock_now() { return static_cast<Instant>(esp_timer_get_time()); }

class Rests : public OnLwip, protected posix::InputSink {
 protected:
  Rests() : listener(socket_at(SOCK_STREAM, {LOOPBACK, 0})) {
    EXPECT_EQ(::listen(this->listener.get(), 4), 0);
    EXPECT_TRUE(this->udp.open(0));
  }
  void feed(const Input &input) override {
    this->heard.push_back(input.kind);
    if (this->when_fed)
      this->when_fed(input);
  }
  size_t count(Input::Kind kind) const { return static_cast<size_t>(std::ranges::count(this->heard, kind)); }
  static uint16_t port_of(const Socket &socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&address), &length), 0);
    return posix::from_sockaddr(address).port;
  }
  /// As chip::Loop does it.
  void turn(Duration wait) {
    Selection selection;
    this->udp.watch(selection);
    this->streams.watch(selection);
    selection.wait(to_microseconds(wait));
    this->udp.serve(selection, this->room);
    this->streams.serve(clock_now(), selection, this->room);
  }
  /// Whether soon a whole wait passes.
  bool comes_to_rest() {
    for (int i = 0; i != MOST_TURNS; i++) {
      const Instant from = clock_now();
      this->turn(STILL);
      if (clock_now() - from >= STILL - milliseconds(1))
        return true;
    }
    return false;
  }
  void open(uint16_t port) {
    this->streams.open(clock_now(), 0, port);
    this->streams.resolved(clock_now(), 0, this->streams.generation(0), {&LOOPBACK, 1});
  }
  void connect() {
    this->open(port_of(this->listener));
    while (this->count(Input::Kind::STREAM_OPEN) == 0)
      this->turn(milliseconds(10));
    this->server = Socket(::accept(this->listener.get(), nullptr, nullptr));
    ASSERT_TRUE(this->server.valid());
  }

  Socket listener;
  Socket server;
  chip::Udp udp{*this};
  chip::Streams streams{*this};
  Bytes<1504> room{};
  std::vector<Input::Kind> heard;
  std::function<void(const Input &)> when_fed;
};

TEST_F(Rests, when_nobody_listens) {
  this->open(1);
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_EQ(this->count(Input::Kind::STREAM_CLOSED), 1U);
}

TEST_F(Rests, while_a_name_is_looked_up) {
  this->streams.open(clock_now(), 0, 1);
  EXPECT_TRUE(this->comes_to_rest());
}

TEST_F(Rests, when_a_connection_stands) {
  this->connect();
  EXPECT_TRUE(this->comes_to_rest());
}

TEST_F(Rests, when_all_that_came_was_read_however_much) {
  this->connect();
  const std::string text(5'000, 'x');
  ASSERT_EQ(::send(this->server.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_GE(this->count(Input::Kind::STREAM_BYTES), 4U);
}

TEST_F(Rests, when_the_other_side_said_goodbye) {
  this->connect();
  const char last = 'x';
  ASSERT_EQ(::send(this->server.get(), &last, 1, 0), 1);
  this->server.close();
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_EQ(this->count(Input::Kind::STREAM_CLOSED), 1U);
}

TEST_F(Rests, when_the_other_side_broke_off) {
  this->connect();
  const Bytes<100> unread{};
  (void) this->streams.send(0, unread);
  ASSERT_TRUE(is_readable(this->server));
  this->server.close();  // with something unread: lwIP resets the connection
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_EQ(this->count(Input::Kind::STREAM_CLOSED), 1U);
}

TEST_F(Rests, when_the_client_has_nothing_more_to_send) {
  this->connect();
  const Bytes<chip::Streams::MAX_SEND_BYTES> piece{};
  ASSERT_EQ(this->streams.send(0, piece), chip::Streams::Sent::BLOCKED);
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_EQ(this->count(Input::Kind::STREAM_WRITABLE), 1U);
}

TEST_F(Rests, while_the_other_side_takes_nothing) {
  this->connect();
  const Bytes<chip::Streams::MAX_SEND_BYTES> piece{};
  this->when_fed = [&](const Input &input) {
    if (input.kind == Input::Kind::STREAM_WRITABLE)
      (void) this->streams.send(0, piece);
  };
  ASSERT_EQ(this->streams.send(0, piece), chip::Streams::Sent::BLOCKED);
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_TRUE(this->streams.is_any_blocked());
}

TEST_F(Rests, when_datagrams_were_taken_even_empty_and_too_long_ones) {
  const Socket sender = socket_at(SOCK_DGRAM, {LOOPBACK, 0});
  ASSERT_TRUE(connect_to(sender, {LOOPBACK, this->udp.port_v4()}));
  const std::string text(2'000, 'x');
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1504}, text.size(), size_t{100}})
    ASSERT_EQ(::send(sender.get(), text.data(), size, 0), static_cast<ssize_t>(size));
  EXPECT_TRUE(this->comes_to_rest());
  EXPECT_GE(this->count(Input::Kind::DATAGRAM), 2U);
}

TEST_F(Rests, when_a_datagram_was_refused_by_its_destination) {
  this->udp.send({LOOPBACK, 1}, room);
  this->udp.send({LOOPBACK, 1}, room);
  EXPECT_TRUE(this->comes_to_rest());
}

}  // namespace
}  // namespace microlink::chip_test
