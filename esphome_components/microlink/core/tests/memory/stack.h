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
  /// Called on it: calls `call` where run() was called, so that nothing of it counts. It does not allocate.
  void leave(void (*call)(void *), void *argument);
  /// Bytes, down to the caller's frame; 0 when that is on another stack.
  size_t depth() const;
  /// Bytes, since it was made or forget().
  size_t deepest() const;
  void forget();

 private:
  std::unique_ptr<unsigned char[]> memory_;
};

}  // namespace microlink::testing
