// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/ports.h"

namespace microlink::bench {

/// Roots as ESP-IDF's certificate bundle has them: names and public keys in flash. False: not a certificate.
bool bundle_root(std::string_view pem);
/// As ESP-IDF's bundle does it: no certificate of a root is ever parsed, its key alone, and only that of the issuer.
void attach_bundle(mbedtls_ssl_config &session);

}  // namespace microlink::bench
