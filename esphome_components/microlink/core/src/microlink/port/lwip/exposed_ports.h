// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "microlink/port/posix/overlay_end.h"

namespace microlink::lwip {

/// A stack in userspace that answers pings and leads `ports`, TCP and UDP, to the same ports of 127.0.0.1 (see
/// local_services.h). Null with `problem` set to one line. Of lwIP itself the caller sees nothing.
std::unique_ptr<posix::OverlayEnd> expose_ports(const std::vector<uint16_t> &ports, std::string &problem);

}  // namespace microlink::lwip
