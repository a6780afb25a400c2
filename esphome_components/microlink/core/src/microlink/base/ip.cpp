// SPDX-License-Identifier: MIT
#include "microlink/base/ip.h"

#include <cstdio>

#include "microlink/base/text.h"

namespace microlink {

namespace {

Result<IpAddress> parse_v4(std::string_view text) {
  Bytes<4> out{};
  for (size_t i = 0; i != 4; i++) {
    const size_t dot = i == 3 ? text.size() : text.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot > 3)
      return Error::MALFORMED;
    const std::string_view digits = text.substr(0, dot);
    const auto value = parse_decimal(digits);
    if (!value || *value < 0 || *value > 255 || (digits.size() > 1 && digits.front() == '0'))
      return Error::MALFORMED;
    out[i] = static_cast<uint8_t>(*value);
    text.remove_prefix(i == 3 ? dot : dot + 1);
  }
  return IpAddress::from_bytes(out);
}

Result<uint16_t> parse_hex_group(std::string_view text) {
  if (text.empty() || text.size() > 4)
    return Error::MALFORMED;
  char padded[4] = {'0', '0', '0', '0'};
  std::copy(text.begin(), text.end(), padded + 4 - text.size());
  Bytes<2> raw;
  if (hex_decode({padded, 4}, raw) != Error::NONE)
    return Error::MALFORMED;
  return static_cast<uint16_t>(raw[0] << 8 | raw[1]);
}

/// Groups of one side of "::" into `out`; how many bytes. An IPv4 tail is accepted as the last group.
Result<size_t> parse_groups(std::string_view text, ByteSpan out) {
  size_t n = 0;
  while (!text.empty()) {
    const size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (group.find('.') != std::string_view::npos && colon == std::string_view::npos) {
      const auto tail = parse_v4(group);
      if (!tail || n + 4 > out.size())
        return Error::MALFORMED;
      copy(tail->raw(), out.subspan(n));
      return n + 4;
    }
    const auto value = parse_hex_group(group);
    if (!value || n + 2 > out.size())
      return Error::MALFORMED;
    out[n++] = static_cast<uint8_t>(*value >> 8);
    out[n++] = static_cast<uint8_t>(*value);
    if (colon == std::string_view::npos)
      return n;
    text.remove_prefix(colon + 1);
    if (text.empty())
      return Error::MALFORMED;  // a trailing single colon
  }
  return n;
}

Result<IpAddress> parse_v6(std::string_view text) {
  IpAddress out;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto n = parse_groups(text, out.bytes);
    if (!n || *n != 16)
      return Error::MALFORMED;
    return out;
  }
  Bytes<16> tail{};
  const auto front = parse_groups(text.substr(0, gap), out.bytes);
  const auto back = parse_groups(text.substr(gap + 2), tail);
  if (!front || !back || *front + *back > 14)
    return Error::MALFORMED;
  copy(ByteView(tail).first(*back), ByteSpan(out.bytes).subspan(16 - *back));
  return out;
}

/// The longest run of at least two zero groups, as RFC 5952 §4.2 shortens it: first group and length.
std::pair<size_t, size_t> longest_zero_run(const Bytes<16> &bytes) {
  std::pair<size_t, size_t> best{8, 1};
  for (size_t start = 0; start != 8; start++) {
    size_t end = start;
    while (end != 8 && bytes[2 * end] == 0 && bytes[2 * end + 1] == 0)
      end++;
    if (end - start > best.second)
      best = {start, end - start};
  }
  return best;
}

}  // namespace

IpAddress IpAddress::from_bytes(ByteView raw) {
  IpAddress out;
  if (raw.size() == 16) {
    copy(raw, out.bytes);
  } else if (raw.size() == 4) {
    out = v4(raw[0], raw[1], raw[2], raw[3]);
  }
  return out;
}

bool IpAddress::is_v4() const {
  const uint8_t *const b = this->bytes.data();
  return b[11] == 0xff && b[10] == 0xff && (b[0] | b[1] | b[2] | b[3] | b[4] | b[5] | b[6] | b[7] | b[8] | b[9]) == 0;
}

