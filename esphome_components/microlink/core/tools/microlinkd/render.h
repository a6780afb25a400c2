// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlinkd/json_value.h"

namespace microlink::tools {

/// The daemon's answers as short aligned text for people; see report.h for the JSON.
std::string render_status(const JsonValue &status);
std::string render_peers(const JsonValue &peers);
std::string render_netcheck(const JsonValue &netcheck);
std::string render_pong(const JsonValue &pong);

}  // namespace microlink::tools
