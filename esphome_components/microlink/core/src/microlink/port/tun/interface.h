// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlink/base/ip.h"

namespace microlink::tun {

/// The kernel's side of an overlay interface: addresses, MTU, routes. Each function returns an empty string, or one
/// line that says what the kernel refused.

std::string set_mtu(const std::string &name, size_t mtu);
/// Whether it takes IPv6 at all: not in a system where that is switched off.
bool has_ipv6(const std::string &name);
std::string set_up(const std::string &name);
/// The address with all its bits (/32, /128): peers are reached by routes, not by being on one link.
std::string add_address(const std::string &name, const IpAddress &address);
std::string remove_address(const std::string &name, const IpAddress &address);
std::string add_route(const std::string &name, const Prefix &prefix);

}  // namespace microlink::tun
