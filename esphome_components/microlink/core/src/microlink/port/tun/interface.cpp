// SPDX-License-Identifier: MIT
#include "microlink/port/tun/interface.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "microlink/port/posix/fd.h"

namespace microlink::tun {

namespace {

/// One rtnetlink request with its attributes (rtnetlink(7)).
class Request {
 public:
  template<typename Body> Request(uint16_t type, uint16_t flags, const Body &body) {
    this->header_().nlmsg_type = type;
    this->header_().nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    this->header_().nlmsg_len = NLMSG_LENGTH(sizeof(body));
    std::memcpy(NLMSG_DATA(&this->header_()), &body, sizeof(body));
  }

  void attribute(uint16_t type, ByteView value) {
    nlmsghdr &header = this->header_();
    const size_t at = NLMSG_ALIGN(header.nlmsg_len);
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(value.size()));
    std::memcpy(this->buffer_ + at, &attribute, sizeof(attribute));
    std::memcpy(this->buffer_ + at + RTA_LENGTH(0), value.data(), value.size());
    header.nlmsg_len = static_cast<uint32_t>(at + RTA_ALIGN(attribute.rta_len));
  }

  /// 0, or errno of the kernel's answer.
  int perform() {
    const posix::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (fd.get() < 0)
      return errno;
    if (::send(fd.get(), this->buffer_, this->header_().nlmsg_len, 0) < 0)
      return errno;
    alignas(nlmsghdr) char answer[1024];
    const ssize_t n = ::recv(fd.get(), answer, sizeof(answer), 0);
    if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))))
      return n < 0 ? errno : EPROTO;
    nlmsgerr error{};
    std::memcpy(&error, answer + NLMSG_HDRLEN, sizeof(error));
    return -error.error;
  }

 private:
  nlmsghdr &header_() { return *reinterpret_cast<nlmsghdr *>(this->buffer_); }

  alignas(nlmsghdr) char buffer_[256]{};
};

std::string problem(const std::string &what, int error) {
  return error == 0 ? std::string() : what + ": " + std::strerror(error);
}

uint8_t family_of(const IpAddress &address) { return address.is_v4() ? AF_INET : AF_INET6; }

std::string change_address(const std::string &name, const IpAddress &address, uint16_t type, uint16_t flags) {
  ifaddrmsg body{};
  body.ifa_family = family_of(address);
  body.ifa_prefixlen = address.is_v4() ? 32 : 128;
  body.ifa_flags = IFA_F_NODAD;  // nobody else can have it, and it must work at once
  body.ifa_index = ::if_nametoindex(name.c_str());
  Request request(type, flags, body);
  request.attribute(IFA_LOCAL, address.raw());
  request.attribute(IFA_ADDRESS, address.raw());
  return problem("address " + std::string(to_text(address).view()) + " on " + name, request.perform());
}

std::string change_flags(const std::string &name, unsigned long call, ifreq &request) {
  const posix::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return problem("interface " + name, ::ioctl(fd.get(), call, &request) == 0 ? 0 : errno);
}

}  // namespace

std::string set_mtu(const std::string &name, size_t mtu) {
  ifreq request{};
  request.ifr_mtu = static_cast<int>(mtu);
  return change_flags(name, SIOCSIFMTU, request);
}

bool has_ipv6(const std::string &name) {
  const posix::Fd file(::open(("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6").c_str(), O_RDONLY | O_CLOEXEC));
  char disabled = '1';
  return file.valid() && ::read(file.get(), &disabled, 1) == 1 && disabled == '0';
}

std::string set_up(const std::string &name) {
  ifreq request{};
  request.ifr_flags = IFF_UP;
  return change_flags(name, SIOCSIFFLAGS, request);
}

std::string add_address(const std::string &name, const IpAddress &address) {
  return change_address(name, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

std::string remove_address(const std::string &name, const IpAddress &address) {
  return change_address(name, address, RTM_DELADDR, 0);
}

std::string add_route(const std::string &name, const Prefix &prefix) {
  rtmsg body{};
  body.rtm_family = family_of(prefix.address);
  body.rtm_dst_len = prefix.bits;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body);
  request.attribute(RTA_DST, prefix.address.raw());
  const unsigned index = ::if_nametoindex(name.c_str());
  Bytes<sizeof(index)> raw;
  std::memcpy(raw.data(), &index, sizeof(index));
  request.attribute(RTA_OIF, raw);
  return problem("route " + std::string(to_text(prefix).view()) + " on " + name, request.perform());
}

}  // namespace microlink::tun
