// SPDX-License-Identifier: MIT
#include "microlinkd/overlay_options.h"

#include <net/if.h>

#include <string_view>

namespace microlink::tools {

std::string OverlayOptions::set_tun(const char *text) {
  const std::string_view name = text;
  if (name.empty() || name.size() >= IFNAMSIZ || name.find_first_of("/% \t:") != std::string_view::npos)
    return "--tun takes an interface name of 1 to " + std::to_string(IFNAMSIZ - 1) + " characters, e.g. microlink0";
  this->tun = text;
  return {};
}

std::string OverlayOptions::contradiction() const { return {}; }

}  // namespace microlink::tools
