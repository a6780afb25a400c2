// SPDX-License-Identifier: MIT
#if defined(__linux__) || defined(ESP_PLATFORM)
#include "microlink/port/posix/sockets.h"

#ifndef ESP_PLATFORM
#include <netinet/in.h>
#define LWIP_IPV6 1
#endif

#include <cstring>

namespace microlink::posix {

socklen_t to_sockaddr(const Endpoint &endpoint, sockaddr_storage &out) {
  out = {};
  const ByteView raw = endpoint.address.raw();
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, raw.data(), raw.size());
    std::memcpy(&out, &v4, sizeof(v4));
    return sizeof(v4);
  }
#if LWIP_IPV6
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, raw.data(), raw.size());
  std::memcpy(&out, &v6, sizeof(v6));
  return sizeof(v6);
#else
  return 0;
#endif
}

Endpoint from_sockaddr(const sockaddr_storage &in) {
  if (in.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &in, sizeof(v4));
    return {IpAddress::from_bytes({reinterpret_cast<const uint8_t *>(&v4.sin_addr), 4}), ntohs(v4.sin_port)};
  }
#if LWIP_IPV6
  if (in.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &in, sizeof(v6));
    return {IpAddress::from_bytes({reinterpret_cast<const uint8_t *>(&v6.sin6_addr), 16}), ntohs(v6.sin6_port)};
  }
#endif
  return {};
}

}  // namespace microlink::posix
#endif  // __linux__ || ESP_PLATFORM
