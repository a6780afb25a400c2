// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "microlink/ip/packet.h"
#include "microlink/port/tun/coalescing.h"
#include "microlink/port/tun/segmentation.h"
#include "microlink/port/tun/tcp_header.h"
#include "microlink/port/tun/vnet_header.h"

namespace microlink::tun {
namespace {

using Octets = std::vector<uint8_t>;
constexpr size_t MTU = 1280;
constexpr uint32_t SEQUENCE = 0xffffff00;  // wraps in the test

struct Shape {
  bool v6;
  size_t tcp_options;  // bytes
};

/// A TCP segment with right checksums.
Octets segment(Shape shape, uint32_t sequence, ByteView payload, uint8_t flags = ip::TCP_ACK, uint16_t port = 443) {
  const size_t ip_bytes = shape.v6 ? 40 : 20;
  const size_t tcp_bytes = 20 + shape.tcp_options;
  Octets out(ip_bytes + tcp_bytes + payload.size());
  const auto length = static_cast<uint16_t>(out.size());
  if (shape.v6) {
    out[0] = 0x60;
    store_be16(&out[4], static_cast<uint16_t>(length - 40));
    out[6] = ip::TCP;
    out[7] = 64;
    out[8] = out[24] = 0xfd;
    out[23] = 1;
    out[39] = 2;
  } else {
    out[0] = 0x45;
    store_be16(&out[2], length);
    store_be16(&out[4], 7);
    out[6] = 0x40;  // do not fragment
    out[8] = 64;
    out[9] = ip::TCP;
    out[12] = out[16] = 100;
    out[15] = 1;
    out[19] = 2;
    store_be16(&out[10], ip::checksum(ByteView(out).first(20)));
  }
  uint8_t *const tcp = &out[ip_bytes];
  store_be16(tcp, port);
  store_be16(tcp + 2, 50'000);
  store_be32(tcp + 4, sequence);
  store_be32(tcp + 8, 99);
  tcp[12] = static_cast<uint8_t>(tcp_bytes / 4 << 4);
  tcp[13] = flags;
  std::fill_n(tcp + 20, shape.tcp_options, uint8_t{1});
  copy(payload, ByteSpan(out).subspan(ip_bytes + tcp_bytes));
  const ByteView transport = ByteView(out).subspan(ip_bytes);
  store_be16(tcp + 16, ip::checksum_finish(ip::checksum_add(pseudo_header_sum(out, transport.size()), transport)));
  return out;
}

void expect_right_checksums(ByteView packet) {
  const TcpHeader tcp = find_tcp(packet);
  ASSERT_NE(tcp.header_bytes, 0U);
  if (!is_v6(packet)) {
    EXPECT_EQ(ip::checksum(packet.first(tcp.ip_bytes)), 0);
  }
  const ByteView transport = packet.subspan(tcp.ip_bytes);
  EXPECT_EQ(ip::checksum_finish(ip::checksum_add(pseudo_header_sum(packet, transport.size()), transport)), 0);
}

Octets with_header(VnetHeader header, ByteView packet) {
  Octets out(sizeof(header) + packet.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy(packet, ByteSpan(out).subspan(sizeof(header)));
  return out;
}

VnetHeader header_of(const Octets &written) {
  VnetHeader header;
  std::memcpy(&header, written.data(), sizeof(header));
  return header;
}

Octets packet_of(const Octets &written) { return {written.begin() + sizeof(VnetHeader), written.end()}; }

std::vector<Octets> segments_of(Octets read) {
  std::vector<Octets> out;
  Segments segments(read);
  Bytes<MTU> room;
  for (size_t n; (n = segments.next(room)) != 0;)
    out.emplace_back(room.begin(), room.begin() + static_cast<ptrdiff_t>(n));
  return out;
}

Octets some_bytes(size_t size) {
  Octets out(size);
  for (size_t i = 0; i != size; i++)
    out[i] = static_cast<uint8_t>(i * i >> 3);
  return out;
}

class Offload : public ::testing::TestWithParam<Shape> {
 protected:
  size_t payload_bytes() const { return MTU - (GetParam().v6 ? 60 : 40) - GetParam().tcp_options; }
  VnetHeader large() const {
    const size_t ip_bytes = GetParam().v6 ? 40 : 20;
    return {.flags = VnetHeader::NEEDS_CHECKSUM,
            .gso_type = GetParam().v6 ? VnetHeader::TCP_V6 : VnetHeader::TCP_V4,
            .header_bytes = static_cast<uint16_t>(ip_bytes + 20 + GetParam().tcp_options),
            .segment_bytes = static_cast<uint16_t>(this->payload_bytes()),
            .checksum_start = static_cast<uint16_t>(ip_bytes),
            .checksum_offset = TCP_CHECKSUM_AT};
  }
};

TEST_P(Offload, a_large_segment_becomes_packets_of_the_mtu) {
  const Octets data = some_bytes(40'000);
  const uint8_t flags = ip::TCP_ACK | TCP_PSH | ip::TCP_FIN | TCP_CWR;
  const auto packets = segments_of(with_header(this->large(), segment(GetParam(), SEQUENCE, data, flags)));
  ASSERT_EQ(packets.size(), (data.size() + this->payload_bytes() - 1) / this->payload_bytes());
  Octets joined;
  for (size_t i = 0; i != packets.size(); i++) {
    const Octets &packet = packets[i];
    expect_right_checksums(packet);
    const TcpHeader tcp = find_tcp(packet);
    EXPECT_EQ(load_be32(&packet[tcp.ip_bytes + TCP_SEQUENCE_AT]), SEQUENCE + static_cast<uint32_t>(joined.size()));
    const bool last = i + 1 == packets.size();
    EXPECT_EQ(packet[tcp.ip_bytes + TCP_FLAGS_AT],
              ip::TCP_ACK | (last ? TCP_PSH | ip::TCP_FIN : 0) | (i == 0 ? TCP_CWR : 0));
    if (!GetParam().v6) {
      EXPECT_EQ(load_be16(&packet[IPV4_ID_AT]), 7 + i);
    }
    joined.insert(joined.end(), packet.begin() + static_cast<ptrdiff_t>(tcp.header_bytes), packet.end());
  }
  EXPECT_EQ(joined, data);
}

TEST_P(Offload, what_is_joined_comes_apart_again) {
  const Octets data = some_bytes(90'000);  // more than one run holds
  std::vector<Octets> sent;
  for (size_t at = 0; at < data.size(); at += this->payload_bytes()) {
    const size_t n = std::min(this->payload_bytes(), data.size() - at);
    sent.push_back(segment(GetParam(), SEQUENCE + static_cast<uint32_t>(at), ByteView(data).subspan(at, n),
                           at + n == data.size() ? ip::TCP_ACK | TCP_PSH : ip::TCP_ACK));
  }
  std::vector<Octets> written;
  Coalescing coalescing([&](ByteView bytes) { written.emplace_back(bytes.begin(), bytes.end()); });
  for (const Octets &packet : sent)
    coalescing.add(packet);
  coalescing.flush();
  EXPECT_EQ(written.size(), 2U);
  std::vector<Octets> apart;
  for (const Octets &each : written) {
    for (Octets &packet : segments_of(each)) {
      if (!GetParam().v6) {  // numbered anew from each run's first: only DF packets, so nobody looks at it
        store_be16(&packet[IPV4_ID_AT], 7);
        store_be16(&packet[IPV4_CHECKSUM_AT], 0);
        store_be16(&packet[IPV4_CHECKSUM_AT], ip::checksum(ByteView(packet).first(20)));
      }
      apart.push_back(std::move(packet));
    }
  }
  EXPECT_EQ(apart, sent);
}

TEST_P(Offload, only_neighbours_are_joined) {
  const Octets data = some_bytes(100);
  const auto seg = [&](uint32_t sequence, uint8_t flags = ip::TCP_ACK, size_t size = 100, uint16_t port = 443) {
    return segment(GetParam(), sequence, ByteView(data).first(size), flags, port);
  };
  const struct {
    const char *why;
    Octets first;
    Octets second;
  } cases[] = {
      {"a gap", seg(0), seg(101)},
      {"again", seg(0), seg(0)},
      {"a longer one", seg(0, ip::TCP_ACK, 50), seg(50)},
      {"after a push", seg(0, ip::TCP_ACK | TCP_PSH), seg(100)},
      {"the end", seg(0), seg(100, ip::TCP_ACK | ip::TCP_FIN)},
      {"a reset", seg(0), seg(100, ip::TCP_RST)},
      {"no data", seg(0), seg(100, ip::TCP_ACK, 0)},
      {"another connection", seg(0), seg(100, ip::TCP_ACK, 100, 444)},
  };
  for (const auto &each : cases) {
    std::vector<Octets> written;
    Coalescing coalescing([&](ByteView bytes) { written.emplace_back(bytes.begin(), bytes.end()); });
    coalescing.add(each.first);
    coalescing.add(each.second);
    coalescing.flush();
    ASSERT_EQ(written.size(), 2U) << each.why;
    EXPECT_EQ(packet_of(written[0]), each.first) << each.why;
    EXPECT_EQ(packet_of(written[1]), each.second) << each.why;
    EXPECT_EQ(header_of(written[0]).gso_type, VnetHeader::WHOLE) << each.why;
  }
}

TEST_P(Offload, a_damaged_packet_is_not_made_good) {
  const Octets data = some_bytes(100);
  for (size_t at :
       {size_t{GetParam().v6 ? 40U : 20U} + 25 + GetParam().tcp_options, size_t{GetParam().v6 ? 24U : 12U}}) {
    Octets damaged = segment(GetParam(), 100, data);
    damaged[at] ^= 0x10;
    std::vector<Octets> written;
    Coalescing coalescing([&](ByteView bytes) { written.emplace_back(bytes.begin(), bytes.end()); });
    coalescing.add(segment(GetParam(), 0, data));
    coalescing.add(damaged);
    coalescing.flush();
    ASSERT_EQ(written.size(), 2U);
    EXPECT_TRUE(packet_of(written[0]) == damaged || packet_of(written[1]) == damaged);
  }
}

TEST_P(Offload, whatever_is_read_stays_within_its_bounds) {
  std::mt19937 random(4711);
  const Octets good = with_header(this->large(), segment(GetParam(), SEQUENCE, some_bytes(3000)));
  for (size_t length = 0; length < 200; length++)
    (void) segments_of(Octets(good.begin(), good.begin() + static_cast<ptrdiff_t>(length)));
  for (int round = 0; round != 20'000; round++) {
    Octets bad = good;
    for (int i = 0; i != 3; i++)
      bad[random() % 80] = static_cast<uint8_t>(random());
    for (const Octets &packet : segments_of(bad))
      ASSERT_LE(packet.size(), MTU);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Offload,
                         ::testing::Values(Shape{false, 0}, Shape{false, 12}, Shape{true, 0}, Shape{true, 12}),
                         [](const auto &info) {
                           return std::string(info.param.v6 ? "v6" : "v4") + "_options_" +
                                  std::to_string(info.param.tcp_options);
                         });

TEST(Checksums, left_to_us_are_completed) {
  // UDP; the field holds the sum of the pseudo-header.
  Octets packet{0x45, 0,  0, 32, 0, 0,  0x40, 0,  64, ip::UDP, 0, 0, 100, 64,  0,   1,
                100,  64, 0, 2,  0, 53, 0,    99, 0,  12,      0, 0, 'a', 'b', 'c', 'd'};
  const uint32_t pseudo = ip::checksum_add(ip::UDP + 12, ByteView(packet).subspan(12, 8));
  store_be16(&packet[26], static_cast<uint16_t>(~ip::checksum_finish(pseudo)));
  const VnetHeader header{.flags = VnetHeader::NEEDS_CHECKSUM,
                          .gso_type = VnetHeader::WHOLE,
                          .header_bytes = 0,
                          .segment_bytes = 0,
                          .checksum_start = 20,
                          .checksum_offset = UDP_CHECKSUM_AT};
  const auto packets = segments_of(with_header(header, packet));
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(ip::checksum_finish(ip::checksum_add(pseudo, ByteView(packets[0]).subspan(20))), 0);
}

}  // namespace
}  // namespace microlink::tun
