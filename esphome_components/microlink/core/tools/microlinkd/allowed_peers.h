// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlink/port/posix/driven.h"
#include "microlinkd/json_value.h"

namespace microlink::tools {

/// One line on what is wrong with a list of allowed peers; empty when it can be set.
std::string problem_of_list(const std::string &list);

/// The `peers` of a request as such a list; `problem` is one line.
std::string list_of(const JsonValue &peers, std::string &problem);

/// "allowed_peers" of the daemon's answers: null for everybody, else the entries.
std::string allowed_peers_json(const posix::Snapshot &snapshot);

/// What `microlinkd allow` prints.
std::string render_allowed_peers(const JsonValue &answer);

}  // namespace microlink::tools
