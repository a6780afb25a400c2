// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::tls {

/// The heap that mbedTLS takes its memory from, where a whole firmware shares it and its allocator is not ours to
/// count (ESP-IDF: one for all components).
struct Heap {
  size_t (*free_bytes)();     ///< of all pieces together
  size_t (*largest_block)();  ///< that could be taken at once
};

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
/// took or gave memory meanwhile are in it. Zeros before the first one.
struct HandshakeUse {
  size_t most{0};
  size_t at_the_end{0};
};

/// Looks at a heap: before a handshake, whether there is room for it; and during it, how much less is free. For the
/// sessions of one client, whose handshakes take turns.
class HeapWatch {
 public:
  explicit HeapWatch(const Heap &heap) : heap_(heap) {}
  HandshakeUse last_handshake() const { return this->use_; }

  // For Session.

  /// Remember what is free. False: there is no room for a handshake.
  bool begin();
  /// Look at what is free now.
  void look();

 private:
  const Heap &heap_;
  size_t free_before_{0};
  HandshakeUse use_;
};

}  // namespace microlink::tls
