// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace microlink::testing {

/// JSON as one message of a map stream.
inline std::string framed(const std::string &json) {
  std::string out;
  for (unsigned shift = 0; shift != 32; shift += 8)
    out += static_cast<char>(json.size() >> shift & 0xff);
  return out + json;
}

}  // namespace microlink::testing
