// SPDX-License-Identifier: MIT
#include "microlink/port/lwip/userspace_sockets.h"

#include <gtest/gtest.h>

#include <memory>

#include "microlink/client.h"
#include "tests/port/lwip/back_to_back.h"

namespace microlink::lwip {
namespace {

struct Family {
  const char *a;
  const char *b;
};

/// Sockets on both ends of a cable.
struct Ends {
  BackToBack wire;
  UserspaceSockets a{wire.a};
  UserspaceSockets b{wire.b};

  /// What one end sends has reached the other.
  void turn() {
    this->wire.turn();
    this->wire.turn();
    this->a.serve(this->wire.now(), {});
    this->b.serve(this->wire.now(), {});
  }
  bool run(const std::function<bool()> &done, Duration limit = seconds(120)) {
    for (const Instant end = this->wire.now() + limit; this->wire.now() < end; this->turn()) {
      if (done())
        return true;
    }
    return done();
  }
};

class Sockets4And6 : public testing::TestWithParam<Family> {
 protected:
  /// A connection from a to b.
  void connect(TcpConnection &client, TcpConnection &server) {
    TcpListener listener;
    ASSERT_EQ(listener.open(this->ends.b, 80), Error::NONE);
    ASSERT_EQ(client.connect(this->ends.a, GetParam().b, 80), Error::NONE);
    ASSERT_TRUE(this->ends.run([&] { return listener.accept(server) == Error::NONE; }, seconds(5)));
    ASSERT_TRUE(this->ends.run([&] { return client.status() == Error::NONE; }, seconds(5)));
  }
  Ends ends;
  Bytes<2000> room{};
};
INSTANTIATE_TEST_SUITE_P(Families, Sockets4And6,
                         testing::Values(Family{"100.64.0.1", "100.64.0.2"},
                                         Family{"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2"}),
                         [](const auto &info) { return info.index == 0 ? "v4" : "v6"; });

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i != size; i++)
    out[i] = static_cast<char>(i * i % 251);
  return out;
}

/// Writes what is left of `text` and then the end; `sent` keeps count.
void write_some(TcpConnection &to, const std::string &text, size_t &sent) {
  while (sent != text.size()) {
    const auto n = to.write(as_bytes(text).subspan(sent));
    if (!n)
      return;
    sent += *n;
  }
  (void) to.end();
}

/// Reads all that is there; whether the end has come.
bool read_some(TcpConnection &from, std::string &got) {
  Bytes<10000> room;
  while (true) {
    const auto n = from.read(room);
    if (!n)
      return false;
    if (*n == 0)
      return true;
    got += as_text(ByteView(room).first(*n));
  }
}

// --- datagrams -------------------------------------------------------------------------------------------------------

TEST_P(Sockets4And6, datagrams_there_and_back) {
  UdpSocket client;
  UdpSocket server;
  ASSERT_EQ(client.open(this->ends.a), Error::NONE);
  ASSERT_EQ(server.open(this->ends.b, 7), Error::NONE);
  EXPECT_NE(client.port(), 0);
  EXPECT_EQ(server.port(), 7);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{500}, MAX_DATAGRAM_BYTES}) {
    const std::string text = pattern(size);
    ASSERT_EQ(client.send(GetParam().b, 7, as_bytes(text)), Error::NONE);
    EXPECT_EQ(server.receive(this->room).error(), Error::NOT_READY);
    this->ends.turn();
    const auto got = server.receive(this->room);
    ASSERT_TRUE(got);
    EXPECT_EQ(as_text(got->bytes), text);
    EXPECT_EQ(to_text(got->from.address).view(), GetParam().a);
    EXPECT_EQ(got->from.port, client.port());
    ASSERT_EQ(server.send(got->from, got->bytes), Error::NONE);
    this->ends.turn();
    const auto answer = client.receive(ByteSpan(this->room).first(100));
    ASSERT_TRUE(answer);
    EXPECT_EQ(as_text(answer->bytes), text.substr(0, 100)) << "cut to the room";
  }
  EXPECT_EQ(this->ends.wire.carried, 8U) << "each in one packet";
  const std::string too_long = pattern(MAX_DATAGRAM_BYTES + 1);
  EXPECT_EQ(client.send(GetParam().b, 7, as_bytes(too_long)), Error::NO_SPACE);
}

