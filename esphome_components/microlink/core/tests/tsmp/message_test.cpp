// SPDX-License-Identifier: MIT
#include "microlink/tsmp/message.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace microlink::tsmp {
namespace {

using microlink::testing::load_vectors;
using microlink::testing::to_hex;
using microlink::testing::Value;

std::vector<uint8_t> packet_named(const char *name) {
  const Value vectors = load_vectors("tsmp.json");
  for (const char *list : {"tsmp", "icmp"}) {
    for (size_t i = 0; i != vectors[list].size(); i++) {
      if (vectors[list][i]["name"].text() == name)
        return vectors[list][i]["packet"].hex();
    }
  }
  ADD_FAILURE() << name;
  return {};
}

TEST(Tsmp, every_vector_is_read_and_written_byte_for_byte) {
  const Value vectors = load_vectors("tsmp.json")["tsmp"];
  for (size_t i = 0; i != vectors.size(); i++) {
    const std::vector<uint8_t> bytes = vectors[i]["packet"].hex();
    const auto packet = ip::parse_packet(bytes);
    ASSERT_TRUE(packet);
    ASSERT_EQ(packet->protocol, ip::TSMP) << vectors[i]["name"].text();
    const auto message = parse(packet->transport);
    ASSERT_TRUE(message) << vectors[i]["name"].text();
    Bytes<128> room;
    const auto n = write(*message, packet->source, packet->destination,
                         packet->version == 4 ? packet->id : packet->flow_label, room);
    ASSERT_TRUE(n);
    EXPECT_EQ(to_hex(room.data(), *n), vectors[i]["packet"].text()) << vectors[i]["name"].text();
    for (size_t size = 0; size != 7; size++)
      EXPECT_FALSE(parse(packet->transport.first(size)));
    EXPECT_EQ(write(*message, packet->source, packet->destination, 0, ByteSpan(room).first(*n - 1)).error(),
              Error::NO_SPACE);
  }
}

TEST(Tsmp, pings_are_answered) {
  for (const auto &[ping, pong] : {std::pair{"ping_ipv4", "pong_ipv4"}, std::pair{"ping_ipv6", "pong_ipv6"}}) {
    const std::vector<uint8_t> request = packet_named(ping);
    const auto packet = ip::parse_packet(request);
    const auto message = parse(packet->transport);
    Bytes<128> room;
    const auto n = write_pong(*packet, message->data, room);
    ASSERT_TRUE(n);
    EXPECT_EQ(to_hex(room.data(), *n), to_hex(packet_named(pong)));
  }
}

TEST(Tsmp, what_nobody_takes_is_answered_with_the_beginning_of_it) {
  std::vector<uint8_t> ping = packet_named("echo_request_ipv6");
  ping.resize(1'280, 'x');
  ping[4] = 1'240 / 256;
  ping[5] = 1'240 % 256;
  Bytes<128> room;
  const auto n = write_unreachable(ping, room);
  ASSERT_TRUE(n);
  ASSERT_EQ(*n, UNREACHABLE_BYTES);
  const auto request = ip::parse_packet(ping);
  const auto error = ip::parse_packet(ByteView(room).first(*n));
  EXPECT_EQ(error->source, request->destination);
  EXPECT_EQ(error->destination, request->source);
  EXPECT_EQ(error->protocol, ip::ICMPV6);
  EXPECT_EQ(error->icmp_type, 1);
  EXPECT_EQ(error->transport[1], 3);
  EXPECT_TRUE(error->is_icmp_response());
  // The field is in the sum this time: what is left is nothing.
  EXPECT_EQ(ip::transport_checksum(error->source, error->destination, ip::ICMPV6, error->transport), 0);
  EXPECT_EQ(to_hex(error->transport.data() + 8, 48), to_hex(ping.data(), 48));
  EXPECT_EQ(write_unreachable(ping, ByteSpan(room).first(*n - 1)).error(), Error::NO_SPACE);
}

TEST(Tsmp, an_error_is_never_answered_with_an_error_and_ipv4_not_at_all) {
  Bytes<128> error;
  const auto n = write_unreachable(packet_named("echo_request_ipv6"), error);
  ASSERT_TRUE(n);
  Bytes<128> room;
  EXPECT_EQ(write_unreachable(ByteView(error).first(*n), room).error(), Error::UNEXPECTED);
  EXPECT_EQ(write_unreachable(packet_named("echo_request_ipv4"), room).error(), Error::UNEXPECTED);
  std::vector<uint8_t> to_many = packet_named("echo_request_ipv6");
  to_many[24] = 0xff;
  EXPECT_EQ(write_unreachable(to_many, room).error(), Error::UNEXPECTED);
}

TEST(Tsmp, echo_requests_turn_into_replies) {
  for (const auto &[request, reply] :
       {std::pair{"echo_request_ipv4", "echo_reply_ipv4"}, std::pair{"echo_request_ipv6", "echo_reply_ipv6"}}) {
    std::vector<uint8_t> packet = packet_named(request);
    for (size_t n = 0; n != packet.size(); n++) {
      std::vector<uint8_t> cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(n));
      EXPECT_EQ(answer_echo(cut), Error::UNEXPECTED);
    }
    EXPECT_EQ(answer_echo(packet), Error::NONE);
    EXPECT_EQ(to_hex(packet), to_hex(packet_named(reply)));
    EXPECT_EQ(answer_echo(packet), Error::UNEXPECTED) << "a reply is not answered";
  }
}

TEST(Tsmp, echo_requests_of_our_own_come_back) {
  const PingData data{1, 2, 3, 4, 5, 6, 7, 8};
  for (const auto &[from, to] :
       {std::pair{"100.64.0.1", "100.64.0.2"}, std::pair{"fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2"}}) {
    Bytes<128> room;
    const auto size = write_echo_request(*parse_ip(from), *parse_ip(to), data, room);
    ASSERT_TRUE(size);
    const ByteSpan packet = ByteSpan(room).first(*size);
    EXPECT_FALSE(parse_echo_reply(*ip::parse_packet(packet))) << "a request is no reply";
    ASSERT_EQ(answer_echo(packet), Error::NONE);  // which looks at every field but the checksums
    const auto reply = ip::parse_packet(packet);
    EXPECT_EQ(reply->source, *parse_ip(to));
    const auto echo = parse_echo_reply(*reply);
    ASSERT_TRUE(echo);
    EXPECT_EQ(*echo, data);
    EXPECT_FALSE(write_echo_request(*parse_ip(from), *parse_ip(to), data, ByteSpan(room).first(*size - 1)));
    EXPECT_FALSE(parse_echo_reply(*ip::parse_packet(packet.first(*size - 1))));
  }
  Bytes<128> room;
  EXPECT_FALSE(write_echo_request(*parse_ip("100.64.0.1"), *parse_ip("fd7a::1"), data, room));
}

TEST(Tsmp, mapped_addresses_in_an_ipv6_header_are_not_answered) {
  const std::vector<uint8_t> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 100, 64, 0, 1};
  for (const ptrdiff_t at : {8, 24}) {
    std::vector<uint8_t> echo = packet_named("echo_request_ipv6");
    std::copy(mapped.begin(), mapped.end(), echo.begin() + at);
    EXPECT_EQ(answer_echo(echo), Error::UNEXPECTED);
    std::vector<uint8_t> ping = packet_named("ping_ipv6");
    std::copy(mapped.begin(), mapped.end(), ping.begin() + at);
    if (const auto packet = ip::parse_packet(ping)) {
      Bytes<128> room;
      EXPECT_FALSE(write_pong(*packet, {}, room));
    }
  }
}

}  // namespace
}  // namespace microlink::tsmp
