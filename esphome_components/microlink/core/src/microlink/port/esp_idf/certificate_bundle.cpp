// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/certificate_bundle.h"

#include <sdkconfig.h>

#ifdef CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
#include <esp_crt_bundle.h>
#endif

namespace microlink::esp_idf {

void attach_certificate_bundle([[maybe_unused]] mbedtls_ssl_config &session) {
#ifdef CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
  // Sets a verification callback; where it fails the chain is not believed.
  (void) esp_crt_bundle_attach(&session);
#endif
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
