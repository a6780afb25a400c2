// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::tls {

/// The heap that mbedTLS takes its memory from, where a whole firmware shares it and its allocator is not ours to
/// count (ESP-IDF: one for all components). So it is looked at: before a handshake, whether there is room for it; and
/// during it, how much less is free. Process-wide, as the heap is.
struct Heap {
  size_t (*free_bytes)();     ///< of all pieces together
  size_t (*largest_block)();  ///< that could be taken at once
};

/// From now on no session begins without room for its handshake (NO_SPACE). `heap` must stay; null: no looking.
void watch_heap(const Heap *heap);

/// What a handshake needs, of it in one piece, and what must be left for everybody else meanwhile. mbedTLS takes two
/// record buffers of full length at once, whose lengths are the firmware's configuration, and some 3 KB beside them
/// (docs/memory.md).
struct HandshakeNeed {
  size_t bytes;
  size_t in_one_piece;
  size_t left_for_others;
};
HandshakeNeed handshake_need();

/// What the last handshake took: how much less was free at the worst moment, and at its end, than before. Others who
/// took or gave memory meanwhile are in it. Zeros where no heap is watched.
struct HandshakeUse {
  size_t most;
  size_t at_the_end;
};
HandshakeUse last_handshake();

// For Session. Handshakes take turns.

/// Remember what is free. False: there is no room for a handshake.
bool begin_handshake();
/// Look at what is free now.
void note_handshake();

}  // namespace microlink::tls
