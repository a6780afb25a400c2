// SPDX-License-Identifier: MIT
#include "microlink/derp/send_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
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

Raw frame_of(uint8_t destination, ByteView packet) {
  Raw out(FRAME_HEADER_BYTES + crypto::KEY_BYTES + packet.size());
  Writer writer(out);
  write_send_packet(writer, key(destination), packet);
  return out;
}

Raw disco(size_t size) {
  Raw out(size);
  copy(Bytes<6>{0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac}, out);
  return out;
}

Raw pop(SendPool &pool, SendPool::Owner owner, size_t most = SIZE_MAX) {
  const ByteView front = pool.front(owner);
  const Raw out(front.begin(), front.begin() + static_cast<ptrdiff_t>(std::min(most, front.size())));
  pool.pop(owner, out.size());
  return out;
}

TEST(SendPool, is_first_in_first_out_for_each_connection) {
  SendPool pool;
  EXPECT_EQ(pool.push(0, key(1), as_bytes("one")), 0U);
  EXPECT_EQ(pool.push(1, key(2), as_bytes("two")), 0U);
  EXPECT_EQ(pool.push(0, key(3), as_bytes("three")), 0U);
  EXPECT_EQ(pool.frames(0), 2U);
  EXPECT_EQ(pool.frames(1), 1U);
  EXPECT_EQ(pop(pool, 0), frame_of(1, as_bytes("one")));
  EXPECT_EQ(pop(pool, 0), frame_of(3, as_bytes("three")));
  EXPECT_TRUE(pool.front(0).empty());
  EXPECT_EQ(pop(pool, 1), frame_of(2, as_bytes("two")));
}

TEST(SendPool, lets_disco_go_before_data_but_not_into_a_frame) {
  SendPool pool;
  (void) pool.push(0, key(1), as_bytes("data"));
  (void) pool.push(0, key(2), as_bytes("more"));
  EXPECT_EQ(pop(pool, 0, 10).size(), 10U);
  (void) pool.push(0, key(3), disco(100));
  EXPECT_TRUE(pool.is_mid_frame(0));
  EXPECT_EQ(pop(pool, 0).size(), 31U);
  EXPECT_EQ(pop(pool, 0), frame_of(3, disco(100)));
  EXPECT_EQ(pop(pool, 0), frame_of(2, as_bytes("more")));
}

TEST(SendPool, has_room_for_disco_when_data_fills_it) {
  SendPool pool;
  size_t dropped = 0;
  for (uint8_t i = 0; i != 9; i++)
    dropped += pool.push(0, key(i), Raw(1000, i));
  EXPECT_EQ(dropped, 9 - DATA_QUEUE_BYTES / 1037);
  EXPECT_EQ(pool.push(1, key(1), disco(300)), 0U);
  EXPECT_EQ(pool.push(1, key(2), disco(300)), 1U);
  EXPECT_EQ(pop(pool, 1)[5], 2);
  EXPECT_EQ(pool.frames(0), DATA_QUEUE_BYTES / 1037);
}

TEST(SendPool, never_drops_a_frame_on_its_way) {
  SendPool pool;
  (void) pool.push(0, key(1), Raw(1300));
  EXPECT_EQ(pop(pool, 0, 1).size(), 1U);
  (void) pool.push(1, key(2), Raw(1300));
  EXPECT_EQ(pop(pool, 1, 1).size(), 1U);
  EXPECT_EQ(pool.push(0, key(3), Raw(1300)), 1U) << "the packet itself";
  EXPECT_EQ(pool.frames(0), 1U);
  EXPECT_EQ(pop(pool, 0).size(), 1336U);
  EXPECT_EQ(pool.push(0, key(3), Raw(1300)), 0U);
}

/// For keep_only().
auto all_but(uint8_t number) {
  return [number](const crypto::PublicKey &destination) { return destination != key(number); };
}

TEST(SendPool, drops_what_waits_for_one_destination_but_no_frame_on_its_way) {
  SendPool pool;
  (void) pool.push(0, key(1), as_bytes("begun"));
  EXPECT_EQ(pop(pool, 0, 40).size(), 40U);  // its last two bytes are at the end of what waits for now
  EXPECT_EQ(pool.keep_only(all_but(1)), 0U);
  (void) pool.push(0, key(1), as_bytes("cut"));
  (void) pool.push(0, key(2), as_bytes("kept"));
  (void) pool.push(1, key(1), as_bytes("cut as well"));
  (void) pool.push(1, key(1), disco(100));
  (void) pool.push(1, key(3), disco(100));
  EXPECT_EQ(pool.keep_only(all_but(1)), 3U);
  EXPECT_EQ(pop(pool, 0).size(), 2U) << "the stream stays in step";
  EXPECT_EQ(pop(pool, 0), frame_of(2, as_bytes("kept")));
  EXPECT_EQ(pop(pool, 1), frame_of(3, disco(100)));
  EXPECT_EQ(pool.frames(0) + pool.frames(1), 0U);
  EXPECT_EQ(pool.keep_only(all_but(2)), 0U);
}

TEST(SendPool, takes_no_more_frames_than_it_can_count) {
  SendPool pool;
  size_t dropped = 0;
  for (size_t i = 0; i != SendPool::MAX_FRAMES + 2; i++)
    dropped += pool.push(0, key(static_cast<uint8_t>(i)), as_bytes("x"));
  EXPECT_EQ(dropped, 2U);
  EXPECT_EQ(pop(pool, 0)[5], 2);
}

