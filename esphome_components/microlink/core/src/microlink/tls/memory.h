// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::tls {

/// Bytes of heap that TLS holds (handshakes, records, trust anchors): the one part of the core that allocates after
/// start, so it is shown apart. Process-wide, as mbedTLS's allocator is.
struct MemoryUse {
  size_t current;
  size_t peak;  ///< since the start or the last reset_peak_memory()
};

/// Zeros where mbedTLS's allocator is not ours to replace: in ESP-IDF, where other components use it too (heap.h), and
/// where it is fixed at compile time.
MemoryUse memory_use();
void reset_peak_memory();

/// Refuse what would make TLS hold more than `bytes` (sessions end with NO_SPACE then); 0: no limit.
void limit_memory(size_t bytes);

/// Route mbedTLS's allocations through the counter; once, before anything is allocated. Session and PemAnchors do it.
/// Nothing where memory_use() is zeros.
void count_memory();

}  // namespace microlink::tls
