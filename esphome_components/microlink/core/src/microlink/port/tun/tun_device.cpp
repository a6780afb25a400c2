// SPDX-License-Identifier: MIT
#include "microlink/port/tun/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "microlink/port/tun/interface.h"

namespace microlink::tun {

namespace {

/// What a tailnet's addresses are taken from (06 §8); a peer outside the table is found when it is called.
constexpr std::string_view RANGES[] = {"100.64.0.0/10", "fd7a:115c:a1e0::/48"};

}  // namespace

std::string TunDevice::open(const std::string &name) {
  posix::Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0)
    return std::string("/dev/net/tun: ") + std::strerror(errno) + "; load the tun module, or run without --tun";
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
    return "interface " + name + ": " + std::strerror(errno) + "; --tun needs root (CAP_NET_ADMIN)";
  this->name_ = request.ifr_name;
  this->fd_ = std::move(fd);
  std::string problem = set_mtu(this->name_, OVERLAY_MTU);
  return problem.empty() ? set_up(this->name_) : problem;
}

void TunDevice::write(ByteView packet) {
  const ssize_t n = ::write(this->fd_.get(), packet.data(), packet.size());
  if (n < 0 && errno != EAGAIN)
    this->log_.debug("write: %s", std::strerror(errno));
}

void TunDevice::set_addresses(std::span<const Endpoint> addresses) {
  std::vector<IpAddress> wanted;
  for (const Endpoint &endpoint : addresses)
    wanted.push_back(endpoint.address);
  const auto report = [this](const std::string &problem) {
    if (!problem.empty())
      this->log_.error("%s", problem.c_str());
  };
  for (const IpAddress &old : this->addresses_) {
    if (std::find(wanted.begin(), wanted.end(), old) == wanted.end())
      report(remove_address(this->name_, old));
  }
  for (const IpAddress &address : wanted)
    report(add_address(this->name_, address));
  for (const std::string_view range : RANGES) {
    const Prefix prefix = *parse_prefix(range);
    const bool have = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const IpAddress &address) { return address.is_v4() == prefix.address.is_v4(); });
    if (have)
      report(add_route(this->name_, prefix));
  }
  this->addresses_ = std::move(wanted);
}

void TunDevice::watch(std::vector<pollfd> &fds) { fds.push_back({this->fd_.get(), POLLIN, 0}); }

void TunDevice::serve(Instant, std::span<const pollfd> fds) {
  if ((fds[0].revents & POLLIN) == 0 || this->runner_ == nullptr)
    return;
  uint8_t buffer[OVERLAY_HEADROOM + OVERLAY_MTU + OVERLAY_TAILROOM];
  for (int i = 0; i != BATCH; i++) {
    const ssize_t n = ::read(this->fd_.get(), buffer + OVERLAY_HEADROOM, OVERLAY_MTU);
    if (n <= 0)
      return;
    this->runner_->feed(
        {.kind = Input::Kind::OVERLAY, .bytes = ByteSpan(buffer + OVERLAY_HEADROOM, static_cast<size_t>(n))});
  }
}

}  // namespace microlink::tun
