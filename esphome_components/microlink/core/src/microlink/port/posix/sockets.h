// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include "microlink/base/ip.h"

namespace microlink::posix {

/// The kernel's form of an endpoint, in the address's own family (v4-mapped addresses become AF_INET).
socklen_t to_sockaddr(const Endpoint &endpoint, sockaddr_storage &out);
/// Unset for a family that is not IP.
Endpoint from_sockaddr(const sockaddr_storage &in);

}  // namespace microlink::posix
