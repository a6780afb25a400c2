// SPDX-License-Identifier: MIT
#include "microlink/derp/send_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace microlink::derp {

namespace {

using Raw = std::vector<uint8_t>;

crypto::PublicKey key(uint8_t value) {
  crypto::PublicKey out;
  out.fill(value);
  return out;
}

Raw frame_of(const crypto::PublicKey &destination, ByteView packet) {
  Raw out(FRAME_HEADER_BYTES + destination.size() + packet.size());
  Writer writer(out);
  write_send_packet(writer, destination, packet);
  return out;
}

TEST(SendQueue, is_first_in_first_out) {
  Bytes<1000> memory;
  SendQueue queue(memory);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.push(key(1), as_bytes("one")), 0U);
  EXPECT_EQ(queue.push(key(2), as_bytes("two")), 0U);
  EXPECT_EQ(queue.frames(), 2U);
  Bytes<100> out;
  EXPECT_EQ(queue.pop(out), 40U);
  EXPECT_EQ(Raw(out.begin(), out.begin() + 40), frame_of(key(1), as_bytes("one")));
  EXPECT_EQ(queue.pop(out), 40U);
  EXPECT_EQ(Raw(out.begin(), out.begin() + 40), frame_of(key(2), as_bytes("two")));
  EXPECT_EQ(queue.pop(out), 0U);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, drops_the_oldest_when_full) {
  Bytes<120> memory;
  SendQueue queue(memory);
  for (uint8_t i = 1; i <= 3; i++)
    EXPECT_EQ(queue.push(key(i), as_bytes("abc")), 0U);
  EXPECT_EQ(queue.push(key(4), as_bytes("d")), 1U);
  EXPECT_EQ(queue.push(key(5), as_bytes("a packet of 43 bytes that needs the room of")), 2U);
  EXPECT_EQ(queue.frames(), 2U);
  Bytes<100> out;
  EXPECT_EQ(queue.pop(out), 38U);
  EXPECT_EQ(out[5], 4);
  EXPECT_EQ(queue.pop(out), 80U);
  EXPECT_EQ(out[5], 5);
}

TEST(SendQueue, never_drops_the_frame_on_its_way) {
  Bytes<120> memory;
  SendQueue queue(memory);
  (void) queue.push(key(1), as_bytes("abc"));
  Bytes<100> out;
  EXPECT_EQ(queue.pop(ByteSpan(out).first(10)), 10U);
  EXPECT_TRUE(queue.is_mid_frame());
  (void) queue.push(key(2), as_bytes("abc"));
  (void) queue.push(key(3), as_bytes("abc"));
  EXPECT_EQ(queue.push(key(4), as_bytes("abc")), 1U);
  EXPECT_EQ(queue.pop(ByteSpan(out).subspan(10)), 30U);
  EXPECT_EQ(Raw(out.begin(), out.begin() + 40), frame_of(key(1), as_bytes("abc")));
  EXPECT_EQ(queue.pop(out), 40U);
  EXPECT_EQ(out[5], 3);
  EXPECT_EQ(queue.pop(out), 40U);
  EXPECT_EQ(out[5], 4);
}

TEST(SendQueue, lets_the_packet_itself_go_when_the_frame_on_its_way_leaves_no_room) {
  Bytes<120> memory;
  SendQueue queue(memory);
  const Raw large(83);
  EXPECT_EQ(queue.push(key(1), large), 0U);
  Bytes<1> out;
  EXPECT_EQ(queue.pop(out), 1U);
  EXPECT_EQ(queue.push(key(2), large), 1U);
  EXPECT_EQ(queue.frames(), 1U);
}

TEST(SendQueue, forgets) {
  Bytes<120> memory;
  SendQueue queue(memory);
  (void) queue.push(key(1), as_bytes("abc"));
  Bytes<10> out;
  (void) queue.pop(out);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.is_mid_frame());
  EXPECT_EQ(queue.pop(out), 0U);
}

/// Against a naive model: whole frames in a deque, and the stream that leaves must always be whole frames.
TEST(SendQueue, agrees_with_a_naive_one) {
  for (uint32_t seed = 0; seed != 40; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    Raw memory(200 + engine() % 2000);
    SendQueue queue(memory);
    std::deque<Raw> model;
    Raw on_its_way;
    size_t model_bytes = 0;
    for (int step = 0; step != 2000; step++) {
      if (engine() % 2 == 0) {
        const Raw packet(engine() % 150, static_cast<uint8_t>(step));
        const Raw frame = frame_of(key(static_cast<uint8_t>(step)), packet);
        size_t dropped = 0;
        if (frame.size() > memory.size() - on_its_way.size()) {
          dropped = 1;
        } else {
          while (on_its_way.size() + model_bytes + frame.size() > memory.size()) {
            model_bytes -= model.front().size();
            model.pop_front();
            dropped++;
          }
          model.push_back(frame);
          model_bytes += frame.size();
        }
        ASSERT_EQ(queue.push(key(static_cast<uint8_t>(step)), packet), dropped);
      } else {
        Raw out(engine() % 200);
        const size_t n = queue.pop(out);
        if (on_its_way.empty() && !out.empty() && !model.empty()) {
          on_its_way = model.front();
          model.pop_front();
          model_bytes -= on_its_way.size();
        }
        ASSERT_EQ(n, std::min(out.size(), on_its_way.size()));
        ASSERT_EQ(Raw(out.begin(), out.begin() + static_cast<ptrdiff_t>(n)),
                  Raw(on_its_way.begin(), on_its_way.begin() + static_cast<ptrdiff_t>(n)));
        on_its_way.erase(on_its_way.begin(), on_its_way.begin() + static_cast<ptrdiff_t>(n));
      }
      ASSERT_EQ(queue.frames(), model.size() + (on_its_way.empty() ? 0 : 1));
    }
  }
}

}  // namespace

}  // namespace microlink::derp
