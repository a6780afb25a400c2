// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/result.h"

struct mbedtls_ssl_config;
struct mbedtls_x509_crt;

namespace microlink::tls {

/// The certificates that a chain must end in. Parsed once, shared by all sessions, outlives them.
class TrustAnchors {
 public:
  virtual ~TrustAnchors() = default;
  /// Hand the anchors to a session that is being configured: as a chain (mbedtls_ssl_conf_ca_chain), as a look-up
  /// (mbedtls_ssl_conf_ca_cb), or as a verification callback (mbedtls_ssl_conf_verify), which is then asked before the
  /// session's own and may clear MBEDTLS_X509_BADCERT_NOT_TRUSTED.
  virtual void attach(mbedtls_ssl_config &config) const = 0;
  /// Without any, no chain can be trusted.
  virtual bool empty() const = 0;
};

/// Anchors from PEM text: the system's bundle, and roots of one's own.
class PemAnchors final : public TrustAnchors {
 public:
  PemAnchors() = default;
  ~PemAnchors() override { this->clear(); }
  PemAnchors(const PemAnchors &) = delete;
  PemAnchors &operator=(const PemAnchors &) = delete;

  /// Add every certificate of `pem`; text between them is ignored, and so are certificates that mbedTLS cannot read
  /// (a bundle may be ahead of it). How many were added; MALFORMED for none, NO_SPACE without memory. `pem` may go.
  /// Not while a session is in its handshake.
  Result<size_t> add(std::string_view pem);
  void clear();
  /// Further anchors, which are kept elsewhere: attaches them to a session, as attach() would. Null: none.
  void set_others(void (*others)(mbedtls_ssl_config &config)) { this->others_ = others; }

  void attach(mbedtls_ssl_config &config) const override { this->attach_(config); }
  bool empty() const override { return this->first_ == nullptr && this->others_ == nullptr; }
  size_t size() const { return this->size_; }

 private:
  void attach_(mbedtls_ssl_config &config) const;

  mbedtls_x509_crt *first_{nullptr};
  mbedtls_x509_crt *last_{nullptr};
  size_t size_{0};
  void (*others_)(mbedtls_ssl_config &config){nullptr};
};

}  // namespace microlink::tls
