// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "microlink/status.h"

namespace esphome::microlink_ {

/// What the adapter shows of the node, whatever platform it runs on.
struct NodeView {
  ::microlink::State state{::microlink::State::STOPPED};
  std::string login_url;
  std::string message;
  bool is_new_login_url{false};  ///< there is one, and it is another one than before
  bool is_new_message{false};
  std::string allowed_peers;  ///< "*" is everybody
  size_t allowed_entries{0};
  ::microlink::IpAddress ipv4{};
  ::microlink::IpAddress ipv6{};
};

}  // namespace esphome::microlink_
