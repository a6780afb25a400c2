// SPDX-License-Identifier: MIT
#include "microlink/port/posix/runner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "microlink/port/posix/sockets.h"
#include "tests/port/posix/scripted.h"

namespace microlink::posix {
namespace {

using Kind = Input::Kind;
using Do = Action::Kind;

const IpAddress LOCALHOST = IpAddress::v4(127, 0, 0, 1);

std::vector<IpAddress> fake_lookup(const std::string &host) {
  if (host == "localhost.test")
    return {LOCALHOST};
  if (host == "two.test")  // the first refuses
    return {*parse_ip("::1"), LOCALHOST};
  return {};
}

/// A TCP socket of the test on 127.0.0.1.
struct Listener {
  Listener() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t length = to_sockaddr({LOCALHOST, 0}, address);
    EXPECT_EQ(::bind(this->fd.get(), reinterpret_cast<sockaddr *>(&address), length), 0);
    EXPECT_EQ(::listen(this->fd.get(), 4), 0);
    length = sizeof(address);
    ::getsockname(this->fd.get(), reinterpret_cast<sockaddr *>(&address), &length);
    this->port = from_sockaddr(address).port;
  }
  Fd accept() const { return Fd(::accept(this->fd.get(), nullptr, nullptr)); }
  Fd fd;
  uint16_t port{0};
};

Endpoint bound_to_localhost(int fd) {
  sockaddr_storage address{};
  socklen_t length = to_sockaddr({LOCALHOST, 0}, address);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr *>(&address), length), 0);
  length = sizeof(address);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length), 0);
  return from_sockaddr(address);
}

class RunnerTest : public ::testing::Test, public Observer {
 protected:
  void SetUp() override {
    ASSERT_EQ(this->state.open(this->dir / "s", StateDir::Lock::EXCLUSIVE), "");
    this->start({});
  }
  void start(RunnerOptions options) {
    options.lookup = fake_lookup;
    this->runner = std::make_unique<Runner>(options, this->state, nullptr, this, nullptr);
    ASSERT_EQ(this->runner->open(), "");
    ASSERT_EQ(this->runner->attach(&this->client), "");
  }
  void on_event(Instant, const Event &event) override { this->events.push_back(event.kind); }
  /// Turn the loop until it is so; the time-out only bounds a failing test.
  bool until(const std::function<bool()> &done) {
    const Instant deadline = monotonic_now() + seconds(15);
    while (!done() && monotonic_now() < deadline)
      this->runner->turn(monotonic_now() + milliseconds(50));
    return done();
  }
  void open(StreamId id, const std::string &host, uint16_t port) {
    this->script.act({.kind = Do::OPEN_STREAM, .stream = id, .to = {{}, port}}, {}, host);
    this->runner->drain();
  }

  TemporaryDir dir;
  StateDir state;
  Script script;
  Scripted client{script};
  std::unique_ptr<Runner> runner;
  std::vector<Event::Kind> events;
};

TEST_F(RunnerTest, tells_records_seed_network_and_then_start) {
  ASSERT_EQ(this->state.store(Record::MACHINE_KEY, as_bytes("m")), "");
  ASSERT_EQ(this->state.store(Record::SELF, as_bytes("s")), "");
  this->script.seen.clear();
  ASSERT_EQ(this->runner->attach(&this->client), "");
  std::vector<Kind> kinds;
  for (const SeenInput &input : this->script.seen)
    kinds.push_back(input.kind);
  EXPECT_EQ(kinds,
            (std::vector<Kind>{Kind::RECORD, Kind::RECORD, Kind::SEED, Kind::WALL_TIME, Kind::NETWORK, Kind::START}));
  EXPECT_EQ(this->script.seen[0].record, Record::MACHINE_KEY);
  EXPECT_EQ(this->script.seen[0].bytes, "m");
  EXPECT_EQ(this->script.seen[2].bytes.size(), 32U);
  ASSERT_FALSE(this->script.seen[4].endpoints.empty());
  for (const Endpoint &endpoint : this->script.seen[4].endpoints)
    EXPECT_EQ(endpoint.port, this->runner->udp_port());
}

TEST_F(RunnerTest, two_seeds_differ) {
  const std::string first = this->script.last(Kind::SEED)->bytes;
  ASSERT_EQ(this->runner->attach(&this->client), "");
  EXPECT_NE(this->script.last(Kind::SEED)->bytes, first);
}

