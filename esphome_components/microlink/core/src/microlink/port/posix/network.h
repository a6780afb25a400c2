// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "microlink/base/ip.h"
#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"

namespace microlink::posix {

/// One address of an interface that is up.
struct LocalAddress {
  std::string interface;
  IpAddress address{};
  bool loopback{false};
  bool point_to_point{false};
};
std::vector<LocalAddress> list_local_addresses();

/// The address that packets to the internet leave from, IPv4 if there is a way for it; unset without a default route.
IpAddress preferred_address();

/// Those under which other nodes may reach this machine. Left out: interfaces in `ignored` and addresses in `own` (the
/// overlay's), addresses of other overlays (fd7a:115c:a1e0::/48; 100.64.0.0/10 on a tunnel), IPv6 link-local,
/// multicast. IPv4 link-local counts only when there is nothing better, loopback only when there is nothing else. Those
/// of the interface that has the address `preferred` come first. At most MAX_OWN_ENDPOINTS.
std::vector<IpAddress> reachable_addresses(const std::vector<LocalAddress> &all,
                                           const std::vector<std::string> &ignored, const std::vector<IpAddress> &own,
                                           const IpAddress &preferred = {});

/// Hears from the kernel (rtnetlink) that links, addresses or default routes changed; without rtnetlink it asks to look
/// every half minute. A burst of changes is one change, DEBOUNCE after its first message: later ones are another.
class NetworkWatch final : public Companion {
 public:
  NetworkWatch();

  /// Whether something changed since the last call, and has settled. Once true, false until the next change.
  bool take_change(Instant now);

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override { return this->settled_at_; }

  static constexpr Duration DEBOUNCE = milliseconds(250);
  static constexpr Duration LOOK_EVERY = seconds(30);

 private:
  Fd fd_;
  Instant settled_at_{Instant::NEVER};
};

}  // namespace microlink::posix
