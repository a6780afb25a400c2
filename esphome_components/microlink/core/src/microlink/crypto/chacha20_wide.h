// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/crypto/chacha20.h"

/// The vector code behind ChaCha20::apply() on 64-bit hosts. Each XORs in as many blocks as it can do at once, counts
/// them in `state[12]` and says how many it did; the caller does the rest.
namespace microlink::crypto::wide {

#ifdef MICROLINK_WIDE_CRYPTO
size_t apply_fours(uint32_t *state, Word *block, size_t blocks);
#ifdef __x86_64__
/// Only where __builtin_cpu_supports() says "avx2" and "avx512vl".
size_t apply_avx2(uint32_t *state, Word *block, size_t blocks);
size_t apply_avx512(uint32_t *state, Word *block, size_t blocks);
#endif
#endif

}  // namespace microlink::crypto::wide
