// SPDX-License-Identifier: MIT
#include "microlink/port/chip/streams.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/sockets.h"

namespace microlink::chip {
namespace {

const IpAddress LOCALHOST = IpAddress::v4(127, 0, 0, 1);

struct Sink final : posix::InputSink {
  void feed(const Input &input) override {
    if (input.kind == Input::Kind::STREAM_BYTES)
      this->received.append(reinterpret_cast<const char *>(input.bytes.data()), input.bytes.size());
    this->kinds.push_back(input.kind);
    this->error = input.error;
  }
  bool heard(Input::Kind kind) const {
    return std::find(this->kinds.begin(), this->kinds.end(), kind) != this->kinds.end();
  }

  std::vector<Input::Kind> kinds;
  std::string received;
  Error error{Error::NONE};
};

class ChipStreams : public ::testing::Test {
 protected:
  ChipStreams() : listener_(Socket::open(AF_INET, SOCK_STREAM)) {
    sockaddr_storage address{};
    socklen_t length = posix::to_sockaddr({LOCALHOST, 0}, address);
    EXPECT_EQ(::bind(this->listener_.get(), reinterpret_cast<sockaddr *>(&address), length), 0);
    EXPECT_EQ(::listen(this->listener_.get(), 4), 0);
    EXPECT_EQ(::getsockname(this->listener_.get(), reinterpret_cast<sockaddr *>(&address), &length), 0);
    this->port = posix::from_sockaddr(address).port;
  }

  void turn() {
    Selection selection;
    this->streams.watch(selection);
    selection.wait(1'000);
    this->streams.serve(posix::monotonic_now(), selection, this->room);
  }
  void run_until(const std::function<bool()> &done) {
    const Instant deadline = posix::monotonic_now() + seconds(20);
    bool is_done = done();
    while (!is_done && posix::monotonic_now() < deadline) {
      this->turn();
      is_done = done();
    }
    EXPECT_TRUE(is_done);
  }
  void open(std::vector<IpAddress> addresses) {
    this->streams.open(posix::monotonic_now(), 0, this->port);
    this->streams.resolved(posix::monotonic_now(), 0, this->streams.generation(0), addresses);
  }
  void connect() {
    this->open({LOCALHOST});
    this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_OPEN); });
    this->peer = Socket(::accept(this->listener_.get(), nullptr, nullptr));
    ASSERT_TRUE(this->peer.valid());
    ASSERT_TRUE(make_non_blocking(this->peer.get()));
  }
  size_t read_peer(std::string &all) {
    char bytes[4096];
    const ssize_t n = ::recv(this->peer.get(), bytes, sizeof(bytes), 0);
    if (n > 0)
      all.append(bytes, static_cast<size_t>(n));
    return n > 0 ? static_cast<size_t>(n) : 0;
  }

  Sink sink;
  Streams streams{sink};
  Bytes<1600> room{};
  Socket peer;
  uint16_t port{0};

 private:
  Socket listener_;
};

TEST_F(ChipStreams, carries_bytes_both_ways) {
  this->connect();
  ASSERT_EQ(::send(this->peer.get(), "hello", 5, 0), 5);
  this->run_until([this] { return this->sink.received == "hello"; });
  (void) this->streams.send(0, as_bytes("world"));
  std::string got;
  this->run_until([&] { return this->read_peer(got) != 0; });
  EXPECT_EQ(got, "world");
}

TEST_F(ChipStreams, tries_the_next_address_when_one_refuses) {
  this->open({IpAddress::v4(127, 0, 0, 9), LOCALHOST});
  this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_OPEN); });
}

TEST_F(ChipStreams, says_closed_when_no_address_answers) {
  this->open({IpAddress::v4(127, 0, 0, 9)});
  this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_CLOSED); });
  EXPECT_EQ(this->sink.error, Error::CLOSED);
  this->sink.kinds.clear();
  this->open({});
  this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_CLOSED); });
}

TEST_F(ChipStreams, says_closed_when_the_peer_closes) {
  this->connect();
  this->peer.close();
  this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_CLOSED); });
}

TEST_F(ChipStreams, an_answer_for_an_earlier_opening_is_ignored) {
  this->streams.open(posix::monotonic_now(), 0, this->port);
  const uint32_t earlier_one = this->streams.generation(0);
  this->streams.open(posix::monotonic_now(), 0, this->port);
  this->streams.resolved(posix::monotonic_now(), 0, earlier_one, {&LOCALHOST, 1});
  Selection selection;
  this->streams.watch(selection);
  EXPECT_NE(this->streams.generation(0), earlier_one);
  EXPECT_GT(this->streams.next_timeout(posix::monotonic_now()), posix::monotonic_now() + seconds(5));
  this->turn();
  EXPECT_FALSE(this->sink.heard(Input::Kind::STREAM_OPEN));
}

TEST_F(ChipStreams, counts_on_room_for_a_few_pieces_only_until_the_next_turn) {
  this->connect();
  for (int turns = 0; turns != 3; turns++) {
    for (int i = 1; i != Streams::WRITABLE_PIECES; i++)
      EXPECT_EQ(this->streams.send(0, as_bytes("x")), Streams::Sent::WHOLE);
    EXPECT_EQ(this->streams.send(0, as_bytes("x")), Streams::Sent::BLOCKED);
    this->sink.kinds.clear();
    this->run_until([this] { return this->sink.heard(Input::Kind::STREAM_WRITABLE); });
  }
}

TEST_F(ChipStreams, a_stream_whose_bytes_find_no_room_for_long_is_closed_rather_than_garbled) {
  this->connect();
  const std::string piece(Streams::MAX_SEND_BYTES, 'x');
  size_t sent = 0;
  // Further than the client would go, as if the system had no memory.
  for (; sent != 10'000 && this->streams.next_timeout(posix::monotonic_now()) == Instant::NEVER; sent++)
    (void) this->streams.send(0, as_bytes(piece));
  EXPECT_LT(sent, 10'000U);
  this->turn();
  EXPECT_TRUE(this->sink.heard(Input::Kind::STREAM_CLOSED));
  EXPECT_EQ(this->sink.error, Error::NO_SPACE);
}

TEST_F(ChipStreams, nothing_is_lost_to_a_peer_that_reads_slowly) {
  this->connect();
  std::string sent;
  std::string got;
  bool may_send = true;
  size_t blocked = 0;
  for (int round = 0; round != 4'000; round++) {
    if (may_send) {
      std::string chunk(1'000 + static_cast<size_t>(round % 1'000), static_cast<char>('a' + round % 26));
      sent += chunk;
      may_send = this->streams.send(0, as_bytes(chunk)) == Streams::Sent::WHOLE;
      blocked += may_send ? 0 : 1;
    }
    this->sink.kinds.clear();
    this->turn();
    may_send = may_send || this->sink.heard(Input::Kind::STREAM_WRITABLE);
    ASSERT_FALSE(this->sink.heard(Input::Kind::STREAM_CLOSED));
    if (round % 7 == 0)
      this->read_peer(got);
  }
  EXPECT_GT(blocked, 100U);
  this->run_until([&] {
    this->read_peer(got);
    return got.size() >= sent.size();
  });
  EXPECT_TRUE(got == sent);
}

}  // namespace
}  // namespace microlink::chip
