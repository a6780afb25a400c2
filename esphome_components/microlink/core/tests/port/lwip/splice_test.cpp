// SPDX-License-Identifier: MIT
#include "microlink/port/lwip/splice.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <numeric>

#include "microlink/port/lwip/local_services.h"
#include "microlink/port/lwip/userspace_sockets.h"
#include "tests/port/lwip/back_to_back.h"

namespace microlink::lwip {
namespace {

constexpr uint16_t PORT = 80;

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i != size; i++)
    out[i] = static_cast<char>(i * i % 251);
  return out;
}

/// A peer on one side; on the other a splice between its connection and one end of a pair of sockets, whose other end
/// is the program's.
class SpliceTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    this->program.reset(ends[0]);
    this->inner_.reset(ends[1]);
    tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    ip_set_option(pcb, SOF_REUSEADDR);
    ASSERT_EQ(tcp_bind(pcb, IP_ANY_TYPE, PORT), ERR_OK);
    this->listener_ = tcp_listen(pcb);
    tcp_arg(this->listener_, this);
    tcp_accept(this->listener_, [](void *self, tcp_pcb *connection, err_t) -> err_t {
      auto *test = static_cast<SpliceTest *>(self);
      test->splices.add(connection, std::move(test->inner_), Splice::State::FLOWING);
      return ERR_OK;
    });
    ASSERT_EQ(this->peer.connect(this->sockets, "100.64.0.2", PORT), Error::NONE);
    ASSERT_TRUE(this->run([&] { return this->peer.status() == Error::NONE && this->splices.size() == 1; }));
  }
  void TearDown() override { (void) tcp_close(this->listener_); }

  void turn() {
    this->wire.turn();
    this->wire.turn();
    this->sockets.serve(this->wire.now(), {});
    std::vector<pollfd> fds;
    this->splices.watch(fds);
    (void) ::poll(fds.data(), fds.size(), 0);
    this->splices.serve(this->wire.now(), fds);
  }
  bool run(const std::function<bool()> &done, Duration limit = seconds(60)) {
    for (const Instant end = this->wire.now() + limit; this->wire.now() < end; this->turn()) {
      if (done())
        return true;
    }
    return done();
  }
  /// Lets time pass, with the splice but without the program.
  void wait(Duration time) {
    this->run([] { return false; }, time);
  }

  void program_writes(const std::string &text, size_t &sent) {
    const ssize_t n = ::send(this->program.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    sent += n > 0 ? static_cast<size_t>(n) : 0;
    if (sent == text.size())
      (void) ::shutdown(this->program.get(), SHUT_WR);
  }
  /// Whether the end has come.
  bool program_reads(std::string &got) {
    char room[10000];
    ssize_t n;
    while ((n = ::recv(this->program.get(), room, sizeof(room), 0)) > 0)
      got.append(room, static_cast<size_t>(n));
    return n == 0;
  }
  void peer_writes(const std::string &text, size_t &sent) {
    if (const auto n = this->peer.write(as_bytes(text).subspan(sent)))
      sent += *n;
    if (sent == text.size())
      (void) this->peer.end();
  }
  bool peer_reads(std::string &got) {
    Bytes<10000> room;
    auto n = this->peer.read(room);
    for (; n && *n != 0; n = this->peer.read(room))
      got += as_text(ByteView(room).first(*n));
    return bool{n};
  }

  BackToBack wire;
  UserspaceSockets sockets{wire.a};
  TcpConnection peer;
  Splices splices{wire.b, 2};
  posix::Fd program;

 private:
  posix::Fd inner_;
  tcp_pcb *listener_{nullptr};
};

