// SPDX-License-Identifier: MIT
#include "microlink/tls/random_scope.h"

#include "microlink/tls/mbedtls.h"

namespace microlink::tls {

namespace {
// A process may have several nodes, each on a thread of its own.
thread_local Random *current = nullptr;
}  // namespace

RandomScope::RandomScope(Random &random) : outer_(current) { current = &random; }
RandomScope::~RandomScope() { current = this->outer_; }

}  // namespace microlink::tls

#ifdef MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
extern "C" psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t * /*context*/,
                                                        uint8_t *out, size_t size, size_t *out_size) {
  if (microlink::tls::current == nullptr)
    return PSA_ERROR_INSUFFICIENT_ENTROPY;
  microlink::tls::current->fill({out, size});
  *out_size = size;
  return PSA_SUCCESS;
}
#endif
