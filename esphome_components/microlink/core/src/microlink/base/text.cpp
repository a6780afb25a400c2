// SPDX-License-Identifier: MIT
#include "microlink/base/text.h"

namespace microlink {

namespace {

constexpr char HEX_DIGITS[] = "0123456789abcdef";
constexpr char BASE64_DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string_view hex_encode(ByteView in, std::span<char> out) {
  if (out.size() < 2 * in.size())
    return {};
  size_t n = 0;
  for (const uint8_t byte : in) {
    out[n++] = HEX_DIGITS[byte >> 4];
    out[n++] = HEX_DIGITS[byte & 15];
  }
  return {out.data(), n};
}

Error hex_decode(std::string_view in, ByteSpan out) {
  if (in.size() != 2 * out.size())
    return Error::MALFORMED;
  for (size_t i = 0; i != out.size(); i++) {
    const int high = hex_value(in[2 * i]);
    const int low = hex_value(in[2 * i + 1]);
    if (high < 0 || low < 0)
      return Error::MALFORMED;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return Error::NONE;
}

std::string_view base64_encode(ByteView in, std::span<char> out) {
  if (out.size() < base64_size(in.size()))
    return {};
  size_t n = 0;
  for (size_t i = 0; i < in.size(); i += 3) {
    const size_t have = std::min<size_t>(3, in.size() - i);
    const uint32_t bits = static_cast<uint32_t>(in[i]) << 16 | (have > 1 ? static_cast<uint32_t>(in[i + 1]) << 8 : 0) |
                          (have > 2 ? in[i + 2] : 0);
    out[n++] = BASE64_DIGITS[bits >> 18];
    out[n++] = BASE64_DIGITS[bits >> 12 & 63];
    out[n++] = have > 1 ? BASE64_DIGITS[bits >> 6 & 63] : '=';
    out[n++] = have > 2 ? BASE64_DIGITS[bits & 63] : '=';
  }
  return {out.data(), n};
}

Result<size_t> base64_decode(std::string_view in, ByteSpan out) {
  if (in.size() % 4 != 0)
    return Error::MALFORMED;
  size_t padding = 0;
  while (padding < 2 && padding < in.size() && in[in.size() - 1 - padding] == '=')
    padding++;
  const size_t size = in.size() / 4 * 3 - padding;
  if (size > out.size())
    return Error::NO_SPACE;
  uint32_t bits = 0;
  size_t n = 0;
  for (size_t i = 0; i != in.size(); i++) {
    const bool pad = i >= in.size() - padding;
    const int value = pad ? 0 : base64_value(in[i]);
    if (value < 0)
      return Error::MALFORMED;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if (i % 4 != 3)
      continue;
    for (int shift = 16; shift >= 0 && n != size; shift -= 8)
      out[n++] = static_cast<uint8_t>(bits >> shift);
    bits = 0;
  }
  return size;
}

Result<int64_t> parse_decimal(std::string_view in) {
  const bool negative = !in.empty() && in.front() == '-';
  if (negative)
    in.remove_prefix(1);
  if (in.empty() || in.size() > 19)
    return Error::MALFORMED;
  uint64_t value = 0;
  for (const char c : in) {
    if (c < '0' || c > '9')
      return Error::MALFORMED;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > static_cast<uint64_t>(INT64_MAX))
    return Error::MALFORMED;
  const int64_t magnitude = static_cast<int64_t>(value);
  return negative ? -magnitude : magnitude;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace microlink