TEST_F(RunnerTest, does_not_start_with_a_record_that_it_may_not_read) {
  ASSERT_EQ(this->state.store(Record::NODE_KEY, as_bytes("n")), "");
  ASSERT_EQ(::chmod((this->dir / "s/node-key").c_str(), 0644), 0);
  this->script.seen.clear();
  EXPECT_NE(this->runner->attach(&this->client), "");
  EXPECT_TRUE(this->script.seen.empty());
  EXPECT_EQ(this->runner->driven(), nullptr);
}

TEST_F(RunnerTest, stores_and_erases_before_the_next_action) {
  this->script.act({.kind = Do::STORE, .record = Record::CLOCK}, "1");
  this->script.act({.kind = Do::STORE, .record = Record::SELF}, "2");
  this->script.act({.kind = Do::ERASE, .record = Record::CLOCK});
  this->runner->drain();
  std::optional<std::vector<uint8_t>> bytes;
  ASSERT_EQ(this->state.load(Record::CLOCK, bytes), "");
  EXPECT_FALSE(bytes);
  ASSERT_EQ(this->state.load(Record::SELF, bytes), "");
  EXPECT_TRUE(bytes);
}

TEST_F(RunnerTest, datagrams_go_both_ways) {
  Fd other(::socket(AF_INET, SOCK_DGRAM, 0));
  const Endpoint there = bound_to_localhost(other.get());
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  this->script.act({.kind = Do::SEND_DATAGRAM, .to = there}, "ping");
  this->runner->drain();
  this->runner->turn(monotonic_now());  // what a turn sends leaves before the next one waits
  char buffer[16];
  ASSERT_EQ(::recvfrom(other.get(), buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr *>(&address), &length), 4);
  EXPECT_EQ(from_sockaddr(address).port, this->runner->udp_port());
  ::sendto(other.get(), "pong", 4, 0, reinterpret_cast<sockaddr *>(&address), length);
  const std::string long_one(3000, 'x');  // longer than any datagram of the protocol: dropped, not cut
  ::sendto(other.get(), long_one.data(), long_one.size(), 0, reinterpret_cast<sockaddr *>(&address), length);
  for (int i = 0; i != 100; i++)
    ::sendto(other.get(), "more", 4, 0, reinterpret_cast<sockaddr *>(&address), length);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::DATAGRAM) == 101; }));
  for (const SeenInput &input : this->script.seen) {
    if (input.kind == Kind::DATAGRAM) {
      EXPECT_EQ(input.from, there);
    }
  }
}

TEST_F(RunnerTest, datagrams_that_leave_together_arrive_one_by_one_and_in_order) {
  Fd other(::socket(AF_INET, SOCK_DGRAM, 0));
  const Endpoint there = bound_to_localhost(other.get());
  Fd stranger(::socket(AF_INET, SOCK_DGRAM, 0));
  const Endpoint elsewhere = bound_to_localhost(stranger.get());
  // Long runs of one length, a short end, other lengths, another receiver in between, nothing at all: more than at
  // once.
  std::vector<size_t> sizes;
  for (int i = 0; i != 100; i++)
    sizes.push_back(i % 23 == 22 ? 7 : i % 31 == 30 ? 0 : i < 80 ? 1312 : static_cast<size_t>(i));
  for (size_t i = 0; i != sizes.size(); i++) {
    const std::string text(sizes[i], static_cast<char>(i));
    this->script.act({.kind = Do::SEND_DATAGRAM, .to = i % 10 == 9 ? elsewhere : there}, text);
  }
  this->runner->drain();
  this->runner->turn(monotonic_now());
  for (size_t i = 0; i != sizes.size(); i++) {
    char buffer[2048];
    const int fd = i % 10 == 9 ? stranger.get() : other.get();
    ASSERT_EQ(::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), static_cast<ssize_t>(sizes[i])) << i;
    if (sizes[i] != 0) {
      EXPECT_EQ(buffer[0], static_cast<char>(i));
      EXPECT_EQ(buffer[sizes[i] - 1], static_cast<char>(i));
    }
  }
}

