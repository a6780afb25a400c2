// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace microlink {

/// Bytes somebody else owns. Passed by value; never kept beyond the call unless a comment says whose and until when.
using ByteView = std::span<const uint8_t>;
using ByteSpan = std::span<uint8_t>;

template<size_t N> using Bytes = std::array<uint8_t, N>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};  // char and uint8_t may alias
}

inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }

/// Plain comparison, for public values only; secrets are compared with ct_equal().
inline bool equal(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

/// Copy `from` to the front of `to` and return how many bytes fitted.
inline size_t copy(ByteView from, ByteSpan to) {
  const size_t n = std::min(from.size(), to.size());
  if (n != 0)
    std::memmove(to.data(), from.data(), n);
  return n;
}

}  // namespace microlink