TEST_P(Sockets4And6, datagrams_that_nobody_takes_are_dropped) {
  UdpSocket client;
  UdpSocket server;
  ASSERT_EQ(client.open(this->ends.a), Error::NONE);
  ASSERT_EQ(server.open(this->ends.b, 7), Error::NONE);
  constexpr size_t WAIT = UserspaceSockets::MAX_WAITING_DATAGRAMS;
  for (size_t i = 0; i != WAIT + 5; i++)
    ASSERT_EQ(client.send(GetParam().b, 7, as_bytes(std::to_string(i))), Error::NONE);
  ASSERT_EQ(client.send(GetParam().b, 8, as_bytes("nobody is there")), Error::NONE);
  this->ends.turn();
  size_t got = 0;
  while (const auto datagram = server.receive(this->room))
    EXPECT_EQ(as_text(datagram->bytes), std::to_string(got++)) << "the first ones stay";
  EXPECT_EQ(got, WAIT);
}

TEST(UserspaceSockets, without_an_address_nothing_is_sent_and_connections_wait) {
  Ends ends;
  ends.wire.a.set_addresses({});
  ends.turn();
  UdpSocket socket;
  ASSERT_EQ(socket.open(ends.a), Error::NONE);
  EXPECT_EQ(socket.send("100.64.0.2", 7, as_bytes("x")), Error::NOT_READY);
  TcpListener listener;
  TcpConnection connection;
  ASSERT_EQ(listener.open(ends.b, 80), Error::NONE);
  ASSERT_EQ(connection.connect(ends.a, "100.64.0.2", 80), Error::NONE);
  EXPECT_FALSE(ends.run([&] { return connection.status() != Error::NOT_READY; }, seconds(5)));
  ends.wire.a.set_addresses(std::vector<Endpoint>{{*parse_ip("100.64.0.1"), 0}});
  EXPECT_TRUE(ends.run([&] { return connection.status() == Error::NONE; }, seconds(5)));
  EXPECT_EQ(socket.send("100.64.0.2", 7, as_bytes("x")), Error::NONE);
  EXPECT_EQ(socket.send("fd7a:115c:a1e0::2", 7, as_bytes("x")), Error::NOT_READY);
  EXPECT_EQ(socket.send("192.0.2.1", 7, as_bytes("x")), Error::UNKNOWN_PEER) << "no way out of the tailnet";
}

TEST(UserspaceSockets, places_are_limited_and_given_back) {
  BackToBack wire;
  UserspaceSockets sockets(wire.a, 3);
  UdpSocket first;
  UdpSocket second;
  TcpListener listener;
  TcpConnection connection;
  EXPECT_EQ(first.open(sockets, 7), Error::NONE);
  EXPECT_EQ(second.open(sockets, 7), Error::UNEXPECTED) << "the port is taken";
  EXPECT_EQ(second.open(sockets, 8), Error::NONE);
  EXPECT_EQ(listener.open(sockets, 80), Error::NONE);
  EXPECT_EQ(connection.connect(sockets, "100.64.0.2", 80), Error::NO_SPACE);
  UserspaceSockets more(wire.b);
  TcpListener other;
  EXPECT_EQ(other.open(more, 80), Error::UNEXPECTED);
  EXPECT_EQ(connection.status(), Error::CLOSED);
  UdpSocket moved = std::move(first);
  EXPECT_FALSE(first.is_open());
  EXPECT_EQ(first.send("100.64.0.2", 7, {}), Error::CLOSED);
  EXPECT_EQ(moved.port(), 7);
  moved.close();
  EXPECT_EQ(sockets.size(), 2U);
  EXPECT_EQ(connection.connect(sockets, "", 80), Error::MALFORMED);
  EXPECT_EQ(connection.connect(sockets, "100.64.0.2", 80), Error::NONE);
  EXPECT_EQ(first.open(sockets, 7), Error::NO_SPACE);
}

// --- connections -----------------------------------------------------------------------------------------------------

TEST(LocalPorts, come_from_the_range_whatever_number_is_drawn) {
  for (u32_t drawn = 0; drawn <= UINT16_MAX; drawn++) {
    // lwIP takes the next one, and only then looks whether that is the end.
    for (const u32_t random : {drawn, drawn | 0xffff0000U}) {
      ASSERT_GE(TCP_ENSURE_LOCAL_PORT_RANGE(random), TCP_LOCAL_PORT_RANGE_START) << random;
      ASSERT_LT(TCP_ENSURE_LOCAL_PORT_RANGE(random), TCP_LOCAL_PORT_RANGE_END) << random;
    }
  }
}

