// SPDX-License-Identifier: MIT
#include "bench/memory/bundle.h"

#include <cstring>

#include "microlink/base/fixed_vector.h"
#include "microlink/tls/mbedtls.h"

namespace microlink::bench {

namespace {

constexpr size_t MAX_NAME_BYTES = 256;
constexpr size_t MAX_KEY_BYTES = 1024;

struct BundledRoot {
  FixedVector<uint8_t, MAX_NAME_BYTES> name;
  FixedVector<uint8_t, MAX_KEY_BYTES> key;
};
FixedVector<BundledRoot, 2> bundle;

template<size_t N> bool take(FixedVector<uint8_t, N> &out, const mbedtls_asn1_buf &from) {
  for (size_t i = 0; i != from.len; i++) {
    if (!out.push_back(from.p[i]))
      return false;
  }
  return true;
}

bool is_signed_by(const mbedtls_x509_crt &certificate, const BundledRoot &root) {
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  uint8_t hash[MBEDTLS_MD_MAX_SIZE];
  const auto digest = certificate.MBEDTLS_PRIVATE(sig_md);
  const mbedtls_md_info_t *info = mbedtls_md_info_from_type(digest);
  const bool good =
      mbedtls_pk_parse_public_key(&key, root.key.begin(), root.key.size()) == 0 &&
      mbedtls_md(info, certificate.tbs.p, certificate.tbs.len, hash) == 0 &&
      mbedtls_pk_verify_ext(certificate.MBEDTLS_PRIVATE(sig_pk), nullptr, &key, digest, hash, mbedtls_md_get_size(info),
                            certificate.MBEDTLS_PRIVATE(sig).p, certificate.MBEDTLS_PRIVATE(sig).len) == 0;
  mbedtls_pk_free(&key);
  return good;
}

int look_up(void * /*context*/, mbedtls_x509_crt *certificate, int /*depth*/, uint32_t *flags) {
  if (*flags != MBEDTLS_X509_BADCERT_NOT_TRUSTED)
    return 0;
  for (const BundledRoot &root : bundle) {
    if (root.name.size() == certificate->issuer_raw.len &&
        std::memcmp(root.name.begin(), certificate->issuer_raw.p, root.name.size()) == 0 &&
        is_signed_by(*certificate, root))
      *flags = 0;
  }
  return *flags == 0 ? 0 : MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

}  // namespace

bool bundle_root(std::string_view pem) {
  constexpr size_t MAX_PEM_BYTES = 4096;
  char text[MAX_PEM_BYTES]{};
  if (pem.size() >= sizeof(text))
    return false;
  std::memcpy(text, pem.data(), pem.size());
  mbedtls_x509_crt root;
  mbedtls_x509_crt_init(&root);
  BundledRoot taken;
  const bool good = mbedtls_x509_crt_parse(&root, reinterpret_cast<const uint8_t *>(text), pem.size() + 1) == 0 &&
                    take(taken.name, root.subject_raw) && take(taken.key, root.pk_raw) && bundle.push_back(taken);
  mbedtls_x509_crt_free(&root);
  return good;
}

void attach_bundle(mbedtls_ssl_config &session) { mbedtls_ssl_conf_verify(&session, look_up, nullptr); }

}  // namespace microlink::bench
