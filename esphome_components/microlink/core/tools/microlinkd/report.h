// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlink/port/posix/driven.h"

namespace microlink::tools {

/// The daemon's answers as one line of JSON each. The fields are documented in docs/microlinkd.md.
std::string status_json(const posix::Snapshot &snapshot);
std::string peers_json(const posix::Snapshot &snapshot);
std::string netcheck_json(const posix::Snapshot &snapshot);
/// One event for `watch`.
std::string event_json(const Event &event, const posix::Snapshot &snapshot);
struct Pong {
  std::string peer;
  NodePublic node_key{};
  Endpoint path{};
  uint16_t region{0};
  Duration latency{};
};
std::string pong_json(const Pong &pong);
/// {"ok":true}, with the node key after a rotation.
std::string ok_json(const NodePublic *node_key = nullptr);
/// Who is allowed, for `allow`.
std::string allow_json(const posix::Snapshot &snapshot);
std::string error_json(std::string_view code, std::string_view message);

}  // namespace microlink::tools
