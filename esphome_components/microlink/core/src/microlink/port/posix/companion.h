// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>

#include <span>
#include <vector>

#include "microlink/base/time.h"

namespace microlink::posix {

/// Something with descriptors or a timer that lives in a Runner's loop, on the Runner's thread.
class Companion {
 public:
  virtual ~Companion() = default;
  /// Append the descriptors to wait for. Asked anew before each wait.
  virtual void watch(std::vector<pollfd> &fds) = 0;
  /// After each wait: the entries that watch() appended, with what happened on them. Bounded work.
  virtual void serve(Instant now, std::span<const pollfd> fds) = 0;
  /// When serve() wants to be called without any descriptor being ready.
  virtual Instant next_timeout() const { return Instant::NEVER; }
};

}  // namespace microlink::posix
