// SPDX-License-Identifier: MIT
/// The tailnet's interface in an lwIP with a thread of its own, and programs on its sockets.
#include <gtest/gtest.h>

#include <array>

#include "lwip/inet_chksum.h"
#include "microlink/port/lwip/tcpip_overlay.h"
#include "microlink/port/posix/sockets.h"
#include "tests/port/esp_idf/cable.h"
#include "tests/port/esp_idf/fake_idf/memory.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using lwip::OverlayNetif;
using lwip::TcpipOverlay;

constexpr size_t LARGEST_UDP_V4 = OverlayNetif::MTU - 28;
constexpr uint16_t PORT = 9000;

/// An IPv4 packet with a datagram to PORT.
std::vector<uint8_t> udp_packet(const IpAddress &from, const IpAddress &to, uint8_t mark) {
  std::vector<uint8_t> out{0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0};
  for (const IpAddress &address : {from, to})
    out.insert(out.end(), address.raw().begin(), address.raw().end());
  const uint16_t sum = inet_chksum(out.data(), 20);
  std::memcpy(out.data() + 10, &sum, sizeof(sum));
  const uint8_t udp[] = {PORT >> 8, PORT & 0xff, PORT >> 8, PORT & 0xff, 0, 9, 0, 0, mark};
  out.insert(out.end(), std::begin(udp), std::end(udp));
  return out;
}

class Overlay : public OnLwip {
 protected:
  Overlay() { this->before_ = lwip_usage(); }
  ~Overlay() override {
    EXPECT_TRUE(wait_until([this] { return lwip_usage() == this->before_; })) << "taken before:\n"
                                                                              << this->before_ << "now:\n"
                                                                              << lwip_usage();
  }

 private:
  std::string before_;
};

