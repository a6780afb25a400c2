// SPDX-License-Identifier: MIT
#pragma once

/// The only way to mbedTLS's headers: with the configuration that the library was built with, else the layout of its
/// structures differs. Included by the .cpp files of this module and by its tests, never by a header.
#if !defined(ESP_PLATFORM) && !defined(MBEDTLS_USER_CONFIG_FILE)
#define MBEDTLS_USER_CONFIG_FILE "microlink/tls/mbedtls_user_config.h"
#endif

#include <mbedtls/base64.h>
#include <mbedtls/oid.h>
#include <mbedtls/version.h>
#include <mbedtls/platform.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
