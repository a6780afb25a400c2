// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace microlink::posix {

/// Append the PEM certificates of a file to `pem`. Empty, or one line that says what is wrong.
std::string load_certificates(const std::string &path, std::string &pem);
/// The system's bundle: $SSL_CERT_FILE when set (then it must be readable), else the usual places; none found is no
/// error, because a pinned or an extra CA may be all that is needed.
std::string load_system_trust(std::string &pem);

}  // namespace microlink::posix
