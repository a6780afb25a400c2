// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace microlink::testing {

/// Runs calls on a stack of their own that was painted before, and knows how much of it the deepest one used.
class PaintedStack {
 public:
  static constexpr size_t BYTES = 256 * 1024;

  PaintedStack();
  /// Calls `call` there; returns when it has returned.
  void run(const std::function<void()> &call);
  /// Bytes, since it was made or forget().
  size_t deepest() const;
  void forget();

 private:
  std::unique_ptr<unsigned char[]> memory_;
};

}  // namespace microlink::testing
