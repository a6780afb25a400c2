// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "microlink/port/lwip/local_services.h"
#include "microlink/port/lwip/outbound_services.h"
#include "microlink/port/posix/runner.h"
#include "microlink/port/tun/interface.h"
#include "microlink/port/tun/tun_device.h"
#include "microlinkd/overlay_options.h"

namespace microlink::tools {

/// The daemon's end of the overlay, as the command line wants it: an interface of the system, or else a stack of its
/// own in userspace. Made before the node and gone after it.
class LocalOverlay {
 public:
  /// `log` may be null; it must outlive this.
  LocalOverlay(OverlayOptions options, LogSink *log);

  /// Empty, or one line that says what is wrong.
  std::string open();
  /// For the node, after open().
  posix::Overlay *interface();
  /// As Config::overlay_ipv6, after open().
  bool takes_ipv6() const { return this->tun_ == nullptr || tun::has_ipv6(this->tun_->name()); }
  /// Interfaces of the system that are the overlay, not the underlay.
  std::vector<std::string> interfaces() const;
  /// Live in the loop of `runner`, which must not turn any more when this has gone.
  void join(posix::Runner &runner);

 private:
  OverlayOptions options_;
  LogSink *log_;
  std::unique_ptr<tun::TunDevice> tun_;
  std::unique_ptr<lwip::UserspaceStack> stack_;
  std::unique_ptr<lwip::LocalServices> services_;
  std::unique_ptr<lwip::OutboundServices> outbound_;
};

}  // namespace microlink::tools
