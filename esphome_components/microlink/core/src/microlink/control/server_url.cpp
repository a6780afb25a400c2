// SPDX-License-Identifier: MIT
#include "microlink/control/server_url.h"

#include "microlink/base/text.h"

namespace microlink::control {

namespace {

bool is_host_character(char c, bool literal) {
  const char last = literal ? 'f' : 'z';  // an IPv6 literal has hexadecimal digits
  const char lower = static_cast<char>(c | 0x20);
  const bool alphanumeric = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= last);
  return alphanumeric || c == '.' || (literal ? c == ':' : c == '-' || c == '_');
}

bool assign_host(ServerUrl &out, std::string_view host, bool literal) {
  for (const char c : host) {
    if (!is_host_character(c, literal))
      return false;
  }
  out.host = host;
  return !host.empty() && host.size() <= MAX_HOST_BYTES;
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(std::string_view url) {
  constexpr std::string_view HTTPS = "https://";
  constexpr std::string_view HTTP = "http://";
  ServerUrl out;
  out.tls = url.starts_with(HTTPS);
  if (!out.tls && !url.starts_with(HTTP))
    return Error::MALFORMED;
  url.remove_prefix(out.tls ? HTTPS.size() : HTTP.size());
  if (url.ends_with('/'))
    url.remove_suffix(1);
  out.authority = url;

  const bool literal = url.starts_with('[');
  const size_t host_end = literal ? url.find(']') : url.find(':');
  if (literal && host_end == std::string_view::npos)
    return Error::MALFORMED;
  const std::string_view host = literal ? url.substr(1, host_end - 1) : url.substr(0, host_end);
  if (!assign_host(out, host, literal))
    return Error::MALFORMED;
  url.remove_prefix(literal ? host_end + 1 : host.size());
  if (url.empty())
    return out;
  const auto port = url[0] == ':' ? parse_decimal(url.substr(1)) : Result<int64_t>(Error::MALFORMED);
  if (!port || *port < 1 || *port > 65535)
    return Error::MALFORMED;
  out.port = static_cast<uint16_t>(*port);
  return out;
}

}  // namespace microlink::control
