// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string>

#include "microlink/base/log.h"
#include "microlink/base/time.h"
#include "microlink/config.h"
#include "microlinkd/overlay_options.h"

namespace microlink::tools {

enum class Verb : uint8_t {
  RUN,
  STATUS,
  PEERS,
  PING,
  NETCHECK,
  ROTATE_KEY,
  ALLOW,
  DOWN,
  UP,
  LOGOUT,
  WATCH,
  REPLAY,
  HELP,
  VERSION,
};

/// The command line, understood.
struct Options {
  Verb verb{Verb::HELP};
  std::string problem;  ///< one line; not empty: the command line is wrong

  // The daemon's.
  Config config;
  std::string auth_key_file;
  std::string state_dir;
  std::string ca_file;
  std::string record_file;
  OverlayOptions overlay;
  std::string allowed_peers{"*"};  ///< for Config::allowed_peers
  std::string priority_peers;      ///< for Config::priority_peers
  uint16_t listen_port{0};
  LogLevel log_level{LogLevel::INFO};
  bool start_down{false};

  // Of both.
  std::string socket;  ///< default STATE_DIR/microlinkd.sock

  // The commands'.
  bool json{false};
  std::string peer;
  std::string recording;
  std::optional<std::string> allow;  ///< the list to set; none = show it
  uint32_t count{1};
  bool until_direct{false};
  Duration timeout{seconds(10)};
  Duration wait{};  ///< up: how long to wait until the node is online; zero = not at all
};

/// `arguments` without the program's name. Reads the environment and the machine's name for defaults, nothing else.
Options parse_options(std::span<const char *const> arguments);
const char *usage();

}  // namespace microlink::tools
