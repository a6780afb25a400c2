// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace fake_idf {

/// The chip's random generator.
struct Noise {
  bool is_weak{false};  ///< no radio runs: without the bootloader's source all bytes are the same
  bool is_on{false};    ///< the bootloader's source
  size_t enabled{0};    ///< times that it was switched on
  size_t strong_bytes{0};
  size_t weak_bytes{0};

  static Noise &get();
};

}  // namespace fake_idf