bool IpAddress::is_set() const {
  for (size_t i = this->bytes.size(); i-- != 0;) {  // the last byte is seldom zero
    if (this->bytes[i] != 0)
      return true;
  }
  return false;
}

bool IpAddress::is_loopback() const {
  if (this->is_v4())
    return this->bytes[12] == 127;
  IpAddress one;
  one.bytes[15] = 1;
  return *this == one;
}

bool IpAddress::is_link_local() const {
  if (this->is_v4())
    return this->bytes[12] == 169 && this->bytes[13] == 254;
  return this->bytes[0] == 0xfe && (this->bytes[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (this->is_v4()) {
    const uint8_t a = this->bytes[12];
    const uint8_t b = this->bytes[13];
    return a == 10 || (a == 172 && (b & 0xf0) == 16) || (a == 192 && b == 168);
  }
  return (this->bytes[0] & 0xfe) == 0xfc;
}

bool IpAddress::is_multicast() const {
  return this->is_v4() ? (this->bytes[12] & 0xf0) == 0xe0 : this->bytes[0] == 0xff;
}

bool Prefix::contains(const IpAddress &candidate) const {
  if (candidate.is_v4() != this->address.is_v4())
    return false;
  const ByteView mine = this->address.raw();
  const ByteView theirs = candidate.raw();
  const size_t whole = this->bits / 8;
  if (whole > mine.size() || !equal(mine.first(whole), theirs.first(whole)))
    return false;
  const unsigned rest = this->bits % 8;
  return rest == 0 || whole == mine.size() || ((mine[whole] ^ theirs[whole]) >> (8 - rest)) == 0;
}

Result<IpAddress> parse_ip(std::string_view text) {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return Error::MALFORMED;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_decimal(text.substr(colon + 1));
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  const auto address = bracketed ? parse_v6(host) : parse_v4(host);
  if (!address || !port || *port < 0 || *port > UINT16_MAX)
    return Error::MALFORMED;
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

Result<Prefix> parse_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address)
    return Error::MALFORMED;
  const uint8_t most = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos)
    return Prefix{*address, most};
  const auto bits = parse_decimal(text.substr(slash + 1));
  if (!bits || *bits < 0 || *bits > most)
    return Error::MALFORMED;
  return Prefix{*address, static_cast<uint8_t>(*bits)};
}

bool has_no_host_bits(const Prefix &prefix) {
  const ByteView raw = prefix.address.raw();
  for (size_t i = prefix.bits / 8; i < raw.size(); i++) {
    const unsigned kept = i == prefix.bits / 8 ? prefix.bits % 8 : 0;
    if ((raw[i] & (0xff >> kept)) != 0)
      return false;
  }
  return true;
}

FixedString<45> to_text(const IpAddress &address) {
  FixedString<45> out;
  char group[8];
  if (address.is_v4()) {
    for (size_t i = 12; i != 16; i++) {
      std::snprintf(group, sizeof(group), i == 12 ? "%u" : ".%u", static_cast<unsigned>(address.bytes[i]));
      out.append(group);
    }
    return out;
  }
  const auto [gap, length] = longest_zero_run(address.bytes);
  for (size_t i = 0; i != 8; i++) {
    if (i == gap)
      out.append("::");
    if (i >= gap && i < gap + length)
      continue;
    const bool first = i == 0 || i == gap + length;
    const unsigned value = static_cast<unsigned>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
    std::snprintf(group, sizeof(group), first ? "%x" : ":%x", value);
    out.append(group);
  }
  return out;
}

FixedString<54> to_text(const Endpoint &endpoint) {
  FixedString<54> out;
  const bool v4 = endpoint.address.is_v4();
  out.append(v4 ? "" : "[");
  out.append(to_text(endpoint.address));
  char port[8];
  std::snprintf(port, sizeof(port), v4 ? ":%u" : "]:%u", static_cast<unsigned>(endpoint.port));
  out.append(port);
  return out;
}

FixedString<49> to_text(const Prefix &prefix) {
  FixedString<49> out{to_text(prefix.address).view()};
  char bits[8];
  std::snprintf(bits, sizeof(bits), "/%u", static_cast<unsigned>(prefix.bits));
  out.append(bits);
  return out;
}

}  // namespace microlink
