// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/port/chip/node.h"
#include "tests/memory/world.h"

namespace microlink::bench {

/// The first node's port is then a chip's: chip::Node on the painted stack, on sockets of lwIP's and a system of
/// ESP-IDF's look whose other end is the world. What the system itself takes of a stack is not in it.
std::unique_ptr<testing::Port> make_chip_port(testing::Node &node, const Config &config, const TrustStore &trust);
chip::Node &chip_node();

/// How deep the node's calls stood at the most when they called something that a chip has and the bench has not.
struct Depths {
  size_t system{0};  ///< a socket, a record, the resolver, the overlay's interface
  size_t text{0};    ///< snprintf(), of log lines above all
};
Depths depths();
void forget_depths();

}  // namespace microlink::bench
