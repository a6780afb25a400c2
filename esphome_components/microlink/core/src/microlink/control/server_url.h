// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"
#include "microlink/capacity.h"

namespace microlink::control {

/// The control URL in parts: "https://host", "https://host:port", "http://host[:port]", IPv6 literals in brackets; a
/// single trailing slash is allowed, a path is not.
struct ServerUrl {
  std::string_view host;       ///< name or literal, without brackets, at most MAX_HOST_BYTES
  std::string_view authority;  ///< for Host and :authority: as it is written
  uint16_t port{0};            ///< 0 = none was written
  bool tls{true};

  /// Views of `url`. MALFORMED for anything else, also for user info, query and fragment.
  static Result<ServerUrl> parse(std::string_view url);
};

}  // namespace microlink::control
