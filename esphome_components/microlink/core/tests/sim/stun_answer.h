// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "microlink/base/bytes.h"
#include "microlink/base/ip.h"

namespace microlink::sim {

/// What a STUN server answers to a binding request that it got from `seen` (IPv4).
std::vector<uint8_t> stun_answer(ByteView request, const Endpoint &seen);

}  // namespace microlink::sim
