// SPDX-License-Identifier: MIT
#include "microlink/tls/pem.h"

#include <array>

#include "microlink/base/reader.h"

namespace microlink::tls {

namespace {

constexpr std::string_view BEGIN = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view END = "-----END CERTIFICATE-----";

constexpr int8_t SPACE = -1;
constexpr int8_t PADDING = -2;
constexpr int8_t BAD = -3;

constexpr std::array<int8_t, 128> digits() {
  std::array<int8_t, 128> out{};
  out.fill(BAD);
  for (const char c : {' ', '\t', '\r', '\n'})
    out[static_cast<uint8_t>(c)] = SPACE;
  out['='] = PADDING;
  constexpr std::string_view ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i != ALPHABET.size(); i++)
    out[static_cast<uint8_t>(ALPHABET[i])] = static_cast<int8_t>(i);
  return out;
}
constexpr std::array<int8_t, 128> DIGITS = digits();

// X.690 §8.1, as far as a certificate's front needs it.
constexpr uint8_t SEQUENCE = 0x30;
constexpr uint8_t INTEGER = 0x02;
constexpr uint8_t VERSION = 0xA0;
constexpr uint8_t UTF8_STRING = 0x0C;
constexpr uint8_t PRINTABLE_STRING = 0x13;

/// Read past an element's tag and length; the length, or nothing when it has another tag.
std::optional<size_t> enter(Reader &in, uint8_t tag) {
  if (in.u8() != tag)
    return std::nullopt;
  size_t length = in.u8();
  if (length >= 0x80) {
    const size_t size = length & 0x7F;
    if (size == 0 || size > 3)
      return std::nullopt;
    length = 0;
    for (size_t i = 0; i != size; i++)
      length = length << 8 | in.u8();
  }
  if (!in.ok())
    return std::nullopt;
  return length;
}

bool skip(Reader &in, uint8_t tag) {
  const auto length = enter(in, tag);
  return length && (in.take(*length), in.ok());
}

uint8_t folded(uint8_t byte) {
  if (byte == PRINTABLE_STRING)
    return UTF8_STRING;
  return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte | 0x20) : byte;
}

}  // namespace

std::optional<std::string_view> PemReader::next() {
  const size_t begin = this->rest_.find(BEGIN);
  if (begin == std::string_view::npos)
    return std::nullopt;
  this->rest_.remove_prefix(begin + BEGIN.size());
  const size_t end = this->rest_.find(END);
  if (end == std::string_view::npos)
    return std::nullopt;
  const std::string_view out = this->rest_.substr(0, end);
  this->rest_.remove_prefix(end + END.size());
  return out;
}

size_t decode_pem(std::string_view base64, ByteSpan out) {
  uint32_t group = 0;
  size_t count = 0;  // of digits, with padding
  size_t padding = 0;
  size_t size = 0;
  for (const char c : base64) {
    const auto index = static_cast<uint8_t>(c);
    const int8_t digit = index < DIGITS.size() ? DIGITS[index] : BAD;
    if (digit == SPACE)
      continue;
    if (digit == BAD || (padding != 0 && digit != PADDING) || padding == 2)
      return 0;
    padding += digit == PADDING ? 1 : 0;
    group = group << 6 | static_cast<uint32_t>(digit == PADDING ? 0 : digit);
    if (++count % 4 != 0)
      continue;
    for (size_t i = 0; i != 3 - padding; i++) {
      if (size == out.size())
        return size;
      out[size++] = static_cast<uint8_t>(group >> (16 - 8 * i));
    }
  }
  return count % 4 == 0 ? size : 0;
}

ByteView subject_of(ByteView certificate) {
  Reader in(certificate);
  if (!enter(in, SEQUENCE) || !enter(in, SEQUENCE))  // Certificate, TBSCertificate
    return {};
  if (!in.rest().empty() && in.rest()[0] == VERSION && !skip(in, VERSION))
    return {};
  // Serial number, signature, issuer, validity.
  if (!skip(in, INTEGER) || !skip(in, SEQUENCE) || !skip(in, SEQUENCE) || !skip(in, SEQUENCE))
    return {};
  const ByteView from_subject = in.rest();
  if (!skip(in, SEQUENCE))
    return {};
  return from_subject.first(from_subject.size() - in.left());
}

bool may_be_same_name(ByteView a, ByteView b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i != a.size(); i++) {
    if (folded(a[i]) != folded(b[i]))
      return false;
  }
  return true;
}

}  // namespace microlink::tls
