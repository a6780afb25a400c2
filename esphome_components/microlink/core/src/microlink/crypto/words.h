// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

#include "microlink/base/bytes.h"

namespace microlink::crypto {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

/// A word that may lie in memory declared as bytes. Loads and stores of it are single instructions, where memcpy() of
/// four bytes is a call at -Os on RISC-V.
using Word [[gnu::may_alias]] = uint32_t;

inline Word *words(uint8_t *bytes) { return reinterpret_cast<Word *>(bytes); }
inline const Word *words(const uint8_t *bytes) { return reinterpret_cast<const Word *>(bytes); }
inline bool is_word_aligned(const uint8_t *bytes) { return reinterpret_cast<uintptr_t>(bytes) % sizeof(Word) == 0; }

/// Four words from any address. Spelt out, because a loop would become a call of memcpy().
inline void load_words(const uint8_t *from, uint32_t *to) {
  if (!is_word_aligned(from)) {
    std::memcpy(to, from, 4 * sizeof(Word));
    return;
  }
  to[0] = words(from)[0];
  to[1] = words(from)[1];
  to[2] = words(from)[2];
  to[3] = words(from)[3];
}

/// Zeros over four words at a time, in a way the compiler may not drop or turn into a call.
inline void wipe_fours(Word *first, size_t fours) {
  for (volatile Word *p = first; fours != 0; fours--, p += 4) {
    p[0] = 0;
    p[1] = 0;
    p[2] = 0;
    p[3] = 0;
  }
}

}  // namespace microlink::crypto
