// SPDX-License-Identifier: MIT
#pragma once

struct mbedtls_ssl_config;

namespace microlink::esp_idf {

/// For TrustStore::attach: a session believes the firmware's certificate bundle. Nothing without one
/// (CONFIG_MBEDTLS_CERTIFICATE_BUNDLE).
void attach_certificate_bundle(mbedtls_ssl_config &session);

}  // namespace microlink::esp_idf
