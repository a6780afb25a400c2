// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/driven.h"
#include "microlinkd/exit_code.h"
#include "microlinkd/options.h"

namespace microlink::tools {

/// `microlinkd replay FILE`: repeat a recorded run with the secrets in --state-dir and compare everything it did.
ExitCode run_replay(const Options &options, const posix::DrivenFactory &factory);

}  // namespace microlink::tools
