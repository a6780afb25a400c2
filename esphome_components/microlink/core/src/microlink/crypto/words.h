// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

#include "microlink/base/bytes.h"

#ifdef MICROLINK_CONSTANT_TIME_TEST
#include <valgrind/memcheck.h>
#endif

/// 64-bit hosts take wider code (…_wide.cpp) for what costs time in every packet. The portable code is for the chips,
/// and is tested on hosts too.
#if defined(__SIZEOF_INT128__) && !defined(MICROLINK_PORTABLE_CRYPTO)
#define MICROLINK_WIDE_CRYPTO
#endif

namespace microlink::crypto {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

/// A word that may lie in memory declared as bytes. Loads and stores of it are single instructions, where memcpy() of
/// four bytes is a call at -Os on RISC-V.
using Word [[gnu::may_alias]] = uint32_t;

inline Word *words(uint8_t *bytes) { return reinterpret_cast<Word *>(bytes); }
inline const Word *words(const uint8_t *bytes) { return reinterpret_cast<const Word *>(bytes); }
inline bool is_word_aligned(const uint8_t *bytes) { return reinterpret_cast<uintptr_t>(bytes) % sizeof(Word) == 0; }

/// Copy words between any two places. Not inline: it would be unrolled into calls of memcpy().
[[gnu::noinline]] inline void copy_words(const void *from, void *to, size_t count) {
  const auto *in = static_cast<const Word *>(from);
  auto *out = static_cast<Word *>(to);
  if ((reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) % sizeof(Word) != 0) {
    std::memcpy(to, from, count * sizeof(Word));
    return;
  }
  for (const Word *const end = in + count; in != end;)
    *out++ = *in++;
}

/// Zeros over four words at a time, in a way the compiler may not drop or turn into a call.
[[gnu::noinline]] inline void wipe_fours(Word *first, size_t fours) {
  for (volatile Word *p = first; fours != 0; fours--, p += 4) {
    p[0] = 0;
    p[1] = 0;
    p[2] = 0;
    p[3] = 0;
  }
}

/// A fact about secrets that may show in the time, because the caller acts on it: "the tag was right". Everything else
/// that a branch or an index takes from a secret fails the constant-time test, which builds this module once more.
inline bool reveal(bool fact) {
#ifdef MICROLINK_CONSTANT_TIME_TEST
  VALGRIND_MAKE_MEM_DEFINED(&fact, sizeof(fact));
#endif
  return fact;
}

}  // namespace microlink::crypto
