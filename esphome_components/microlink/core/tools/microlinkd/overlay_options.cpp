// SPDX-License-Identifier: MIT
#include "microlinkd/overlay_options.h"

#include <net/if.h>

#include <algorithm>
#include <string_view>

#include "microlink/base/text.h"
#include "microlink/port/lwip/local_services.h"

namespace microlink::tools {

namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto number = parse_decimal(text);
  return number && *number >= 1 && *number <= UINT16_MAX ? std::optional(static_cast<uint16_t>(*number)) : std::nullopt;
}

std::optional<Endpoint> parse_local(std::string_view text) {
  if (const auto port = parse_port(text))
    return Endpoint{IpAddress::v4(127, 0, 0, 1), *port};
  const auto endpoint = parse_endpoint(text);
  return endpoint && endpoint->port != 0 ? std::optional(*endpoint) : std::nullopt;
}

/// Cut off what is behind the last colon that is not in brackets; all of it when there is none.
std::string_view cut_last(std::string_view &text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool inside = bracket != std::string_view::npos && colon != std::string_view::npos && colon < bracket;
  const size_t at = inside ? text.rfind('[') : colon == std::string_view::npos ? 0 : colon + 1;
  const std::string_view out = text.substr(at);
  text = text.substr(0, at == 0 ? 0 : at - 1);
  return out;
}

}  // namespace

std::string OverlayOptions::set_tun(const char *text) {
  const std::string_view name = text;
  if (name.empty() || name.size() >= IFNAMSIZ || name.find_first_of("/% \t:") != std::string_view::npos)
    return "--tun takes an interface name of 1 to " + std::to_string(IFNAMSIZ - 1) + " characters, e.g. microlink0";
  this->tun = text;
  return {};
}

std::string OverlayOptions::add_served(const char *text) {
  std::string_view rest = text;
  for (bool more = true; more;) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const auto port = parse_port(rest.substr(0, comma));
    more = comma != rest.size();
    rest.remove_prefix(more ? comma + 1 : comma);
    if (!port)
      return "--serve takes ports from 1 to 65535, e.g. --serve 22,80";
    if (std::find(this->served.begin(), this->served.end(), *port) == this->served.end())
      this->served.push_back(*port);
  }
  if (this->served.size() > lwip::LocalServices::MAX_PORTS)
    return "--serve takes at most " + std::to_string(lwip::LocalServices::MAX_PORTS) + " ports";
  return {};
}

std::string OverlayOptions::set_socks5(const char *text) {
  const auto local = parse_local(text);
  if (!local)
    return "--socks5 takes ADDR:PORT, e.g. --socks5 127.0.0.1:1080";
  this->socks5 = *local;
  return {};
}

std::string OverlayOptions::add_forward(const char *text) {
  std::string_view rest = text;
  const auto port = parse_port(cut_last(rest));
  std::string_view peer = cut_last(rest);
  if (peer.starts_with('[') && peer.ends_with(']'))
    peer = peer.substr(1, peer.size() - 2);
  const auto local = parse_local(rest);
  if (!port || peer.empty() || !local)
    return "--forward takes LOCAL:PEER:PORT, e.g. --forward 8080:sensor:80";
  this->forwards.push_back({*local, std::string(peer), *port});
  return {};
}

std::string OverlayOptions::contradiction() const {
  if (!this->tun.empty() && !this->served.empty())
    return "--serve is not for --tun: there the system's own services answer";
  if (!this->tun.empty() && (this->socks5.is_set() || !this->forwards.empty()))
    return "--socks5 and --forward are not for --tun: there every program reaches the peers";
  return {};
}

}  // namespace microlink::tools
