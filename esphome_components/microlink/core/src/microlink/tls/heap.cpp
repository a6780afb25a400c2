// SPDX-License-Identifier: MIT
#include "microlink/tls/heap.h"

#include <algorithm>

#include "microlink/tls/mbedtls.h"

namespace microlink::tls {

namespace {

constexpr size_t HEADER_BYTES = 512;                     // of a record buffer: mbedTLS's, and the allocator's
constexpr size_t BESIDE_BYTES = 1'024 * sizeof(void *);  // context, configuration, verifier
constexpr size_t LEFT_BYTES = 4'096;                     // for lwIP and drivers, which drop packets without it

}  // namespace

HandshakeNeed handshake_need() {
  constexpr size_t IN = MBEDTLS_SSL_IN_CONTENT_LEN;
  constexpr size_t OUT = MBEDTLS_SSL_OUT_CONTENT_LEN;
  return {.bytes = IN + OUT + BESIDE_BYTES,
          .in_one_piece = std::max(IN, OUT) + HEADER_BYTES,
          .left_for_others = LEFT_BYTES};
}

bool HeapWatch::begin() {
  const HandshakeNeed need = handshake_need();
  this->free_before_ = this->heap_.free_bytes();
  if (this->free_before_ < need.bytes + need.left_for_others || this->heap_.largest_block() < need.in_one_piece)
    return false;
  this->use_ = {};
  return true;
}

void HeapWatch::look() {
  const size_t free_now = this->heap_.free_bytes();
  this->use_.at_the_end = this->free_before_ > free_now ? this->free_before_ - free_now : 0;
  this->use_.most = std::max(this->use_.most, this->use_.at_the_end);
}

}  // namespace microlink::tls