TEST_F(RunnerTest, datagrams_that_the_kernel_joined_are_told_one_by_one) {
  Runner sender({}, this->state, nullptr, nullptr, nullptr);
  ASSERT_EQ(sender.open(), "");
  Script orders;
  Scripted speaker(orders);
  ASSERT_EQ(sender.attach(&speaker), "");
  for (size_t i = 0; i != 60; i++)
    orders.act({.kind = Do::SEND_DATAGRAM, .to = {LOCALHOST, this->runner->udp_port()}},
               std::string(i == 59 ? 99 : 1312, static_cast<char>(i)));
  sender.drain();
  sender.turn(monotonic_now());
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::DATAGRAM) == 60; }));
  size_t i = 0;
  for (const SeenInput &input : this->script.seen) {
    if (input.kind != Kind::DATAGRAM)
      continue;
    EXPECT_EQ(input.bytes, std::string(i == 59 ? 99 : 1312, static_cast<char>(i))) << i;
    i++;
  }
}

TEST_F(RunnerTest, tells_where_the_system_refuses_to_send) {
  const Endpoint forbidden{IpAddress::v4(255, 255, 255, 255), 9};  // broadcasts are not asked for
  const Endpoint other{IpAddress::v4(255, 255, 255, 255), 10};
  const Fd listener(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Endpoint there = bound_to_localhost(listener.get());
  this->script.on_input = [&](const SeenInput &input) {
    if (input.kind == Kind::SEND_FAILED && this->script.count(Kind::SEND_FAILED) == 1) {
      this->script.act({.kind = Do::SEND_DATAGRAM, .to = other}, "x");
      this->script.act({.kind = Do::SEND_DATAGRAM, .to = there}, "another way");
    }
  };
  for (int i = 0; i != 3; i++)
    this->script.act({.kind = Do::SEND_DATAGRAM, .to = forbidden}, "x");
  this->script.act({.kind = Do::SEND_DATAGRAM, .to = there}, "ping");
  this->runner->drain();
  this->runner->turn(monotonic_now());
  ASSERT_EQ(this->script.count(Kind::SEND_FAILED), 2U);
  EXPECT_EQ(this->script.last(Kind::SEND_FAILED)->endpoints, std::vector<Endpoint>{other});
  for (const ssize_t size : {4, 11}) {  // what was sent because of it has left in the same turn
    char buffer[16];
    EXPECT_EQ(::recv(listener.get(), buffer, sizeof(buffer), MSG_DONTWAIT), size);
  }
}

TEST_F(RunnerTest, ipv6_has_the_same_port) {
  Fd other(::socket(AF_INET6, SOCK_DGRAM, 0));
  sockaddr_storage address{};
  const socklen_t length = to_sockaddr({*parse_ip("::1"), this->runner->udp_port()}, address);
  ASSERT_EQ(::sendto(other.get(), "six", 3, 0, reinterpret_cast<sockaddr *>(&address), length), 3);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::DATAGRAM) == 1; }));
  EXPECT_TRUE(this->script.last(Kind::DATAGRAM)->from.address.is_v6());
}

TEST_F(RunnerTest, a_port_that_is_taken_is_one_line) {
  Runner second({.listen_port = this->runner->udp_port()}, this->state, nullptr, nullptr, nullptr);
  EXPECT_NE(second.open().find("--listen-port"), std::string::npos);
}

TEST_F(RunnerTest, listens_where_it_did_before_the_restart) {
  const uint16_t first = this->runner->udp_port();
  for (int i = 0; i != 3; i++) {
    this->runner.reset();
    this->start({});
    EXPECT_EQ(this->runner->udp_port(), first);
  }
  Runner second({}, this->state, nullptr, nullptr, nullptr);
  ASSERT_EQ(second.open(), "");
  EXPECT_NE(second.udp_port(), first) << "that one is taken";
  EXPECT_NE(second.udp_port(), 0);
}

TEST_F(RunnerTest, relay_only_opens_no_udp_socket_but_tells_of_the_network) {
  this->script.seen.clear();
  this->start({.relay_only = true});
  EXPECT_EQ(this->runner->udp_port(), 0);
  ASSERT_FALSE(this->script.last(Kind::NETWORK)->endpoints.empty());
  EXPECT_EQ(this->script.last(Kind::NETWORK)->endpoints[0].port, RELAY_ONLY_PORT);
}

