// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "microlink/port/posix/runner.h"
#include "microlink/port/tun/tun_device.h"
#include "microlinkd/overlay_options.h"

namespace microlink::tools {

/// The daemon's end of the overlay, as the command line wants it. Made before the node and gone after it.
class LocalOverlay {
 public:
  /// `log` may be null; it must outlive this.
  LocalOverlay(OverlayOptions options, LogSink *log);

  /// Empty, or one line that says what is wrong.
  std::string open();
  /// For the node; null when packets have nowhere to go.
  posix::Overlay *interface();
  /// Interfaces of the system that are the overlay, not the underlay.
  std::vector<std::string> interfaces() const;
  /// Live in the loop of `runner`, which must not turn any more when this has gone.
  void join(posix::Runner &runner);

 private:
  OverlayOptions options_;
  LogSink *log_;
  std::unique_ptr<tun::TunDevice> tun_;
};

}  // namespace microlink::tools
