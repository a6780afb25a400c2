// SPDX-License-Identifier: MIT
#pragma once

#include "microlinkd/exit_code.h"
#include "microlinkd/options.h"

namespace microlink::tools {

/// A command to the daemon (`status`, `ping`, …): ask over its socket, print the answer.
ExitCode run_command(const Options &options);

}  // namespace microlink::tools
