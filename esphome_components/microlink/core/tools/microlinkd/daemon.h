// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/node.h"
#include "microlinkd/exit_code.h"
#include "microlinkd/options.h"

namespace microlink::tools {

/// The daemon: until SIGTERM or SIGINT. Problems go to standard error.
ExitCode run_daemon(const Options &options, const posix::DrivenFactory &factory);

/// The first line of a file, "-" = standard input, without white space around it. Empty with `problem` set to one line.
std::string read_auth_key(const std::string &path, const Log &log, std::string &problem);

}  // namespace microlink::tools
