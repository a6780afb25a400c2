// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/time.h"

namespace microlink::sim {

/// What carries datagrams between sites.
struct Weather {
  Duration latency{milliseconds(10)};
  Duration jitter{};  ///< more than the gap between packets: reordering
  unsigned loss_percent{0};
  unsigned duplicate_percent{0};
};

}  // namespace microlink::sim
