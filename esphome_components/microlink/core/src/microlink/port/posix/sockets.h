// SPDX-License-Identifier: MIT
#pragma once

#ifdef ESP_PLATFORM
#include <lwip/sockets.h>
#else
#include <sys/socket.h>
#endif

#include "microlink/base/ip.h"

namespace microlink::posix {

/// The system's form of an endpoint, in the address's own family (v4-mapped addresses become AF_INET). 0 for a family
/// that the system was built without.
socklen_t to_sockaddr(const Endpoint &endpoint, sockaddr_storage &out);
/// Unset for a family that is not IP.
Endpoint from_sockaddr(const sockaddr_storage &in);

}  // namespace microlink::posix