TEST_F(RunnerTest, streams_to_a_literal_a_name_and_an_endpoint) {
  const Listener listener;
  this->open(0, "127.0.0.1", listener.port);
  this->open(1, "localhost.test", listener.port);
  this->script.act({.kind = Do::OPEN_STREAM, .stream = 2, .to = {LOCALHOST, listener.port}});
  this->runner->drain();
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_OPEN) == 3; }));
  this->script.act({.kind = Do::SEND_STREAM, .stream = 1}, "hello");
  this->runner->drain();
  Fd peers[3] = {listener.accept(), listener.accept(), listener.accept()};
  size_t said = 0;
  for (Fd &peer : peers) {
    char buffer[16];
    const ssize_t n = ::recv(peer.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    said += n == 5;
    if (n == 5)
      ::send(peer.get(), "there", 5, 0);
  }
  EXPECT_EQ(said, 1U);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_BYTES) == 1; }));
  EXPECT_EQ(this->script.last(Kind::STREAM_BYTES)->bytes, "there");
  EXPECT_EQ(this->script.last(Kind::STREAM_BYTES)->stream, 1);
  for (Fd &peer : peers)
    peer.reset();
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_CLOSED) == 3; }));
  EXPECT_EQ(this->script.last(Kind::STREAM_CLOSED)->error, Error::CLOSED);
}

TEST_F(RunnerTest, tries_the_next_address_when_one_refuses) {
  const Listener listener;
  this->open(3, "two.test", listener.port);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_OPEN) == 1; }));
}

TEST_F(RunnerTest, a_stream_that_cannot_be_opened_is_closed_once) {
  uint16_t free_port;
  {
    const Listener listener;
    free_port = listener.port;
  }
  this->open(0, "127.0.0.1", free_port);
  this->open(1, "nowhere.test", free_port);
  this->open(2, "127.0.0.1", free_port);
  this->script.act({.kind = Do::CLOSE_STREAM, .stream = 2});  // closed by the client: nothing follows
  this->runner->drain();
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_CLOSED) == 2; }));
  this->runner->turn(monotonic_now() + milliseconds(20));
  EXPECT_EQ(this->script.count(Kind::STREAM_CLOSED), 2U);
  EXPECT_EQ(this->script.count(Kind::STREAM_OPEN), 0U);
}

TEST_F(RunnerTest, a_stream_may_be_opened_again_from_within_its_end) {
  const Listener listener;
  this->script.on_input = [&](const SeenInput &input) {
    if (input.kind == Kind::STREAM_CLOSED && this->script.count(Kind::STREAM_CLOSED) < 3)
      this->script.act({.kind = Do::OPEN_STREAM, .stream = 0, .to = {LOCALHOST, listener.port}});
  };
  this->open(0, "nowhere.test", 1);
  for (size_t round = 1; round != 3; round++) {
    ASSERT_TRUE(this->until([&] { return this->script.count(Kind::STREAM_OPEN) == round; }));
    listener.accept();  // and drops it
  }
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_CLOSED) == 3; }));
}

TEST_F(RunnerTest, keeps_the_rest_of_a_short_write_in_order) {
  const Listener listener;
  this->open(0, "127.0.0.1", listener.port);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_OPEN) == 1; }));
  const Fd peer = listener.accept();
  std::string sent;
  while (this->script.count(Kind::STREAM_BLOCKED) == 0) {
    std::string piece(16'000, static_cast<char>('a' + sent.size() / 16'000 % 26));
    sent += piece;
    this->script.act({.kind = Do::SEND_STREAM, .stream = 0}, piece);
    this->runner->drain();
    ASSERT_LT(sent.size(), 64U << 20);
  }
  this->script.act({.kind = Do::SEND_STREAM, .stream = 0}, "end");
  this->runner->drain();
  sent += "end";
  std::string received;
  ASSERT_TRUE(this->until([&] {
    char buffer[65536];
    for (ssize_t n; (n = ::recv(peer.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0;)
      received.append(buffer, static_cast<size_t>(n));
    return received.size() == sent.size();
  }));
  EXPECT_TRUE(received == sent);
  EXPECT_EQ(this->script.count(Kind::STREAM_WRITABLE), 1U);
  EXPECT_EQ(this->script.count(Kind::STREAM_CLOSED), 0U);
}

TEST_F(RunnerTest, closes_a_stream_whose_queue_overflows) {
  const Listener listener;
  this->open(0, "127.0.0.1", listener.port);
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::STREAM_OPEN) == 1; }));
  const Fd peer = listener.accept();
  const std::string piece(16'000, 'x');
  for (int i = 0; i != 4096 && this->script.count(Kind::STREAM_CLOSED) == 0; i++) {
    this->script.act({.kind = Do::SEND_STREAM, .stream = 0}, piece);
    this->runner->drain();
    this->runner->turn(static_cast<Instant>(0));
  }
  ASSERT_EQ(this->script.count(Kind::STREAM_CLOSED), 1U);
  EXPECT_EQ(this->script.last(Kind::STREAM_CLOSED)->error, Error::NO_SPACE);
}