TEST_F(SpliceTest, carries_both_ways_at_once_and_is_done_when_both_have_ended) {
  const std::string there = pattern(1'000'000);
  const std::string back = pattern(700'000);
  size_t sent[2] = {};
  std::string got[2];
  bool ended[2] = {};
  EXPECT_TRUE(this->run([&] {
    this->peer_writes(there, sent[0]);
    this->program_writes(back, sent[1]);
    ended[0] = this->program_reads(got[0]) || ended[0];
    ended[1] = this->peer_reads(got[1]) || ended[1];
    return ended[0] && ended[1];
  }));
  EXPECT_TRUE(got[0] == there);
  EXPECT_TRUE(got[1] == back);
  this->turn();
  EXPECT_EQ(this->splices.size(), 0U);
}

TEST_F(SpliceTest, the_end_of_one_direction_leaves_the_other_open) {
  EXPECT_EQ(this->peer.end(), Error::NONE);
  std::string got;
  EXPECT_TRUE(this->run([&] { return this->program_reads(got); }, seconds(1)));
  this->wait(seconds(30));
  size_t sent = 0;
  this->program_writes("still here", sent);
  std::string answer;
  EXPECT_TRUE(this->run([&] { return this->peer_reads(answer); }, seconds(1)));
  EXPECT_EQ(answer, "still here");
}

/// The peer's data waits for a program that reads late. `order`: who ends first.
class SlowProgram : public SpliceTest, public testing::WithParamInterface<const char *> {};
INSTANTIATE_TEST_SUITE_P(Order, SlowProgram, testing::Values("peer", "program"),
                         [](const auto &info) { return std::string(info.param); });

TEST_P(SlowProgram, loses_nothing_when_it_reads_long_after_both_have_ended) {
  const std::string there = pattern(2'000'000);
  size_t sent = 0;
  size_t none = 0;
  if (std::string_view(GetParam()) == "program")
    this->program_writes("", none);  // only says that it will send no more
  this->run([&] { return this->peer_writes(there, sent), false; }, seconds(10));
  EXPECT_LT(sent, there.size()) << "more than the buffers hold, or the test shows nothing";
  std::string got;
  for (bool ended = false; !ended;) {  // in pieces, with pauses that are longer than lwIP lingers
    char room[200'000];
    const ssize_t n = ::recv(this->program.get(), room, sizeof(room), 0);
    ended = n == 0;
    got.append(room, n > 0 ? static_cast<size_t>(n) : 0);
    if (sent != there.size())
      this->run([&] { return this->peer_writes(there, sent), false; }, seconds(1));
    else if (n > 0)
      this->wait(seconds(150));
    else
      this->turn();
    if (sent == there.size() && std::string_view(GetParam()) == "peer")
      this->program_writes("", none);
  }
  EXPECT_TRUE(got == there);
  this->turn();
  EXPECT_EQ(this->splices.size(), 0U);
}

TEST_F(SpliceTest, a_program_that_does_not_read_holds_the_peer_back) {
  const std::string there = pattern(4'000'000);
  size_t sent = 0;
  this->run([&] { return this->peer_writes(there, sent), false; }, seconds(20));
  EXPECT_LT(sent, 1'000'000U) << "windows, and what the system's socket holds";
  std::string got;
  EXPECT_TRUE(this->run([&] { return this->peer_writes(there, sent), this->program_reads(got); }));
  EXPECT_TRUE(got == there);
}

TEST_F(SpliceTest, a_peer_that_does_not_read_holds_the_program_back) {
  const std::string back = pattern(4'000'000);
  size_t sent = 0;
  this->run([&] { return this->program_writes(back, sent), false; }, seconds(20));
  EXPECT_LT(sent, 1'000'000U);
  std::string got;
  EXPECT_TRUE(this->run([&] { return this->program_writes(back, sent), this->peer_reads(got); }));
  EXPECT_TRUE(got == back);
}

TEST_F(SpliceTest, a_program_that_goes_breaks_the_connection_off) {
  const std::string there = pattern(500'000);
  size_t sent = 0;
  this->run([&] { return this->peer_writes(there, sent), false; }, seconds(1));
  this->program.reset();
  EXPECT_TRUE(this->run([&] { return this->peer.status() == Error::CLOSED; }, seconds(5)));
  this->turn();
  EXPECT_EQ(this->splices.size(), 0U);
}

TEST_F(SpliceTest, a_peer_that_breaks_off_is_the_end_for_the_program) {
  ASSERT_TRUE(::send(this->program.get(), "unread", 6, MSG_NOSIGNAL) == 6);
  this->wait(milliseconds(100));
  this->peer.close();  // with something unread: a reset
  std::string got;
  EXPECT_TRUE(this->run([&] { return this->program_reads(got); }, seconds(1)));
  EXPECT_EQ(got, "");
  this->turn();
  EXPECT_EQ(this->splices.size(), 0U);
}

TEST_F(SpliceTest, nothing_is_left_when_it_goes_in_the_middle) {
  const std::string there = pattern(500'000);
  size_t sent = 0;
  this->run([&] { return this->peer_writes(there, sent), false; }, seconds(1));
  EXPECT_FALSE(this->splices.full());
}

// --- limits of the services on it ------------------------------------------------------------------------------------

/// A listening socket of this machine on a port of the system's choice.
posix::Fd listen_locally(uint16_t &port) {
  posix::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr *>(&at), size), 0);
  EXPECT_EQ(::listen(fd.get(), 64), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&at), &size), 0);
  port = ntohs(at.sin_port);
  return fd;
}

