// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/ports.h"

namespace microlink::posix {

/// Where the parts of a Runner put what happened. The client's actions are performed before feed() returns, so a part
/// may be called back (to send, to close) from within.
class InputSink {
 public:
  virtual ~InputSink() = default;
  virtual void feed(const Input &input) = 0;
};

}  // namespace microlink::posix
