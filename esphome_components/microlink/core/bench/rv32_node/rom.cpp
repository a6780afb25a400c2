// SPDX-License-Identifier: MIT
/// memcpy() and its like as the ROM of an ESP32 has them: whole words where both sides are aligned alike. picolibc's go
/// byte by byte, with four to six instructions for each.
#include <cstddef>
#include <cstdint>

namespace {

typedef uint32_t __attribute__((may_alias)) Word;

bool are_words(const void *a, const void *b) {
  return ((reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) & 3) == 0;
}

}  // namespace

extern "C" {

void *memcpy(void *to, const void *from, size_t bytes) {
  auto *out = static_cast<uint8_t *>(to);
  const auto *in = static_cast<const uint8_t *>(from);
  if (are_words(out, in)) {
    auto *words = reinterpret_cast<Word *>(out);
    const auto *source = reinterpret_cast<const Word *>(in);
    for (; bytes >= 32; bytes -= 32, words += 8, source += 8) {
      const Word a = source[0], b = source[1], c = source[2], d = source[3];
      const Word e = source[4], f = source[5], g = source[6], h = source[7];
      words[0] = a, words[1] = b, words[2] = c, words[3] = d;
      words[4] = e, words[5] = f, words[6] = g, words[7] = h;
    }
    for (; bytes >= 4; bytes -= 4)
      *words++ = *source++;
    out = reinterpret_cast<uint8_t *>(words);
    in = reinterpret_cast<const uint8_t *>(source);
  }
  for (; bytes != 0; bytes--)
    *out++ = *in++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  auto *out = static_cast<uint8_t *>(to);
  const auto *in = static_cast<const uint8_t *>(from);
  if (out <= in || out >= in + bytes)
    return memcpy(to, from, bytes);
  while (bytes-- != 0)
    out[bytes] = in[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  auto *out = static_cast<uint8_t *>(to);
  const Word pattern = static_cast<uint8_t>(value) * 0x01010101U;
  for (; bytes != 0 && (reinterpret_cast<uintptr_t>(out) & 3) != 0; bytes--)
    *out++ = static_cast<uint8_t>(value);
  auto *words = reinterpret_cast<Word *>(out);
  for (; bytes >= 16; bytes -= 16, words += 4)
    words[0] = pattern, words[1] = pattern, words[2] = pattern, words[3] = pattern;
  for (; bytes >= 4; bytes -= 4)
    *words++ = pattern;
  out = reinterpret_cast<uint8_t *>(words);
  for (; bytes != 0; bytes--)
    *out++ = static_cast<uint8_t>(value);
  return to;
}

int memcmp(const void *one, const void *other, size_t bytes) {
  const auto *a = static_cast<const uint8_t *>(one);
  const auto *b = static_cast<const uint8_t *>(other);
  if (are_words(a, b)) {
    for (; bytes >= 4 && *reinterpret_cast<const Word *>(a) == *reinterpret_cast<const Word *>(b); bytes -= 4)
      a += 4, b += 4;
  }
  for (; bytes != 0; bytes--, a++, b++) {
    if (*a != *b)
      return *a - *b;
  }
  return 0;
}

}  // extern "C"
