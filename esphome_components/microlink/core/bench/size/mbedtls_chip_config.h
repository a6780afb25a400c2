// SPDX-License-Identifier: MIT
/// mbedTLS as ESP-IDF 5.5 configures it for ESPHome 2026.10: IDF's defaults, client only, without what ESPHome leaves
/// out by itself. For script/size and script/bench memory; a firmware takes its configuration from sdkconfig. Read by
/// mbedTLS's own configuration header, after its defaults.
///
/// AES, GCM, SHA and big-number arithmetic are software here. Every supported chip has hardware for some of them, and
/// ESP-IDF's drivers take the software's place: what is counted leans to the high side.
#include "microlink/tls/mbedtls_user_config.h"

// TLS 1.2 only, and only the client.
#undef MBEDTLS_SSL_PROTO_TLS1_3
#undef MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#undef MBEDTLS_SSL_SRV_C
#undef MBEDTLS_PSA_CRYPTO_C
#undef MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#undef MBEDTLS_SSL_RENEGOTIATION
#undef MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#undef MBEDTLS_SSL_OUT_CONTENT_LEN
#define MBEDTLS_SSL_OUT_CONTENT_LEN 4096

// Neither ChaCha20-Poly1305 nor CCM; but all curves.
#undef MBEDTLS_CHACHA20_C
#undef MBEDTLS_POLY1305_C
#undef MBEDTLS_CHACHAPOLY_C
#undef MBEDTLS_CCM_C
#undef MBEDTLS_ECDSA_DETERMINISTIC
#undef MBEDTLS_HMAC_DRBG_C
#undef MBEDTLS_HKDF_C
#define MBEDTLS_ECP_DP_SECP192R1_ENABLED
#define MBEDTLS_ECP_DP_SECP224R1_ENABLED
#define MBEDTLS_ECP_DP_SECP192K1_ENABLED
#define MBEDTLS_ECP_DP_SECP224K1_ENABLED
#define MBEDTLS_ECP_DP_SECP256K1_ENABLED
#define MBEDTLS_ECP_DP_BP256R1_ENABLED
#define MBEDTLS_ECP_DP_BP384R1_ENABLED
#define MBEDTLS_ECP_DP_BP512R1_ENABLED
#undef MBEDTLS_ECP_FIXED_POINT_OPTIM
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_SHA1_C

// ESP-IDF has the tables of AES in the chip's ROM.
#define MBEDTLS_AES_ROM_TABLES
