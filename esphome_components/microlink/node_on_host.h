// SPDX-License-Identifier: MIT
#pragma once

#include "esphome/core/defines.h"

#ifdef USE_HOST
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "esphome/components/microlink/node_view.h"
#include "microlink/port/posix/background.h"
#include "microlink/port/posix/overlay_end.h"

namespace esphome::microlink_ {

/// The node on Linux: a thread, and a directory for its identity.
///
/// That directory lies beside ESPHome's preferences (NAME.microlink/ in the same folder), not in them: on `host:` these
/// are one file that is emptied and written anew at each sync, so a power cut could take the identity with it. The
/// core's StateDir replaces each record atomically, and on the core's thread.
class NodeOnHost {
 public:
  /// Ports of this machine that the tailnet reaches, TCP and UDP.
  void set_served_ports(std::vector<uint16_t> served_ports) { this->served_ports_ = std::move(served_ports); }

  /// Empty, or one line that says what is wrong.
  std::string start(const ::microlink::Config &config, uint16_t listen_port, const char *auth_key,
                    ::microlink::LogSink *log);
  void stop() { this->background_.stop(); }
  bool set_auth_key(std::string auth_key);
  bool set_allowed_peers(const std::string &allowed_peers);
  /// False when nothing is new.
  bool take_view(NodeView &out);
  std::string identity_place() const;
  std::string served_ports_text() const;

 protected:
  std::unique_ptr<::microlink::posix::OverlayEnd> overlay_end_;
  ::microlink::posix::Background background_;
  ::microlink::posix::Snapshot snapshot_;
  std::vector<uint16_t> served_ports_;
};

using PlatformNode = NodeOnHost;

}  // namespace esphome::microlink_
#endif  // USE_HOST
