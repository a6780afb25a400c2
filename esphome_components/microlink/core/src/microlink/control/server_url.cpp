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
  return !host.empty() && out.host.assign(host);
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

FixedString<MAX_HOST_BYTES + 8> ServerUrl::authority() const {
  const bool literal = this->host.view().find(':') != std::string_view::npos;
  FixedString<MAX_HOST_BYTES + 8> out(literal ? "[" : "");
  (void) out.append(this->host);
  (void) out.append(literal ? "]" : "");
  if (this->port == 0)
    return out;
  char digits[6] = {':'};
  size_t size = 1;
  for (uint32_t unit = 10000; unit != 0; unit /= 10) {
    if (this->port >= unit)
      digits[size++] = static_cast<char>('0' + this->port / unit % 10);
  }
  (void) out.append({digits, size});
  return out;
}

std::string_view ServerUrl::host_of(std::string_view authority) {
  if (authority.starts_with('['))
    return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace microlink::control
