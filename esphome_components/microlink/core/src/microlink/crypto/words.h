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

/// Little-endian, from any address.
inline uint32_t load_u32(const uint8_t *p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[3]) << 24;
}

/// wipe() for whole words: a fourth of the stores.
inline void wipe_words(Word *first, size_t count) {
  volatile Word *p = first;
  for (size_t i = 0; i != count; i++)
    p[i] = 0;
}

}  // namespace microlink::crypto