TEST_F(RunnerTest, answers_each_resolve_once) {
  this->script.act({.kind = Do::RESOLVE}, {}, "localhost.test");
  this->script.act({.kind = Do::RESOLVE}, {}, "nowhere.test");
  this->script.act({.kind = Do::RESOLVE}, {}, "192.0.2.7");
  this->runner->drain();
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::RESOLVED) == 3; }));
  for (const SeenInput &input : this->script.seen) {
    if (input.kind != Kind::RESOLVED)
      continue;
    EXPECT_EQ(input.endpoints.size(), input.host == "nowhere.test" ? 0U : 1U) << input.host;
    if (!input.endpoints.empty()) {
      EXPECT_EQ(input.endpoints[0].port, 0);
    }
  }
}

TEST_F(RunnerTest, tells_a_timeout_when_it_is_due_and_not_before) {
  this->script.timeout = monotonic_now() + milliseconds(30);
  const Instant due = this->script.timeout;
  ASSERT_TRUE(this->until([this] { return this->script.count(Kind::TIMEOUT) == 1; }));
  EXPECT_GE(monotonic_now(), due);
}

TEST_F(RunnerTest, hands_events_on_and_notices_the_stop) {
  this->runner->feed({.kind = Kind::STOP});
  EXPECT_TRUE(this->runner->stopped());
  EXPECT_EQ(this->events, std::vector<Event::Kind>{Event::Kind::STOPPED});
}

TEST_F(RunnerTest, an_endless_client_does_not_hold_the_loop) {
  this->script.on_input = [this](const SeenInput &) {
    for (int i = 0; i != 30'000; i++)
      this->script.act({.kind = Do::CLOSE_STREAM, .stream = 0});
  };
  this->runner->feed({.kind = Kind::TIMEOUT});
  EXPECT_FALSE(this->script.actions.empty());
}

TEST(Reachable, leaves_out_what_others_cannot_use) {
  const auto ip = [](const char *text) { return *parse_ip(text); };
  const std::vector<LocalAddress> all = {
      {"lo", ip("127.0.0.1"), true, false},           {"eth0", ip("192.168.1.7"), false, false},
      {"eth0", ip("fe80::1"), false, false},          {"eth0", ip("2001:db8::7"), false, false},
      {"eth1", ip("169.254.3.4"), false, false},      {"tailscale0", ip("100.64.0.9"), false, true},
      {"tun7", ip("fd7a:115c:a1e0::9"), false, true}, {"wwan0", ip("100.70.1.1"), false, false},
      {"ml0", ip("10.9.9.9"), false, true},           {"eth2", ip("192.0.2.55"), false, false},
  };
  EXPECT_EQ(reachable_addresses(all, {"ml0"}, {ip("192.0.2.55")}),
            (std::vector<IpAddress>{ip("192.168.1.7"), ip("2001:db8::7"), ip("100.70.1.1")}));
  EXPECT_EQ(reachable_addresses({all[0], all[2], all[4]}, {}, {}), std::vector<IpAddress>{ip("169.254.3.4")});
  EXPECT_EQ(reachable_addresses({all[0]}, {}, {}), std::vector<IpAddress>{ip("127.0.0.1")});
  EXPECT_EQ(reachable_addresses({all[1], all[9], all[3]}, {}, {}, ip("192.0.2.55")),
            (std::vector<IpAddress>{ip("192.0.2.55"), ip("192.168.1.7"), ip("2001:db8::7")}));
  EXPECT_EQ(reachable_addresses({all[9], all[1], all[3]}, {}, {}, ip("192.168.1.7")),
            (std::vector<IpAddress>{ip("192.168.1.7"), ip("2001:db8::7"), ip("192.0.2.55")}));
  EXPECT_TRUE(reachable_addresses({}, {}, {}).empty());
  std::vector<LocalAddress> many;
  for (uint8_t i = 0; i != 50; i++)
    many.push_back({"eth0", IpAddress::v4(192, 168, 7, i), false, false});
  EXPECT_EQ(reachable_addresses(many, {}, {}).size(), MAX_OWN_ENDPOINTS);
}

}  // namespace
}  // namespace microlink::posix
