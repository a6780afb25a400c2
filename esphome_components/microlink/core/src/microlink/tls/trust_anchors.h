// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/fixed_vector.h"
#include "microlink/base/result.h"

struct mbedtls_ssl_config;
struct mbedtls_x509_crt;

namespace microlink::tls {

class HeapWatch;

/// The certificates that a chain must end in. Shared by all sessions, outlives them.
class TrustAnchors {
 public:
  virtual ~TrustAnchors() = default;
  /// Hand the anchors to a session that is being configured: as a chain (mbedtls_ssl_conf_ca_chain), as a look-up
  /// (mbedtls_ssl_conf_ca_cb), or as a verification callback (mbedtls_ssl_conf_verify), which is then asked before the
  /// session's own and may clear MBEDTLS_X509_BADCERT_NOT_TRUSTED.
  virtual void attach(mbedtls_ssl_config &config) const = 0;
  /// Whether this very certificate is an anchor. Asked for a server's own one that signed itself, which is believed
  /// then without being an authority's.
  virtual bool contains(const mbedtls_x509_crt &certificate) const = 0;
  /// Without any, no chain can be trusted.
  virtual bool empty() const = 0;

  /// Where these sessions' memory comes from: none begins without room for its handshake (NO_SPACE). Null: nobody
  /// looks.
  void set_heap(HeapWatch *heap) { this->heap_ = heap; }
  HeapWatch *heap() const { return this->heap_; }

 private:
  HeapWatch *heap_{nullptr};
};

/// Anchors from PEM text: the system's bundle, and roots of one's own. They stay text: while a chain is checked, those
/// that have its issuer's name are decoded, and freed again afterwards. A bundle costs a start nothing, and no memory
/// (docs/adr/0017-trust-anchors-stay-text.md).
class PemAnchors final : public TrustAnchors {
 public:
  /// How many texts there may be.
  static constexpr size_t MAX_TEXTS = 2;

  /// Add every certificate of `pem`, which must outlive this; text between them is ignored, and so are certificates
  /// that mbedTLS cannot read (a bundle may be ahead of it). MALFORMED when there is none that it can read, NO_SPACE
  /// without memory or for too many texts. Not while a session is in its handshake.
  Error add(std::string_view pem);
  void clear() { this->texts_.clear(); }
  /// Further anchors, which are kept elsewhere: attaches them to a session, as attach() would. Null: none.
  void set_others(void (*others)(mbedtls_ssl_config &config)) { this->others_ = others; }

  void attach(mbedtls_ssl_config &config) const override;
  bool contains(const mbedtls_x509_crt &certificate) const override;
  bool empty() const override { return this->texts_.empty() && this->others_ == nullptr; }

 private:
  static int find_(void *self, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates);

  FixedVector<std::string_view, MAX_TEXTS> texts_;
  void (*others_)(mbedtls_ssl_config &config){nullptr};
};

}  // namespace microlink::tls
