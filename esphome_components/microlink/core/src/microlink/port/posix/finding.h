// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/port/posix/runner.h"

namespace microlink::posix {

/// Address of a peer by address in text, MagicDNS name or FQDN; IPv4 when both ends have it. As Client::find():
/// NOT_READY while control is asked, and without a client (`runner` may be null), UNKNOWN_PEER, MALFORMED. A literal
/// address is not looked for: the first packet to it does that.
Result<IpAddress> find_address(Runner *runner, std::string_view peer);

}  // namespace microlink::posix
