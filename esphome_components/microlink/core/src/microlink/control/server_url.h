// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"
#include "microlink/capacity.h"

namespace microlink::control {

/// The control URL in parts: "https://host", "https://host:port", "http://host[:port]", IPv6 literals in brackets; a
/// single trailing slash is allowed, a path is not.
struct ServerUrl {
  FixedString<MAX_HOST_BYTES> host;  ///< name or literal, without brackets
  uint16_t port{0};                  ///< 0 = none was written
  bool tls{true};

  /// MALFORMED for anything else, also for user info, query and fragment.
  static Result<ServerUrl> parse(std::string_view url);

  /// The host in an authority.
  static std::string_view host_of(std::string_view authority);
  /// For Host and :authority: brackets around an IPv6 literal, the port only when it was written.
  FixedString<MAX_HOST_BYTES + 8> authority() const;
};

}  // namespace microlink::control
