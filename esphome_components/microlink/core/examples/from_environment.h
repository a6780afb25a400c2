// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>

#include "microlink/port/posix/node.h"

namespace examples {

/// A variable of the environment, empty when it is not set.
inline std::string variable(const char *name) {
  const char *const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// How to join: MICROLINK_CONTROL_URL (Tailscale's when it is not set), MICROLINK_CA_FILE (beside the system's
/// authorities), and the directory MICROLINK_STATE_DIR, by default ./NAME-state, which keeps the node's identity.
inline microlink::posix::NodeOptions options_from_environment(const std::string &hostname) {
  microlink::posix::NodeOptions options;
  options.config.hostname.assign(hostname);
  if (const std::string url = variable("MICROLINK_CONTROL_URL"); !url.empty())
    options.config.control_url.assign(url);
  options.ca_file = variable("MICROLINK_CA_FILE");
  options.state_dir = variable("MICROLINK_STATE_DIR");
  if (options.state_dir.empty())
    options.state_dir = "./" + hostname + "-state";
  return options;
}

}  // namespace examples
