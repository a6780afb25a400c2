// SPDX-License-Identifier: MIT
#include "microlink/ip/packet.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace microlink::ip {
namespace {

using testing::from_hex;

TEST(Packet, reads_the_fields_of_ipv4_tcp) {
  const auto raw = from_hex("45000028123400004006b24d6440000264400001138817a5000003e8000000005002ffffb84a0000aabb");
  const auto packet = parse_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->version, 4);
  EXPECT_EQ(packet->protocol, TCP);
  EXPECT_EQ(packet->hop_limit, 64);
  EXPECT_EQ(packet->id, 0x1234);
  EXPECT_EQ(packet->source, IpAddress::v4(100, 64, 0, 2));
  EXPECT_EQ(packet->destination, IpAddress::v4(100, 64, 0, 1));
  EXPECT_EQ(packet->source_port, 5000);
  EXPECT_EQ(packet->destination_port, 6053);
  EXPECT_TRUE(packet->is_tcp_syn());
  EXPECT_EQ(packet->transport.size(), 20U);  // what follows the packet is not in it
}

TEST(Packet, reads_the_fields_of_ipv6_icmp) {
  const auto raw =
      from_hex("600abcde00093a40fd7a115ca1e000000000000000000002fd7a115ca1e0000000000000000000018000a6470001000178");
  const auto packet = parse_packet(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->version, 6);
  EXPECT_EQ(packet->flow_label, 0xabcdeU);
  EXPECT_EQ(packet->protocol, ICMPV6);
  EXPECT_EQ(packet->icmp_type, 128);
  EXPECT_FALSE(packet->is_icmp_response());
}

TEST(Packet, checksums_of_the_vectors_are_right) {
  const auto cases = testing::load_vectors("filter.json")["cases"];
  size_t checked = 0;
  for (size_t i = 0; i != cases.size(); i++) {
    auto raw = cases[i]["packet"].hex();
    const auto packet = parse_packet(raw);
    if (!packet || packet->protocol == UNKNOWN || packet->is_later_fragment)
      continue;
    if (packet->version == 4) {
      EXPECT_EQ(checksum(ByteView(raw).first(20)), 0) << cases[i]["name"].text();
    }
    const size_t at = packet->protocol == TCP ? 16 : packet->protocol == UDP ? 6 : packet->protocol == ICMPV6 ? 2 : 0;
    if (at == 0)
      continue;
    std::vector<uint8_t> transport(packet->transport.begin(), packet->transport.end());
    const unsigned expected = static_cast<unsigned>(transport[at] << 8 | transport[at + 1]);
    transport[at] = transport[at + 1] = 0;
    EXPECT_EQ(transport_checksum(packet->source, packet->destination, packet->protocol, transport), expected)
        << cases[i]["name"].text();
    checked++;
  }
  EXPECT_GT(checked, 10U);
}

TEST(Packet, refuses_headers_that_contradict_each_other) {
  EXPECT_EQ(parse_packet(from_hex("45")).error(), Error::TRUNCATED);
  const char *const unreadable[] = {
      "44000014000000004006000064400002644000010000",              // header shorter than its minimum
      "4600001400000000400600006440000264400001",                  // header longer than the packet
      "450000150000000040060000644000026440000100000000000000",    // TCP without its header
      "4500001c00000000400000006440000264400001aaaaaaaaaaaaaaaa",  // protocol 0
      "4500001c0000000040ff00006440000264400001aaaaaaaaaaaaaaaa",  // protocol 255
      "0500001400000000400600006440000264400001",                  // version 0
      "6000000000003a40fd7a115ca1e00000000000000000000200000000",  // shorter than an IPv6 header
      "600000000008114000000000000000000000ffff64400002fd7a115ca1e000000000000000000001aaaaaaaaaaaaaaaa",    // mapped
                                                                                                             // source
      "6000000000082c40fd7a115ca1e000000000000000000002fd7a115ca1e000000000000000000001110000080000000000",  // fragment
                                                                                                             // at 8
      "6000000000042c40fd7a115ca1e000000000000000000002fd7a115ca1e0000000000000000000011100000000",  // fragment header
                                                                                                     // cut
  };
  for (const char *hex : unreadable) {
    const auto packet = parse_packet(from_hex(hex));
    ASSERT_TRUE(packet) << hex;
    EXPECT_EQ(packet->protocol, UNKNOWN) << hex;
  }
}

TEST(Packet, walks_a_fragment_header_of_ipv6) {
  const auto first =
      parse_packet(from_hex("6000000000102c40fd7a115ca1e000000000000000000002fd7a115ca1e0000000000000000000011100000100"
                            "0000070035003600080000"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->protocol, UDP);
  EXPECT_EQ(first->destination_port, 0x36);
  const auto later =
      parse_packet(from_hex("6000000000102c40fd7a115ca1e000000000000000000002fd7a115ca1e0000000000000000000011100005000"
                            "0000070035003600080000"));
  ASSERT_TRUE(later);
  EXPECT_TRUE(later->is_later_fragment);
  EXPECT_EQ(later->destination_port, 0);
}

// RFC 1071 §3.
TEST(Packet, checksum_of_the_rfc) {
  EXPECT_EQ(checksum_finish(checksum_add(0, from_hex("0001f203f4f5f6f7"))), static_cast<uint16_t>(~0xddf2));
  EXPECT_EQ(checksum(from_hex("01")), static_cast<uint16_t>(~0x0100));
  std::vector<uint8_t> big(200000, 0xff);
  EXPECT_EQ(checksum(big), 0);
}

}  // namespace
}  // namespace microlink::ip
