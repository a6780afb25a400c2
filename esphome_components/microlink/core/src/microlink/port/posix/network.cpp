// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/network.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "microlink/capacity.h"
#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/sockets.h"

namespace microlink::posix {

namespace {

const Prefix OVERLAY_V6 = *parse_prefix("fd7a:115c:a1e0::/48");
const Prefix SHARED_V4 = *parse_prefix("100.64.0.0/10");

socklen_t sockaddr_size(sa_family_t family) { return family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

template<typename T> bool contains(const std::vector<T> &list, const T &value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// How much an address is worth: 0 not at all, 1 loopback, 2 IPv4 link-local, 3 a real one.
int rank(const LocalAddress &local) {
  const IpAddress &address = local.address;
  if (!address.is_set() || address.is_multicast() || OVERLAY_V6.contains(address) ||
      (local.point_to_point && SHARED_V4.contains(address)))
    return 0;
  if (local.loopback || address.is_loopback())
    return 1;
  if (address.is_link_local())
    return address.is_v4() ? 2 : 0;
  return 3;
}

/// Whether a message tells of something that may change how others reach this machine.
bool matters(const nlmsghdr &header, ByteView message) {
  switch (header.nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case NLMSG_OVERRUN:
      return true;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      if (header.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg)))
        return false;
      rtmsg route;
      std::memcpy(&route, message.data() + NLMSG_HDRLEN, sizeof(route));
      return route.rtm_dst_len == 0 && route.rtm_table == RT_TABLE_MAIN;
    }
    default:
      return false;
  }
}

bool any_matters(ByteView messages) {
  while (messages.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, messages.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > messages.size())
      return false;
    if (matters(header, messages))
      return true;
    messages = messages.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), messages.size()));
  }
  return false;
}

}  // namespace

std::vector<LocalAddress> list_local_addresses() {
  std::vector<LocalAddress> out;
  ifaddrs *all = nullptr;
  if (::getifaddrs(&all) != 0)
    return out;
  for (const ifaddrs *each = all; each != nullptr; each = each->ifa_next) {
    constexpr unsigned WANTED = IFF_UP | IFF_RUNNING;
    if (each->ifa_addr == nullptr || (each->ifa_flags & WANTED) != WANTED)
      continue;
    const sa_family_t family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6)
      continue;
    sockaddr_storage address{};
    std::memcpy(&address, each->ifa_addr, sockaddr_size(family));
    out.push_back({each->ifa_name, from_sockaddr(address).address, (each->ifa_flags & IFF_LOOPBACK) != 0,
                   (each->ifa_flags & IFF_POINTOPOINT) != 0});
  }
  ::freeifaddrs(all);
  return out;
}

/// A UDP socket's connect() sends nothing; it chooses a way and an address. The targets are for documentation only
/// (RFC 5737, 3849), so no narrower route than the default one leads there.
IpAddress preferred_address() {
  for (const char *target : {"192.0.2.1", "2001:db8::1"}) {
    sockaddr_storage address{};
    socklen_t length = to_sockaddr({*parse_ip(target), 9}, address);
    const Fd fd(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0)
      continue;
    length = sizeof(address);
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr *>(&address), &length) == 0)
      return from_sockaddr(address).address;
  }
  return {};
}

std::vector<IpAddress> reachable_addresses(const std::vector<LocalAddress> &all,
                                           const std::vector<std::string> &ignored, const std::vector<IpAddress> &own,
                                           const IpAddress &preferred) {
  int best = 1;
  for (const LocalAddress &local : all) {
    if (!contains(ignored, local.interface) && !contains(own, local.address))
      best = std::max(best, rank(local));
  }
  std::string first;
  for (const LocalAddress &local : all) {
    if (preferred.is_set() && local.address == preferred)
      first = local.interface;
  }
  std::vector<IpAddress> out;
  for (const bool is_first : {true, false}) {
    for (const LocalAddress &local : all) {
      if ((local.interface == first) == is_first && rank(local) == best && !contains(ignored, local.interface) &&
          !contains(own, local.address) && !contains(out, local.address) && out.size() < MAX_OWN_ENDPOINTS)
        out.push_back(local.address);
    }
  }
  return out;
}

NetworkWatch::NetworkWatch() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (this->fd_.valid() && ::bind(this->fd_.get(), reinterpret_cast<const sockaddr *>(&groups), sizeof(groups)) != 0)
    this->fd_.reset();
  if (!this->fd_.valid())
    this->settled_at_ = monotonic_now() + LOOK_EVERY;
}

bool NetworkWatch::take_change(Instant now) {
  if (this->settled_at_ > now)
    return false;
  this->settled_at_ = this->fd_.valid() ? Instant::NEVER : now + LOOK_EVERY;
  return true;
}

void NetworkWatch::watch(std::vector<pollfd> &fds) { fds.push_back({this->fd_.get(), POLLIN, 0}); }

void NetworkWatch::serve(Instant now, std::span<const pollfd> fds) {
  if (fds.empty() || fds[0].revents == 0)
    return;
  std::array<uint8_t, 8192> buffer;
  constexpr int MESSAGES_PER_TURN = 16;
  for (int i = 0; i != MESSAGES_PER_TURN; i++) {
    const ssize_t n = ::recv(this->fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno != ENOBUFS)
      return;
    // ENOBUFS: the kernel dropped messages, so anything may have changed.
    if (n < 0 || any_matters(ByteView(buffer).first(static_cast<size_t>(n))))
      this->settled_at_ = earlier(this->settled_at_, now + DEBOUNCE);
  }
}

}  // namespace microlink::posix
#endif  // __linux__
