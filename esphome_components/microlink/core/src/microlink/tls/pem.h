// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include "microlink/base/bytes.h"

namespace microlink::tls {

/// Walks through the certificates of PEM text (RFC 7468); what stands between them is passed over. Nothing is decoded
/// on the way: a system's bundle has 140 of them, and one is looked for.
class PemReader {
 public:
  explicit PemReader(std::string_view text) : rest_(text) {}
  /// The base64 text of the next certificate, line ends and all; null at the end.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

/// The bytes of base64 text with white space anywhere, or as many of them as `out` takes. 0 when it is not base64. Not
/// mbedTLS's decoder, which takes the same time for every digit: certificates are no secret.
size_t decode_pem(std::string_view base64, ByteSpan out);

/// The DER form of a certificate's subject, from the front of the certificate's DER form; empty when it is not in there
/// or that is no certificate. What follows the subject need not be there.
ByteView subject_of(ByteView certificate);

/// Whether two DER names might be the same to mbedTLS: it ignores the case of letters, and tells UTF8String and
/// PrintableString not apart. Never false when they are.
bool may_be_same_name(ByteView a, ByteView b);

}  // namespace microlink::tls
