// SPDX-License-Identifier: MIT
#include "microlink/tls/heap.h"

#include <algorithm>

#include "microlink/tls/mbedtls.h"

namespace microlink::tls {

namespace {

constexpr size_t HEADER_BYTES = 512;                     // of a record buffer: mbedTLS's, and the allocator's
constexpr size_t BESIDE_BYTES = 1'024 * sizeof(void *);  // context, configuration, verifier
constexpr size_t LEFT_BYTES = 4'096;                     // for lwIP and drivers, which drop packets without it

const Heap *watched = nullptr;
size_t free_before = 0;
HandshakeUse use{};

}  // namespace

void watch_heap(const Heap *heap) {
  watched = heap;
  use = {};
}

HandshakeNeed handshake_need() {
  constexpr size_t IN = MBEDTLS_SSL_IN_CONTENT_LEN;
  constexpr size_t OUT = MBEDTLS_SSL_OUT_CONTENT_LEN;
  return {.bytes = IN + OUT + BESIDE_BYTES,
          .in_one_piece = std::max(IN, OUT) + HEADER_BYTES,
          .left_for_others = LEFT_BYTES};
}

HandshakeUse last_handshake() { return use; }

bool begin_handshake() {
  if (watched == nullptr)
    return true;
  const HandshakeNeed need = handshake_need();
  free_before = watched->free_bytes();
  if (free_before < need.bytes + need.left_for_others || watched->largest_block() < need.in_one_piece)
    return false;
  use = {};
  return true;
}

void note_handshake() {
  if (watched == nullptr)
    return;
  const size_t free_now = watched->free_bytes();
  use.at_the_end = free_before > free_now ? free_before - free_now : 0;
  use.most = std::max(use.most, use.at_the_end);
}

}  // namespace microlink::tls
