// SPDX-License-Identifier: MIT
#include "microlink/port/lwip/overlay_netif.h"

#include <gtest/gtest.h>

#include <cstring>

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "tests/port/lwip/back_to_back.h"

namespace microlink::lwip {
namespace {

struct Family {
  const char *a;
  const char *b;
};
class Back : public testing::TestWithParam<Family> {
 protected:
  ip_addr_t a_ = to_lwip(*parse_ip(GetParam().a));
  ip_addr_t b_ = to_lwip(*parse_ip(GetParam().b));
};
INSTANTIATE_TEST_SUITE_P(Families, Back,
                         testing::Values(Family{"100.64.0.1", "100.64.0.2"},
                                         Family{"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2"}),
                         [](const auto &info) { return info.index == 0 ? "v4" : "v6"; });

/// A TCP connection with a transfer one way; sends `size` bytes and closes, the other side collects.
struct Transfer {
  std::string to_send;
  size_t sent{0};
  std::string got;
  bool ended{false};
  bool failed{false};
  tcp_pcb *listener{nullptr};

  void start(const ip_addr_t &from, const ip_addr_t &to) {
    tcp_pcb *server = tcp_new_ip_type(IP_GET_TYPE(&to));
    ip_set_option(server, SOF_REUSEADDR);  // connections of another test may linger
    ASSERT_EQ(tcp_bind(server, &to, 80), ERR_OK);
    this->listener = tcp_listen(server);
    tcp_arg(this->listener, this);
    tcp_accept(this->listener, [](void *self, tcp_pcb *pcb, err_t) -> err_t {
      tcp_arg(pcb, self);
      tcp_recv(pcb, [](void *arg, tcp_pcb *connection, pbuf *bytes, err_t) -> err_t {
        auto *transfer = static_cast<Transfer *>(arg);
        if (bytes == nullptr) {
          transfer->ended = true;
          return tcp_close(connection);
        }
        const size_t before = transfer->got.size();
        transfer->got.resize(before + bytes->tot_len);
        pbuf_copy_partial(bytes, transfer->got.data() + before, bytes->tot_len, 0);
        tcp_recved(connection, bytes->tot_len);
        pbuf_free(bytes);
        return ERR_OK;
      });
      return ERR_OK;
    });
    tcp_pcb *client = tcp_new_ip_type(IP_GET_TYPE(&to));
    tcp_bind(client, &from, 0);
    tcp_arg(client, this);
    tcp_err(client, [](void *self, err_t) { static_cast<Transfer *>(self)->failed = true; });
    tcp_sent(client, [](void *self, tcp_pcb *pcb, u16_t) -> err_t { return static_cast<Transfer *>(self)->more(pcb); });
    ASSERT_EQ(
        tcp_connect(client, &to, 80,
                    [](void *self, tcp_pcb *pcb, err_t) -> err_t { return static_cast<Transfer *>(self)->more(pcb); }),
        ERR_OK);
  }
  err_t more(tcp_pcb *pcb) {
    while (this->sent != this->to_send.size()) {
      const size_t n = std::min<size_t>({this->to_send.size() - this->sent, tcp_sndbuf(pcb), 8000});
      if (n == 0 ||
          tcp_write(pcb, this->to_send.data() + this->sent, static_cast<u16_t>(n), TCP_WRITE_FLAG_COPY) != ERR_OK)
        return tcp_output(pcb);
      this->sent += n;
    }
    tcp_sent(pcb, nullptr);
    tcp_err(pcb, nullptr);
    return tcp_close(pcb);
  }
  ~Transfer() {
    if (this->listener != nullptr)
      (void) tcp_close(this->listener);
  }
};

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i != size; i++)
    out[i] = static_cast<char>(i * i % 251);
  return out;
}

