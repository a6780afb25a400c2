// SPDX-License-Identifier: MIT
#include "microlink/tls/trust_anchors.h"

#include "microlink/base/text.h"
#include "microlink/tls/mbedtls.h"
#include "microlink/tls/memory.h"
#include "microlink/tls/pem.h"

#ifndef MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK
#error "mbedTLS lacks the look-up of trust anchors: set CONFIG_MBEDTLS_X509_TRUSTED_CERT_CALLBACK"
#endif

namespace microlink::tls {

namespace {

/// The largest root in use has about 2 KiB. Longer ones are ignored.
constexpr size_t MAX_CERTIFICATE_BYTES = 8192;
/// The subject of nearly every root is in there; the others are decoded whole.
constexpr size_t FRONT_BYTES = 512;

/// One certificate from its base64 text; null when it cannot be read. NO_SPACE through `error`. To be freed twice: what
/// it holds, and itself.
mbedtls_x509_crt *parse_certificate(std::string_view base64, Error &error) {
  if (base64.size() > base64_size(MAX_CERTIFICATE_BYTES))
    return nullptr;
  const size_t room = base64.size() / 4 * 3 + 3;
  auto *der = static_cast<uint8_t *>(mbedtls_calloc(1, room));
  auto *certificate = static_cast<mbedtls_x509_crt *>(mbedtls_calloc(1, sizeof(mbedtls_x509_crt)));
  bool read = false;
  if (der == nullptr || certificate == nullptr) {
    error = Error::NO_SPACE;
  } else if (const size_t size = decode_pem(base64, {der, room}); size != 0) {
    mbedtls_x509_crt_init(certificate);
    const int code = mbedtls_x509_crt_parse_der(certificate, der, size);
    read = code == 0;
    if (code == MBEDTLS_ERR_X509_ALLOC_FAILED)
      error = Error::NO_SPACE;
    if (!read)
      mbedtls_x509_crt_free(certificate);
  }
  mbedtls_free(der);
  if (!read) {
    mbedtls_free(certificate);
    return nullptr;
  }
  return certificate;
}

void free_certificates(mbedtls_x509_crt *first) {
  mbedtls_x509_crt_free(first);  // the whole chain behind it, but not the first one's own memory
  mbedtls_free(first);
}

/// Whether the certificate may have that subject; false only when it has another one.
bool may_be_of(std::string_view base64, ByteView subject) {
  Bytes<FRONT_BYTES> front;
  const size_t size = decode_pem(base64, front);
  const ByteView own = subject_of(ByteView(front).first(size));
  if (own.empty())
    return size == front.size();  // longer than that, or no certificate
  return may_be_same_name(own, subject);
}

/// The next certificate that can be read, of those that may have the subject (null: any). Null with Error::NONE: no
/// more.
mbedtls_x509_crt *next_certificate(PemReader &reader, const ByteView *subject, Error &error) {
  for (auto base64 = reader.next(); base64; base64 = reader.next()) {
    if (subject != nullptr && !may_be_of(*base64, *subject))
      continue;
    mbedtls_x509_crt *certificate = parse_certificate(*base64, error);
    if (certificate != nullptr || error != Error::NONE)
      return certificate;
  }
  return nullptr;
}

/// Put the certificates of `pem` that may have that subject behind `last`.
Error collect(std::string_view pem, ByteView subject, mbedtls_x509_crt *&first, mbedtls_x509_crt *&last) {
  PemReader reader(pem);
  Error error = Error::NONE;
  while (mbedtls_x509_crt *certificate = next_certificate(reader, &subject, error)) {
    (last == nullptr ? first : last->next) = certificate;
    last = certificate;
  }
  return error;
}

ByteView view(const mbedtls_x509_buf &buffer) { return {buffer.p, buffer.len}; }

}  // namespace

Error PemAnchors::add(std::string_view pem) {
  count_memory();
  PemReader reader(pem);
  Error error = Error::NONE;
  mbedtls_x509_crt *certificate = next_certificate(reader, nullptr, error);
  if (certificate == nullptr)
    return error != Error::NONE ? error : Error::MALFORMED;
  free_certificates(certificate);
  return this->texts_.push_back(pem) ? Error::NONE : Error::NO_SPACE;
}

void PemAnchors::attach(mbedtls_ssl_config &config) const {
  if (this->others_ != nullptr)
    this->others_(config);
  // Others may come with a chain of their own, which stands in for none.
  if (!this->texts_.empty())
    mbedtls_ssl_conf_ca_cb(&config, find_, const_cast<PemAnchors *>(this));
}

bool PemAnchors::contains(const mbedtls_x509_crt &certificate) const {
  mbedtls_x509_crt *candidates = nullptr;
  bool found = false;
  if (find_(const_cast<PemAnchors *>(this), &certificate, &candidates) == 0) {
    for (const mbedtls_x509_crt *each = candidates; each != nullptr; each = each->next)
      found = found || equal(view(each->raw), view(certificate.raw));
    free_certificates(candidates);
  }
  return found;
}

/// All anchors that may have issued `child`; mbedTLS looks closer at each, and frees them.
int PemAnchors::find_(void *self, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates) {
  mbedtls_x509_crt *last = nullptr;
  *candidates = nullptr;
  for (const std::string_view text : static_cast<const PemAnchors *>(self)->texts_) {
    if (collect(text, view(child->issuer_raw), *candidates, last) != Error::NONE) {
      free_certificates(*candidates);
      *candidates = nullptr;
      return MBEDTLS_ERR_X509_ALLOC_FAILED;
    }
  }
  return 0;
}

}  // namespace microlink::tls
