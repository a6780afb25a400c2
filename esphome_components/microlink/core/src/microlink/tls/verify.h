// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"
#include "microlink/tls/session.h"

struct mbedtls_x509_crt;

namespace microlink::tls {

/// What one session believes about certificates: the policy with its texts copied, and the verdict on the last chain.
/// mbedTLS builds the chain and checks signatures; dates, names and pins are decided here.
class Verifier {
 public:
  enum class Verdict : uint8_t {
    NONE,  ///< not asked yet
    TRUSTED,
    PIN_MISMATCH,
    UNKNOWN_CA,
    EXPIRED,
    NOT_YET_VALID,
    WRONG_NAME,
    UNUSABLE,  ///< weak, or not made for this purpose
  };

  /// MALFORMED for a host or pin that cannot be.
  Error configure(const Policy &policy);
  /// As mbedTLS calls it: from the end of the chain (the anchor) to the server's certificate (depth 0). Decides, and
  /// says so in `flags`: zero only for what is believed.
  void check(const mbedtls_x509_crt &certificate, int depth, uint32_t &flags);

  bool is_pinned() const { return this->pinned_; }
  Verdict verdict() const { return this->verdict_; }
  const char *failure_text() const;

 private:
  void check_dates_(const mbedtls_x509_crt &certificate);
  void check_name_(const mbedtls_x509_crt &certificate);
  void check_pin_(const mbedtls_x509_crt &certificate);
  void object_(Verdict verdict);

  FixedString<Session::MAX_HOST_BYTES> name_;  // that the certificate must be valid for
  Bytes<32> pin_{};
  WallTime wall_time_{};
  WallTime build_time_{};
  bool pinned_{false};
  Verdict verdict_{Verdict::NONE};
};

}  // namespace microlink::tls