/// A peer with many connections, and local services with their splices.
struct ManyConnections {
  BackToBack wire;
  UserspaceSockets sockets{wire.a, 64};
  LocalServices services{wire.b};
  std::vector<TcpConnection> peers;

  void turn() {
    this->wire.turn();
    this->wire.turn();
    this->sockets.serve(this->wire.now(), {});
    std::vector<pollfd> fds;
    this->services.splices().watch(fds);
    (void) ::poll(fds.data(), fds.size(), 0);
    this->services.splices().serve(this->wire.now(), fds);
  }
  void connect(size_t count, uint16_t port) {
    for (size_t i = 0; i != count; i++) {
      TcpConnection connection;
      ASSERT_EQ(connection.connect(this->sockets, "100.64.0.2", port), Error::NONE);
      this->peers.push_back(std::move(connection));
      for (int n = 0; n != 20; n++)
        this->turn();
    }
  }
  size_t alive() const {
    return static_cast<size_t>(std::count_if(this->peers.begin(), this->peers.end(),
                                             [](const auto &peer) { return peer.status() == Error::NONE; }));
  }
};

TEST(LocalServices, connections_beyond_the_limit_are_refused_and_places_come_back) {
  uint16_t port = 0;
  const posix::Fd listening = listen_locally(port);
  ManyConnections many;
  ASSERT_EQ(many.services.open({port}), "");
  EXPECT_NE(many.services.open({port}), "") << "served twice";
  many.connect(LocalServices::MAX_CONNECTIONS + 3, port);
  EXPECT_EQ(many.alive(), LocalServices::MAX_CONNECTIONS);
  EXPECT_TRUE(many.services.splices().full());
  many.peers.clear();
  for (int i = 0; i != 20; i++) {
    while (posix::Fd(::accept(listening.get(), nullptr, nullptr)).valid()) {
    }
    many.turn();
  }
  EXPECT_EQ(many.services.splices().size(), 0U);
  many.connect(1, port);
  EXPECT_EQ(many.alive(), 1U);
}

TEST(LocalServices, a_port_where_nobody_listens_breaks_off) {
  uint16_t port = 0;
  listen_locally(port).reset();
  ManyConnections many;
  ASSERT_EQ(many.services.open({port}), "");
  many.connect(1, port);
  EXPECT_EQ(many.peers[0].status(), Error::CLOSED);
  EXPECT_EQ(many.services.splices().size(), 0U);
}

TEST(UdpService, forgets_the_eldest_flow_when_there_are_too_many_and_silent_ones_in_time) {
  BackToBack wire;
  UserspaceSockets sockets(wire.a, 64);
  UdpService service(wire.b, 7007);
  ASSERT_TRUE(service.is_open());
  std::vector<UdpSocket> peers(UdpService::MAX_FLOWS + 5);
  for (UdpSocket &peer : peers) {
    ASSERT_EQ(peer.open(sockets), Error::NONE);
    ASSERT_EQ(peer.send("100.64.0.2", 7007, as_bytes("x")), Error::NONE);
    wire.turn();
    wire.turn();
    service.serve(wire.now(), {});
  }
  EXPECT_EQ(service.flow_count(), UdpService::MAX_FLOWS);
  EXPECT_LE(service.next_timeout(), wire.now() + UdpService::IDLE_LIMIT);
  service.serve(wire.now() + UdpService::IDLE_LIMIT, {});
  EXPECT_EQ(service.flow_count(), 0U);
}

}  // namespace
}  // namespace microlink::lwip
