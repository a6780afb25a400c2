// SPDX-License-Identifier: MIT
/// What sdkconfig says of mbedTLS, as far as the core depends on it. ESP-IDF's own header for it fits Espressif's
/// branch of mbedTLS alone. Read by mbedTLS's configuration header (MBEDTLS_USER_CONFIG_FILE).
#include <sdkconfig.h>

// Its allocator is a pointer that the whole firmware shares.
#define MBEDTLS_PLATFORM_MEMORY
#ifdef CONFIG_MBEDTLS_X509_TRUSTED_CERT_CALLBACK
#define MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK
#endif
#ifndef CONFIG_MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#undef MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#endif
#ifndef CONFIG_MBEDTLS_SSL_PROTO_TLS1_3
#undef MBEDTLS_SSL_PROTO_TLS1_3
#endif
#ifndef CONFIG_MBEDTLS_SSL_RENEGOTIATION
#undef MBEDTLS_SSL_RENEGOTIATION
#endif
