// SPDX-License-Identifier: MIT
#include "microlink/base/fixed_string.h"

#include <algorithm>
#include <cstring>

namespace microlink {

size_t append_text(char *text, size_t size, size_t capacity, std::string_view more) {
  const size_t n = std::min(more.size(), capacity - size);
  if (n != 0)
    std::memmove(text + size, more.data(), n);  // it may be a part of the same text
  text[size + n] = '\0';
  return size + n;
}

}  // namespace microlink
