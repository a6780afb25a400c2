// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"
#include "microlink/port/posix/runner.h"

namespace microlink::tun {

/// The overlay as a real interface of the system (Linux TUN; needs CAP_NET_ADMIN): both tailnet addresses, MTU 1280,
/// and routes for the tailnet's ranges only. The system's own stack answers on it.
class TunDevice final : public posix::Overlay, public posix::Companion {
 public:
  /// `log` may be null; it must outlive the device.
  explicit TunDevice(LogSink *log) : log_(log, "tun") {}

  /// Empty, or one line that says what is wrong and what to do.
  std::string open(const std::string &name);
  /// Where packets from the system go; the runner, which must outlive the device or be taken away with null.
  void set_runner(posix::Runner *runner) { this->runner_ = runner; }
  const std::string &name() const { return this->name_; }

  void write(ByteView packet) override;
  void set_addresses(std::span<const Endpoint> addresses) override;
  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;

 private:
  /// Packets read in one turn; then others get theirs.
  static constexpr int BATCH = 64;

  Log log_;
  posix::Fd fd_;
  std::string name_;
  posix::Runner *runner_{nullptr};
  std::vector<IpAddress> addresses_;
};

}  // namespace microlink::tun
