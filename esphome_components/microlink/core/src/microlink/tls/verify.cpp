// SPDX-License-Identifier: MIT
#include "microlink/tls/verify.h"

#include "microlink/base/text.h"
#include "microlink/tls/mbedtls.h"

namespace microlink::tls {

namespace {

constexpr std::string_view PIN_PREFIX = "sha256-raw:";
constexpr std::string_view META_PREFIX = "derpkey";

/// A name that can stand in SNI and in a certificate: printable ASCII without spaces.
bool is_plausible_name(std::string_view name) {
  for (const char c : name) {
    if (c <= ' ' || c > '~')
      return false;
  }
  return !name.empty() && name.size() <= Session::MAX_HOST_BYTES;
}

WallTime wall_time_of(const mbedtls_x509_time &t) {
  return microlink::wall_time_of(t.year, t.mon, t.day, t.hour, t.min, t.sec);
}

/// Whether it is the relay's meta certificate, which carries a DERP key in its name and is no part of the chain.
bool is_meta_certificate(const mbedtls_x509_crt &certificate) {
  for (const mbedtls_x509_name *field = &certificate.subject; field != nullptr; field = field->next) {
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &field->oid) == 0 &&
        as_text({field->val.p, field->val.len}).starts_with(META_PREFIX))
      return true;
  }
  return false;
}

}  // namespace

Error Verifier::configure(const Policy &policy) {
  const std::string_view cert_name = policy.cert_name;
  this->pinned_ = cert_name.starts_with(PIN_PREFIX);
  if (this->pinned_) {
    const std::string_view digits = cert_name.substr(PIN_PREFIX.size());
    for (const char c : digits) {
      if (c >= 'A' && c <= 'F')
        return Error::MALFORMED;
    }
    if (const Error error = hex_decode(digits, this->pin_); error != Error::NONE)
      return error;
  }
  const std::string_view name = cert_name.empty() || this->pinned_ ? policy.host : cert_name;
  if (!is_plausible_name(name) || !is_plausible_name(policy.host))
    return Error::MALFORMED;
  this->name_.assign(name);
  this->wall_time_ = policy.wall_time;
  this->build_time_ = policy.build_time;
  this->verdict_ = Verdict::NONE;
  return Error::NONE;
}

void Verifier::check(const mbedtls_x509_crt &certificate, int depth, uint32_t &flags) {
  const uint32_t found = flags;
  flags = 0;
  if (this->pinned_) {
    // The pin says which certificate; who signed it does not matter.
    if (depth != 0)
      return;
    this->check_pin_(certificate);
  } else {
    // Dates are checked below whether or not mbedTLS has a clock, the name whatever SNI was.
    const uint32_t own = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_CN_MISMATCH;
    if ((found & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
      this->object_(Verdict::UNKNOWN_CA);
    else if ((found & ~own) != 0)
      this->object_(Verdict::UNUSABLE);
  }
  this->check_dates_(certificate);
  if (depth != 0)
    return;
  this->check_name_(certificate);
  if (this->verdict_ == Verdict::NONE)
    this->verdict_ = Verdict::TRUSTED;
  else if (this->verdict_ != Verdict::TRUSTED)
    flags = MBEDTLS_X509_BADCERT_OTHER;
}

const char *Verifier::failure_text() const {
  switch (this->verdict_) {
    case Verdict::PIN_MISMATCH:
      return "certificate: pin mismatch";
    case Verdict::UNKNOWN_CA:
      return "certificate: unknown CA";
    case Verdict::EXPIRED:
      return "certificate: expired";
    case Verdict::NOT_YET_VALID:
      return "certificate: not yet valid";
    case Verdict::WRONG_NAME:
      return "certificate: wrong name";
    case Verdict::UNUSABLE:
    case Verdict::TRUSTED:  // mbedTLS's own later checks: key usage, curve
    case Verdict::NONE:
      break;
  }
  return "certificate: unusable";
}

void Verifier::check_dates_(const mbedtls_x509_crt &certificate) {
  const WallTime begin = wall_time_of(certificate.valid_from);
  const WallTime end = wall_time_of(certificate.valid_to);
  const bool known = this->wall_time_ != WallTime::UNKNOWN;
  if (end < (known ? this->wall_time_ : this->build_time_))
    this->object_(Verdict::EXPIRED);
  else if (known && this->wall_time_ < begin)
    this->object_(Verdict::NOT_YET_VALID);
}

void Verifier::check_name_(const mbedtls_x509_crt &certificate) {
  // Only subject alternative names count, as everywhere today; mbedTLS would fall back to the common name.
  uint32_t flags = MBEDTLS_X509_BADCERT_CN_MISMATCH;
  if (mbedtls_x509_crt_has_ext_type(&certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) != 0) {
    // mbedTLS's matching of names and addresses is inside its verification. Without anchors and without the rest of the
    // chain that costs no signature; its verdict on trust does not matter here.
    mbedtls_x509_crt alone = certificate;
    alone.next = nullptr;
    (void) mbedtls_x509_crt_verify(&alone, nullptr, nullptr, this->name_.c_str(), &flags, nullptr, nullptr);
  }
  if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0)
    this->object_(Verdict::WRONG_NAME);
}

void Verifier::check_pin_(const mbedtls_x509_crt &certificate) {
  // `certificate` is the one whose key signs the handshake, and the head of what the server presented. The rule is that
  // exactly one certificate besides meta certificates is presented and has the pinned hash; it has to be this one, else
  // a meta certificate of anybody's making could stand in front of somebody else's pinned one.
  size_t others = 0;
  for (const mbedtls_x509_crt *next = certificate.next; next != nullptr; next = next->next)
    others += is_meta_certificate(*next) ? 0 : 1;
  Bytes<32> digest{};
  const int code = mbedtls_sha256(certificate.raw.p, certificate.raw.len, digest.data(), 0);
  if (code != 0 || others != 0 || is_meta_certificate(certificate) || digest != this->pin_)
    this->object_(Verdict::PIN_MISMATCH);
}

void Verifier::object_(Verdict verdict) {
  // The gravest objection is the one that is told.
  if (this->verdict_ == Verdict::NONE || verdict < this->verdict_)
    this->verdict_ = verdict;
}

}  // namespace microlink::tls