TEST(SendPool, shows_what_leaves_together) {
  SendPool pool;
  (void) pool.push(0, key(1), as_bytes("one"));
  (void) pool.push(0, key(2), as_bytes("two"));
  (void) pool.push(1, key(3), as_bytes("other"));
  (void) pool.push(0, key(4), as_bytes("three"));
  EXPECT_EQ(pool.front(0, 1000).size(), 80U) << "up to the other connection's";
  EXPECT_EQ(pool.front(0, 50).size(), 50U);
  pool.pop(0, 50);
  EXPECT_TRUE(pool.is_mid_frame(0));
  EXPECT_EQ(pool.frames(0), 2U);
  (void) pool.push(0, key(5), disco(100));
  EXPECT_EQ(pool.front(0, 1000).size(), 30U) << "the rest, as DISCO comes next";
  pool.pop(0, 30);
  EXPECT_EQ(pool.front(0, 1000).size(), 137U);
  pool.pop(0, 137);
  EXPECT_EQ(pop(pool, 0), frame_of(4, as_bytes("three")));
}

TEST(SendPool, forgets_one_connection) {
  SendPool pool;
  (void) pool.push(0, key(1), as_bytes("abc"));
  (void) pool.push(1, key(2), as_bytes("def"));
  (void) pool.push(0, key(3), as_bytes("ghi"));
  (void) pop(pool, 0, 4);
  pool.clear(0);
  EXPECT_EQ(pool.frames(0), 0U);
  EXPECT_FALSE(pool.is_mid_frame(0));
  EXPECT_EQ(pop(pool, 1), frame_of(2, as_bytes("def")));
}

/// The same with a list of whole frames.
class NaivePool {
 public:
  size_t push(SendPool::Owner owner, bool is_disco, const Raw &frame) {
    std::deque<Queued> after = this->queued_;
    size_t dropped = 0;
    while (!has_room(after, is_disco, frame.size())) {
      const auto victim = std::find_if(after.begin(), after.end(),
                                       [&](const Queued &each) { return each.is_disco == is_disco && !each.is_begun; });
      if (victim == after.end())
        return 1;
      after.erase(victim);
      dropped++;
    }
    after.push_back({owner, is_disco, false, frame});
    this->queued_ = after;
    return dropped;
  }
  /// Takes `out` away if that is what may leave.
  bool pop(SendPool::Owner owner, const Raw &out) {
    auto next = this->find(owner, [](const Queued &each) { return each.is_begun; });
    for (const bool is_disco : {true, false}) {
      if (next == this->queued_.end())
        next = this->find(owner, [&](const Queued &each) { return each.is_disco == is_disco; });
    }
    if (next == this->queued_.end())
      return out.empty();
    if (out.size() > next->left.size() || !std::equal(out.begin(), out.end(), next->left.begin()))
      return false;
    next->left.erase(next->left.begin(), next->left.begin() + static_cast<ptrdiff_t>(out.size()));
    next->is_begun = next->is_begun || !out.empty();
    if (next->left.empty())
      this->queued_.erase(next);
    return true;
  }
  size_t frames(SendPool::Owner owner) const {
    return static_cast<size_t>(std::count_if(this->queued_.begin(), this->queued_.end(),
                                             [&](const Queued &each) { return each.owner == owner; }));
  }

 private:
  struct Queued {
    SendPool::Owner owner;
    bool is_disco;
    bool is_begun;
    Raw left;
  };
  static bool has_room(const std::deque<Queued> &queued, bool is_disco, size_t needed) {
    for (const Queued &each : queued)
      needed += each.is_disco == is_disco ? each.left.size() : 0;
    return needed <= (is_disco ? DISCO_QUEUE_BYTES : DATA_QUEUE_BYTES) && queued.size() < SendPool::MAX_FRAMES;
  }
  template<typename Matches> std::deque<Queued>::iterator find(SendPool::Owner owner, Matches matches) {
    return std::find_if(this->queued_.begin(), this->queued_.end(),
                        [&](const Queued &each) { return each.owner == owner && matches(each); });
  }
  std::deque<Queued> queued_;
};

TEST(SendPool, agrees_with_a_naive_one) {
  for (uint32_t seed = 0; seed != 40; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    SendPool pool;
    NaivePool model;
    for (int step = 0; step != 1000; step++) {
      const auto owner = static_cast<SendPool::Owner>(engine() % 2);
      const auto to = static_cast<uint8_t>(step);
      if (engine() % 2 == 0) {
        const bool is_disco = engine() % 3 == 0;
        const Raw packet = is_disco ? disco(80 + engine() % 200) : Raw(engine() % 1400, to);
        ASSERT_EQ(pool.push(owner, key(to), packet), model.push(owner, is_disco, frame_of(to, packet)));
      } else {
        ASSERT_TRUE(model.pop(owner, pop(pool, owner, engine() % 1500)));
      }
      for (const SendPool::Owner each : {0, 1})
        ASSERT_EQ(pool.frames(each), model.frames(each));
    }
  }
}

}  // namespace

}  // namespace microlink::derp
