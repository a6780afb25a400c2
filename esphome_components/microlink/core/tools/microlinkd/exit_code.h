// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace microlink::tools {

/// What the program ends with; documented in docs/microlinkd.md.
enum class ExitCode : uint8_t {
  OK = 0,
  FAILED = 1,
  USAGE = 2,
  NO_DAEMON = 3,  ///< cannot reach the daemon
  REFUSED = 4,    ///< control refused the node or its key, or a login is needed
  STATE_DIR = 5,  ///< state directory, certificates, auth key file: something on this machine must be repaired
  TIMED_OUT = 6,
  UNKNOWN_PEER = 7,
  DIVERGED = 8,  ///< a replay differs from its recording
};

/// `code` of an error reply, and the exit code that it becomes.
constexpr ExitCode exit_code_of(std::string_view code) {
  if (code == "bad-request" || code == "unknown-command")
    return ExitCode::USAGE;
  if (code == "refused")
    return ExitCode::REFUSED;
  if (code == "state-dir")
    return ExitCode::STATE_DIR;
  if (code == "timed-out")
    return ExitCode::TIMED_OUT;
  if (code == "unknown-peer")
    return ExitCode::UNKNOWN_PEER;
  return ExitCode::FAILED;
}

}  // namespace microlink::tools