TEST_P(Back, tcp_through_both_stacks) {
  BackToBack wire;
  Transfer transfer{pattern(500'000)};
  transfer.start(this->a_, this->b_);
  EXPECT_TRUE(wire.run([&] { return transfer.ended; }));
  EXPECT_TRUE(transfer.got == transfer.to_send);
}

TEST_P(Back, tcp_with_loss_and_reordering) {
  for (unsigned seed = 1; seed != 6; seed++) {
    SCOPED_TRACE(seed);
    BackToBack wire(seed);
    wire.loss_percent = 5;
    wire.reorder_percent = 10;
    Transfer transfer{pattern(100'000)};
    transfer.start(this->a_, this->b_);
    EXPECT_TRUE(wire.run([&] { return transfer.ended; }, seconds(600)));
    EXPECT_TRUE(transfer.got == transfer.to_send);
  }
}

TEST_P(Back, refused_port) {
  BackToBack wire;
  bool refused = false;
  tcp_pcb *client = tcp_new_ip_type(IP_GET_TYPE(&this->b_));
  tcp_bind(client, &this->a_, 0);
  tcp_arg(client, &refused);
  tcp_err(client, [](void *self, err_t error) { *static_cast<bool *>(self) = error == ERR_RST; });
  ASSERT_EQ(tcp_connect(client, &this->b_, 81, [](void *, tcp_pcb *, err_t) -> err_t { return ERR_OK; }), ERR_OK);
  EXPECT_TRUE(wire.run([&] { return refused; }, seconds(2)));
}

TEST_P(Back, udp_of_every_size_that_fits_and_of_more) {
  BackToBack wire;
  std::vector<size_t> sizes;
  udp_pcb *server = udp_new_ip_type(IP_GET_TYPE(&this->b_));
  ASSERT_EQ(udp_bind(server, &this->b_, 53), ERR_OK);
  udp_recv(
      server,
      [](void *self, udp_pcb *, pbuf *packet, const ip_addr_t *, u16_t) {
        static_cast<std::vector<size_t> *>(self)->push_back(packet->tot_len);
        pbuf_free(packet);
      },
      &sizes);
  udp_pcb *client = udp_new_ip_type(IP_GET_TYPE(&this->b_));
  udp_bind(client, &this->a_, 0);
  const std::vector<size_t> wanted = {0, 1, 512, 1232, 1253, 3000};  // the last in fragments
  for (const size_t size : wanted) {
    pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, static_cast<u16_t>(size), PBUF_RAM);
    std::memset(packet->payload, 7, size);
    EXPECT_EQ(udp_sendto(client, packet, &this->b_, 53), ERR_OK);
    pbuf_free(packet);
  }
  EXPECT_TRUE(wire.run([&] { return sizes.size() == wanted.size(); }, seconds(2)));
  EXPECT_EQ(sizes, wanted);
  udp_remove(client);
  udp_remove(server);
}

TEST(BackToBack, ping) {
  BackToBack wire;
  raw_pcb *raw = raw_new(IP_PROTO_ICMP);
  const ip_addr_t from = to_lwip(*parse_ip("100.64.0.1"));
  const ip_addr_t to = to_lwip(*parse_ip("100.64.0.2"));
  raw_bind(raw, &from);
  int answers = 0;
  raw_recv(
      raw,
      [](void *self, raw_pcb *, pbuf *packet, const ip_addr_t *) -> u8_t {
        *static_cast<int *>(self) += pbuf_get_at(packet, 20) == ICMP_ER;
        return 0;
      },
      &answers);
  pbuf *packet = pbuf_alloc(PBUF_IP, 64, PBUF_RAM);
  auto *echo = static_cast<icmp_echo_hdr *>(packet->payload);
  std::memset(packet->payload, 0, 64);
  echo->type = ICMP_ECHO;
  echo->chksum = inet_chksum(echo, 64);
  EXPECT_EQ(raw_sendto(raw, packet, &to), ERR_OK);
  pbuf_free(packet);
  EXPECT_TRUE(wire.run([&] { return answers == 1; }, seconds(1)));
  raw_remove(raw);
}

TEST(BackToBack, says_nothing_by_itself) {
  BackToBack wire;
  EXPECT_FALSE(wire.run([] { return false; }, seconds(60)));
  EXPECT_EQ(wire.carried, 0U);
}

TEST(BackToBack, starts_and_stops_a_thousand_times) {
  for (int i = 0; i != 1000; i++) {
    BackToBack wire;
    Transfer transfer{pattern(1000)};
    transfer.start(to_lwip(*parse_ip("100.64.0.1")), to_lwip(*parse_ip("100.64.0.2")));
    for (int turn = 0; turn != i % 7; turn++)  // gone in the middle of it, too
      wire.turn();
  }
}

TEST(OverlayNetif, addresses_come_and_go) {
  BackToBack wire;
  Transfer transfer{pattern(10'000'000)};
  transfer.start(to_lwip(*parse_ip("100.64.0.1")), to_lwip(*parse_ip("100.64.0.2")));
  wire.run([&] { return transfer.got.size() > 10'000; });
  netif *interface = wire.a.interface().get();
  EXPECT_TRUE(netif_is_up(interface));
  EXPECT_EQ(netif_ip4_netmask(interface)->addr, PP_HTONL(0xffc00000));
  wire.a.set_addresses(std::vector<Endpoint>{{*parse_ip("100.64.0.9"), 0}});
  wire.turn();
  EXPECT_TRUE(transfer.failed);
  const ip_addr_t gone = to_lwip(*parse_ip("fd7a:115c:a1e0::1"));
  EXPECT_LT(netif_get_ip6_addr_match(interface, ip_2_ip6(&gone)), 0);
  EXPECT_EQ(to_text(wire.a.own_address(*parse_ip("100.64.0.1"))).view(), "100.64.0.9");
  wire.a.set_addresses({});
  wire.turn();
  EXPECT_FALSE(netif_is_up(interface));
}

}  // namespace
}  // namespace microlink::lwip
