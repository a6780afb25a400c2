// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/runner.h"

namespace microlink::posix {

/// This machine's end of the overlay as a whole: an interface, and what else lives in the loop for its sake.
class OverlayEnd {
 public:
  virtual ~OverlayEnd() = default;
  /// For the node; lives as long as this.
  virtual Overlay *overlay() = 0;
  /// Live in the loop of `runner`, on its thread, until that has ended. Once.
  virtual void join(Runner &runner) = 0;
};

}  // namespace microlink::posix