TEST_P(Sockets4And6, a_connection_carries_both_ways_and_ends_in_good_order) {
  for (const unsigned loss : {0U, 5U}) {
    TcpConnection client;
    TcpConnection server;
    this->connect(client, server);
    EXPECT_EQ(to_text(server.peer().address).view(), GetParam().a);
    EXPECT_EQ(to_text(client.peer()).view(), to_text(Endpoint{*parse_ip(GetParam().b), 80}).view());
    this->ends.wire.loss_percent = loss;
    const std::string there = pattern(300'000);
    const std::string back = pattern(200'000);
    size_t there_sent = 0;
    size_t back_sent = 0;
    std::string there_got;
    std::string back_got;
    bool done[2] = {};
    EXPECT_TRUE(this->ends.run(
        [&] {
          write_some(client, there, there_sent);
          write_some(server, back, back_sent);
          done[0] = read_some(server, there_got) || done[0];
          done[1] = read_some(client, back_got) || done[1];
          return done[0] && done[1] && client.is_finished() && server.is_finished();
        },
        seconds(600)));
    EXPECT_TRUE(there_got == there);
    EXPECT_TRUE(back_got == back);
    EXPECT_EQ(client.write(as_bytes("more")).error(), Error::CLOSED);
    EXPECT_EQ(client.status(), Error::NONE);
    this->ends.wire.loss_percent = 0;
    client.close();
    server.close();
    EXPECT_EQ(this->ends.a.size() + this->ends.b.size(), 0U);
    this->ends.run([] { return false; }, seconds(5));
  }
}

TEST_P(Sockets4And6, what_was_written_before_close_arrives_and_long_after_the_end_it_can_be_read) {
  TcpConnection client;
  TcpConnection server;
  this->connect(client, server);
  ASSERT_TRUE(client.write(as_bytes("last words")));
  client.close();
  this->ends.turn();
  EXPECT_EQ(server.end(), Error::NONE);
  EXPECT_TRUE(this->ends.run([&] { return server.is_finished(); }, seconds(5)));
  this->ends.run([] { return false; }, seconds(400));  // lwIP forgets the connection meanwhile
  std::string got;
  EXPECT_TRUE(read_some(server, got));
  EXPECT_EQ(got, "last words");
}

TEST_P(Sockets4And6, who_ends_first_may_read_long_after_lwip_has_forgotten_the_connection) {
  TcpConnection client;
  TcpConnection server;
  this->connect(client, server);
  EXPECT_EQ(client.end(), Error::NONE);
  this->ends.turn();
  ASSERT_TRUE(server.write(as_bytes("answer")));
  EXPECT_EQ(server.end(), Error::NONE);
  this->ends.run([] { return false; }, seconds(400));
  EXPECT_TRUE(client.is_finished());
  std::string got;
  EXPECT_TRUE(read_some(client, got));
  EXPECT_EQ(got, "answer");
}

TEST_P(Sockets4And6, a_closed_port_refuses_and_silence_times_out) {
  TcpConnection connection;
  ASSERT_EQ(connection.connect(this->ends.a, GetParam().b, 81), Error::NONE);
  EXPECT_EQ(connection.status(), Error::NOT_READY);
  EXPECT_EQ(connection.read(this->room).error(), Error::NOT_READY);
  EXPECT_TRUE(this->ends.run([&] { return connection.status() == Error::REJECTED; }, seconds(2)));
  EXPECT_EQ(connection.read(this->room).error(), Error::REJECTED);
  this->ends.wire.loss_percent = 100;
  ASSERT_EQ(connection.connect(this->ends.a, GetParam().b, 80), Error::NONE);
  EXPECT_TRUE(this->ends.run([&] { return connection.status() != Error::NOT_READY; },
                             UserspaceSockets::CONNECT_LIMIT + seconds(1)));
  EXPECT_EQ(connection.status(), Error::TIMED_OUT);
}

TEST_P(Sockets4And6, a_side_that_does_not_read_holds_the_other_back) {
  TcpConnection client;
  TcpConnection server;
  this->connect(client, server);
  const std::string text = pattern(2'000'000);
  size_t sent = 0;
  this->ends.run([&] { return write_some(client, text, sent), false; }, seconds(20));
  EXPECT_GT(sent, size_t{TCP_WND} / 2);
  EXPECT_LE(sent, size_t{TCP_WND} + TCP_SND_BUF) << "what is under way is bounded";
  std::string got;
  EXPECT_TRUE(this->ends.run([&] { return write_some(client, text, sent), read_some(server, got); }));
  EXPECT_TRUE(got == text);
}

TEST_P(Sockets4And6, close_with_something_unread_breaks_off) {
  TcpConnection client;
  TcpConnection server;
  this->connect(client, server);
  ASSERT_TRUE(client.write(as_bytes("listen!")));
  this->ends.turn();
  this->ends.turn();
  server.close();
  EXPECT_TRUE(this->ends.run([&] { return client.status() == Error::CLOSED; }, seconds(2)));
  EXPECT_EQ(client.write(as_bytes("x")).error(), Error::CLOSED);
}

TEST_P(Sockets4And6, a_few_connections_wait_for_a_listener_and_go_with_it) {
  TcpListener listener;
  ASSERT_EQ(listener.open(this->ends.b, 80), Error::NONE);
  constexpr size_t WAIT = UserspaceSockets::MAX_WAITING_CONNECTIONS;
  TcpConnection clients[WAIT + 1];
  for (TcpConnection &client : clients) {
    ASSERT_EQ(client.connect(this->ends.a, GetParam().b, 80), Error::NONE);
    EXPECT_TRUE(this->ends.run([&] { return client.status() != Error::NOT_READY; }, seconds(5)));
  }
  EXPECT_TRUE(this->ends.run([&] { return clients[WAIT].status() == Error::CLOSED; }, seconds(5)));
  EXPECT_EQ(this->ends.b.size(), WAIT + 1);
  ASSERT_TRUE(clients[0].write(as_bytes("early")));
  this->ends.turn();
  TcpConnection first;
  ASSERT_EQ(listener.accept(first), Error::NONE);
  std::string got;
  read_some(first, got);
  EXPECT_EQ(got, "early");
  listener.close();
  EXPECT_TRUE(this->ends.run([&] { return this->ends.b.size() == 1; }, seconds(5))) << "the accepted one stays";
  Bytes<10> some;
  EXPECT_TRUE(this->ends.run([&] { return clients[1].read(some).error() != Error::NOT_READY; }, seconds(5)));
  EXPECT_EQ(clients[0].status(), Error::NONE);
}

TEST(UserspaceSockets, a_connection_does_not_survive_its_address) {
  Ends ends;
  TcpListener listener;
  TcpConnection client;
  ASSERT_EQ(listener.open(ends.b, 80), Error::NONE);
  ASSERT_EQ(client.connect(ends.a, "100.64.0.2", 80), Error::NONE);
  ASSERT_TRUE(ends.run([&] { return client.status() == Error::NONE; }, seconds(5)));
  ends.wire.a.set_addresses(std::vector<Endpoint>{{*parse_ip("100.64.0.9"), 0}});
  ends.turn();
  EXPECT_EQ(client.status(), Error::CLOSED);
}

TEST(UserspaceSockets, a_name_is_looked_for_in_bounded_time) {
  Ends ends;  // without a node there is nobody to ask
  TcpConnection connection;
  ASSERT_EQ(connection.connect(ends.a, "kitchen", 80), Error::NONE);
  EXPECT_EQ(ends.a.find("kitchen").error(), Error::NOT_READY);
  UdpSocket socket;
  ASSERT_EQ(socket.open(ends.a), Error::NONE);
  EXPECT_EQ(socket.send("kitchen", 7, as_bytes("x")), Error::NOT_READY);
  EXPECT_LE(ends.a.next_timeout() - ends.wire.now(), Client::FIND_LIMIT);
  EXPECT_TRUE(ends.run([&] { return connection.status() == Error::TIMED_OUT; }, Client::FIND_LIMIT + seconds(1)));
  EXPECT_EQ(ends.a.next_timeout(), Instant::NEVER);
}

TEST(UserspaceSockets, go_a_thousand_times_with_everything_open) {
  for (int i = 0; i != 1000; i++) {
    Ends ends;
    UdpSocket datagrams[2];
    TcpListener listener;
    TcpConnection connections[3];
    TcpConnection accepted;
    EXPECT_EQ(datagrams[0].open(ends.a), Error::NONE);
    EXPECT_EQ(datagrams[1].open(ends.b, 7), Error::NONE);
    EXPECT_EQ(listener.open(ends.b, 80), Error::NONE);
    EXPECT_EQ(datagrams[0].send("100.64.0.2", 7, as_bytes("left unread")), Error::NONE);
    for (TcpConnection &connection : connections)
      EXPECT_EQ(connection.connect(ends.a, &connection == connections ? "kitchen" : "100.64.0.2", 80), Error::NONE);
    for (int turn = 0; turn != i % 7; turn++) {
      ends.turn();
      (void) connections[1].write(as_bytes("left unread, too"));
      if (turn == 3)
        (void) listener.accept(accepted);
      if (turn == 4)
        (void) connections[2].end();
    }
  }
}

}  // namespace
}  // namespace microlink::lwip
