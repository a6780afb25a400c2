// SPDX-License-Identifier: MIT
#include "microlink/tls/trust_anchors.h"

#include <array>

#include "microlink/base/text.h"
#include "microlink/tls/mbedtls.h"
#include "microlink/tls/memory.h"

namespace microlink::tls {

namespace {

constexpr std::string_view BEGIN = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view END = "-----END CERTIFICATE-----";
/// The largest root in use has about 2 KiB. Longer ones are ignored.
constexpr size_t MAX_CERTIFICATE_BYTES = 8192;

/// The DER form of base64 text with white space anywhere; 0 when it is not that, or too long. Not mbedTLS's decoder,
/// which takes the same time for every digit: certificates are no secret, and a bundle has 140 of them.
size_t decode(std::string_view text, ByteSpan out) {
  std::array<char, 64> piece;  // whole groups of four
  size_t digits = 0;
  size_t size = 0;
  for (size_t i = 0; i != text.size(); i++) {
    const char c = text[i];
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t')
      piece[digits++] = c;
    if (digits != piece.size() && i + 1 != text.size())
      continue;
    const auto n = base64_decode({piece.data(), digits}, out.subspan(size));
    if (!n)
      return 0;
    size += *n;
    digits = 0;
  }
  return size;
}

/// One certificate from its base64 text; null when it cannot be read. NO_SPACE through `error`.
mbedtls_x509_crt *parse_certificate(std::string_view base64, Error &error) {
  if (base64.size() > base64_size(MAX_CERTIFICATE_BYTES))
    return nullptr;
  const size_t room = base64.size() / 4 * 3;
  auto *der = static_cast<uint8_t *>(mbedtls_calloc(1, room));
  auto *certificate = static_cast<mbedtls_x509_crt *>(mbedtls_calloc(1, sizeof(mbedtls_x509_crt)));
  bool read = false;
  if (der == nullptr || certificate == nullptr) {
    error = Error::NO_SPACE;
  } else if (const size_t size = decode(base64, {der, room}); size != 0) {
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

}  // namespace

Result<size_t> PemAnchors::add(std::string_view pem) {
  count_memory();
  size_t added = 0;
  while (true) {
    const size_t begin = pem.find(BEGIN);
    if (begin == std::string_view::npos)
      break;
    pem.remove_prefix(begin + BEGIN.size());
    const size_t end = pem.find(END);
    if (end == std::string_view::npos)
      break;
    Error error = Error::NONE;
    mbedtls_x509_crt *certificate = parse_certificate(pem.substr(0, end), error);
    if (error != Error::NONE)
      return error;
    pem.remove_prefix(end + END.size());
    if (certificate == nullptr)
      continue;
    (this->last_ == nullptr ? this->first_ : this->last_->next) = certificate;
    this->last_ = certificate;
    added++;
  }
  this->size_ += added;
  if (added == 0)
    return Error::MALFORMED;
  return added;
}

void PemAnchors::clear() {
  if (this->first_ != nullptr) {
    mbedtls_x509_crt_free(this->first_);  // the whole chain behind it, but not the first one's own memory
    mbedtls_free(this->first_);
  }
  this->first_ = this->last_ = nullptr;
  this->size_ = 0;
}

void PemAnchors::attach_(mbedtls_ssl_config &config) const {
  if (this->others_ != nullptr)
    this->others_(config);
  // Others may come with a chain of their own, which stands in for none.
  if (this->first_ != nullptr)
    mbedtls_ssl_conf_ca_chain(&config, this->first_, nullptr);
}

}  // namespace microlink::tls
