// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {

inline uint32_t instructions() {
  uint32_t out;
  asm volatile("csrr %0, minstret" : "=r"(out)::"memory");
  return out;
}

/// What `work` took, without the counting itself.
template<typename Work> uint32_t count(Work &&work) {
  const uint32_t start = instructions();
  asm volatile("" ::: "memory");
  const uint32_t empty = instructions() - start;
  const uint32_t before = instructions();
  work();
  return instructions() - before - empty;
}

inline void report(const char *name, uint32_t instructions) {
  std::printf("%s %lu\n", name, static_cast<unsigned long>(instructions));
}

inline void require(bool ok, const char *what) {
  if (ok)
    return;
  std::printf("wrong %s\n", what);
  std::exit(1);
}

}  // namespace bench
