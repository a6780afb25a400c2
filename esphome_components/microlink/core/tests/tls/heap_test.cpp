// SPDX-License-Identifier: MIT
#include "microlink/tls/heap.h"

#include <gtest/gtest.h>

#include "microlink/tls/memory.h"
#include "tests/tls/pair.h"

namespace microlink::tls {
namespace {

using testing::Pair;

size_t heap_bytes;
size_t largest_block;

/// A chip's heap: what this test's sessions do not have is free. The server's memory is counted too.
constexpr Heap HEAP{[] { return heap_bytes - memory_use().current; }, [] { return largest_block; }};

class Watched : public ::testing::Test {
 protected:
  Watched() {
    this->pair.anchors.set_heap(&this->watch);
    heap_bytes = 1'000'000;
    largest_block = 500'000;
  }
  /// Let so much be free now.
  static void leave(size_t bytes) { heap_bytes = memory_use().current + bytes; }

  const HandshakeNeed need = handshake_need();
  HeapWatch watch{HEAP};
  Pair pair;
};

TEST_F(Watched, a_handshake_does_not_begin_without_room_for_it_and_for_others) {
  leave(this->need.bytes + this->need.left_for_others - 1);
  const size_t before = memory_use().current;
  EXPECT_EQ(this->pair.start(this->pair.policy()), Error::NO_SPACE);
  EXPECT_EQ(this->pair.session.state(), Session::State::IDLE);
  EXPECT_EQ(memory_use().current, before);
  leave(this->need.bytes + this->need.left_for_others);
  EXPECT_TRUE(this->pair.shake_hands(this->pair.policy()));
}

TEST_F(Watched, nor_without_a_piece_that_is_large_enough) {
  largest_block = this->need.in_one_piece - 1;
  EXPECT_EQ(this->pair.start(this->pair.policy()), Error::NO_SPACE);
  largest_block = this->need.in_one_piece;
  EXPECT_TRUE(this->pair.shake_hands(this->pair.policy()));
}

TEST_F(Watched, what_is_asked_for_is_what_a_handshake_takes) {
  const size_t before = memory_use().current;
  reset_peak_memory();
  ASSERT_EQ(this->pair.start(this->pair.policy()), Error::NONE);
  const size_t most = memory_use().peak - before;
  EXPECT_LE(most, this->need.bytes);
  EXPECT_GE(most, this->need.bytes - 8'192);
  EXPECT_LE(this->watch.last_handshake().most, most);
  EXPECT_GE(this->watch.last_handshake().most, most - 200) << "it looks at the worst moment";
  this->pair.pump();
  EXPECT_LE(this->watch.last_handshake().most, most);
  EXPECT_LT(this->watch.last_handshake().at_the_end, 40'000U);
  EXPECT_GT(this->watch.last_handshake().at_the_end, 2'000U);
}

TEST_F(Watched, a_heap_that_others_gave_back_to_meanwhile_counts_as_nothing_taken) {
  ASSERT_EQ(this->pair.start(this->pair.policy()), Error::NONE);
  heap_bytes += 500'000;
  this->pair.pump();
  EXPECT_EQ(this->watch.last_handshake().at_the_end, 0U);
}

}  // namespace
}  // namespace microlink::tls
