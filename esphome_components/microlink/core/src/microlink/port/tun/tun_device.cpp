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
#include "microlink/port/tun/segmentation.h"
#include "microlink/port/tun/vnet_header.h"

namespace microlink::tun {

namespace {

/// What a tailnet's addresses are taken from (06 §8); a peer outside the table is found when it is called.
constexpr std::string_view RANGES[] = {"100.64.0.0/10", "fd7a:115c:a1e0::/48"};
constexpr size_t MAX_READ_BYTES = sizeof(VnetHeader) + 65'535;

}  // namespace

TunDevice::TunDevice(LogSink *log)
    : log_(log, "tun"),
      coalescing_([this](ByteView bytes) {
        if (::write(this->fd_.get(), bytes.data(), bytes.size()) < 0 && errno != EAGAIN)
          this->log_.debug("write: %s", std::strerror(errno));
      }),
      buffer_(MAX_READ_BYTES) {}

std::string TunDevice::open(const std::string &name) {
  posix::Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0)
    return std::string("/dev/net/tun: ") + std::strerror(errno) + "; load the tun module, or run without --tun";
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
    return "interface " + name + ": " + std::strerror(errno) + "; --tun needs root (CAP_NET_ADMIN)";
  // A kernel that says no hands over packet by packet.
  if (::ioctl(fd.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
    this->log_.info("no segmentation offload on %s: %s", request.ifr_name, std::strerror(errno));
  this->name_ = request.ifr_name;
  this->fd_ = std::move(fd);
  std::string problem = set_mtu(this->name_, OVERLAY_MTU);
  return problem.empty() ? set_up(this->name_) : problem;
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
  for (size_t count = 0; count < BATCH;) {
    const ssize_t n = ::read(this->fd_.get(), this->buffer_.data(), this->buffer_.size());
    if (n <= 0)
      return;
    count += 1 + this->feed_(ByteSpan(this->buffer_).first(static_cast<size_t>(n)));
  }
}

/// How many packets it was.
size_t TunDevice::feed_(ByteSpan read) {
  alignas(uint64_t) Bytes<OVERLAY_HEADROOM + OVERLAY_MTU + OVERLAY_TAILROOM> room;
  const ByteSpan packet = ByteSpan(room).subspan(OVERLAY_HEADROOM, OVERLAY_MTU);
  Segments segments(read);
  size_t count = 0;
  for (size_t n; (n = segments.next(packet)) != 0; count++)
    this->runner_->feed({.kind = Input::Kind::OVERLAY, .bytes = packet.first(n)});
  return count;
}

}  // namespace microlink::tun