TEST_F(Overlay, carries_tcp_both_ways_inside_ipv4_and_ipv6) {
  Cable cable;
  ASSERT_TRUE(cable.open());
  const EchoServer server;
  EXPECT_EQ(echo_tcp(FIRST_V4, SECOND_V4, 200'000), 200'000U);
  EXPECT_EQ(echo_tcp(SECOND_V4, FIRST_V4, 200'000), 200'000U);
  EXPECT_EQ(echo_tcp(FIRST_V6, SECOND_V6, 200'000), 200'000U);
  EXPECT_EQ(echo_tcp(SECOND_V6, FIRST_V6, 200'000), 200'000U);
}

TEST_F(Overlay, carries_datagrams_of_every_size_and_in_fragments) {
  Cable cable;
  ASSERT_TRUE(cable.open());
  const EchoServer server;
  for (const size_t size : {size_t{1}, size_t{100}, LARGEST_UDP_V4 - 20, LARGEST_UDP_V4, size_t{3'000}}) {
    EXPECT_TRUE(echo_udp(FIRST_V4, SECOND_V4, size)) << size;
    EXPECT_TRUE(echo_udp(SECOND_V4, FIRST_V4, size)) << size;
    EXPECT_TRUE(echo_udp(FIRST_V6, SECOND_V6, size)) << size;
    EXPECT_TRUE(echo_udp(SECOND_V6, FIRST_V6, size)) << size;
  }
}

TEST_F(Overlay, answers_pings) {
  Cable cable;
  ASSERT_TRUE(cable.open());
  EXPECT_TRUE(ping(FIRST_V4, SECOND_V4));
  EXPECT_TRUE(ping(SECOND_V4, FIRST_V4));
  EXPECT_TRUE(ping(FIRST_V6, SECOND_V6));
  EXPECT_TRUE(ping(SECOND_V6, FIRST_V6));
}

TEST_F(Overlay, hands_over_a_burst_in_order_and_drops_what_is_beyond_the_ring) {
  struct Nobody final : TcpipOverlay::Listener {
    void on_packet() override {}
  } nobody;
  TcpipOverlay overlay(nobody);
  ASSERT_TRUE(overlay.open());
  overlay.set_addresses(std::array{Endpoint{FIRST_V4, 0}});
  const chip::Socket socket = socket_at(SOCK_DGRAM, {FIRST_V4, PORT});
  {
    const HeldLwip held;
    for (uint8_t i = 0; i != TcpipOverlay::MAX_INBOUND + 5; i++)
      overlay.write(udp_packet(SECOND_V4, FIRST_V4, i));
  }
  uint8_t mark = 0;
  for (uint8_t i = 0; i != TcpipOverlay::MAX_INBOUND; i++) {
    ASSERT_EQ(::recv(socket.get(), &mark, 1, 0), 1);
    EXPECT_EQ(mark, i);
  }
  EXPECT_LT(::recv(socket.get(), &mark, 1, MSG_DONTWAIT), 0);
  overlay.write(udp_packet(SECOND_V4, FIRST_V4, 99));
  ASSERT_EQ(::recv(socket.get(), &mark, 1, 0), 1);
  EXPECT_EQ(mark, 99);
}

TEST_F(Overlay, refuses_what_is_beyond_the_ring_and_goes_on_when_there_is_room) {
  Cable cable;
  ASSERT_TRUE(cable.open());
  const EchoServer server;
  cable.carry(false);
  const chip::Socket socket = socket_at(SOCK_DGRAM, {FIRST_V4, 0});
  ASSERT_TRUE(connect_to(socket, {SECOND_V4, PORT}));
  for (size_t i = 0; i != TcpipOverlay::MAX_OUTBOUND; i++)
    EXPECT_EQ(::send(socket.get(), "x", 1, 0), 1);
  EXPECT_LT(::send(socket.get(), "x", 1, 0), 0);
  EXPECT_EQ(errno, ENOMEM);
  // TCP's packets are refused as well: it has to try again by itself.
  std::thread later([&] {
    EXPECT_TRUE(wait_until([&] { return ::send(socket.get(), "x", 1, 0) < 0; }));
    cable.carry(true);
  });
  EXPECT_EQ(echo_tcp(FIRST_V4, SECOND_V4, 50'000), 50'000U);
  later.join();
}

TEST_F(Overlay, connections_survive_when_the_addresses_are_told_again) {
  Cable cable;
  ASSERT_TRUE(cable.open());
  const EchoServer server;
  std::atomic<bool> ends{false};
  std::thread teller([&] {
    while (!ends) {
      cable.on_task([&] {
        cable.first().set_addresses(std::array{Endpoint{FIRST_V4, 0}, Endpoint{FIRST_V6, 0}});
        cable.second().set_addresses(std::array{Endpoint{SECOND_V4, 0}, Endpoint{SECOND_V6, 0}});
      });
    }
  });
  EXPECT_EQ(echo_tcp(FIRST_V4, SECOND_V4, 100'000), 100'000U);
  EXPECT_EQ(echo_tcp(FIRST_V6, SECOND_V6, 100'000), 100'000U);
  ends = true;
  teller.join();
}

TEST_F(Overlay, starts_and_stops_a_thousand_times_with_packets_on_their_way) {
  Cable cable;
  for (int i = 0; i != 1'000; i++) {
    ASSERT_TRUE(cable.open());
    cable.carry(i % 2 == 0);
    const chip::Socket udp = socket_at(SOCK_DGRAM, {FIRST_V4, 0});
    const chip::Socket tcp = socket_at(SOCK_STREAM, {FIRST_V6, 0});
    ASSERT_TRUE(udp.valid() && tcp.valid());
    ASSERT_TRUE(connect_to(udp, {SECOND_V4, PORT}));
    ASSERT_TRUE(chip::make_non_blocking(tcp.get()));
    (void) connect_to(tcp, {SECOND_V6, PORT});
    for (int n = 0; n != 10; n++)
      (void) ::send(udp.get(), "some bytes", 10, 0);
    cable.close();
  }
}

TEST_F(Overlay, opens_or_says_that_it_did_not_whichever_allocation_fails) {
  bool failed = true;
  for (size_t number = 0; failed; number++) {
    Cable cable;
    fake_idf::fail_allocation(number);
    const bool is_open = cable.open();
    failed = fake_idf::stop_failing();
    if (is_open)
      cable.close();
    ASSERT_TRUE(cable.open()) << "after allocation " << number << " had failed";
    EXPECT_TRUE(ping(FIRST_V4, SECOND_V4));
  }
}

}  // namespace
}  // namespace microlink::chip_test
