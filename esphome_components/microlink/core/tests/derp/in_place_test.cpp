// SPDX-License-Identifier: MIT
// Bytes that are read and sent where they stand.
#include <gtest/gtest.h>

#include "tests/derp/relay.h"

namespace microlink::derp::testing {

namespace {

TEST(InPlace, shows_packets_that_come_next) {
  Node each;
  Relay relay;
  each.log_in(relay);
  EXPECT_TRUE(each.client.next_packets(1000).empty());
  ASSERT_EQ(each.client.send(each.now, node(1), Raw(100, 'a')), Error::NONE);
  ASSERT_EQ(each.client.send(each.now, node(2), Raw(100, 'b')), Error::NONE);
  EXPECT_EQ(each.client.next_packets(1000).size(), 274U);
  each.client.packets_left(200);
  each.receive(Relay::frame(0x12, Raw(8, 7)));
  EXPECT_EQ(each.client.next_packets(1000).size(), 74U);
  each.client.packets_left(74);
  ASSERT_EQ(each.client.send(each.now, node(3), Raw(100, 'c')), Error::NONE);
  EXPECT_TRUE(each.client.next_packets(1000).empty()) << "an answer to the ping comes first";
  EXPECT_EQ(each.sent().front(), 0x13);
}

TEST(InPlace, logs_in_with_bytes_where_it_wants_them) {
  Node each;
  Relay relay;
  ASSERT_EQ(each.start(), Error::NONE);
  (void) each.sent();
  const auto feed = [&](const Raw &stream) {
    for (size_t at = 0; at != stream.size();) {
      const ByteSpan room = each.client.room();
      ASSERT_FALSE(room.empty());
      ByteSpan in = room.first(copy(ByteView(stream).subspan(at), room));
      at += in.size();
      while (!in.empty()) {
        ASSERT_EQ(each.client.handle_bytes(each.now, in), Error::NONE);
        each.drain();
      }
    }
  };
  feed(bytes(SWITCHING) + relay.server_key());
  (void) each.sent();
  feed(relay.server_info(each.key.public_key()));
  feed(Relay::packet(node(9), bytes("hello")));
  EXPECT_EQ(each.events, (std::vector<std::string>{"connected", "packet 9:hello"}));
}

}  // namespace

}  // namespace microlink::derp::testing
