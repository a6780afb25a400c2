// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"
#include "microlink/port/posix/runner.h"
#include "microlink/port/tun/coalescing.h"

namespace microlink::tun {

/// The overlay as a real interface of the system (Linux TUN; needs CAP_NET_ADMIN): both tailnet addresses, MTU 1280,
/// and routes for the tailnet's ranges only. The system's own stack answers on it. Where the kernel can, many segments
/// of a TCP connection go in and out in one call.
class TunDevice final : public posix::Overlay, public posix::Companion {
 public:
  /// `log` may be null; it must outlive the device.
  explicit TunDevice(LogSink *log);

  /// Empty, or one line that says what is wrong and what to do.
  std::string open(const std::string &name);
  /// Where packets from the system go; the runner, which must outlive the device or be taken away with null.
  void set_runner(posix::Runner *runner) { this->runner_ = runner; }
  const std::string &name() const { return this->name_; }

  void write(ByteView packet) override { this->coalescing_.add(packet); }
  void flush() override { this->coalescing_.flush(); }
  void set_addresses(std::span<const Endpoint> addresses) override;
  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;

 private:
  /// Packets for the tunnel in one turn; then others get theirs. One read may go beyond.
  static constexpr size_t BATCH = 128;

  size_t feed_(ByteSpan read);

  Log log_;
  posix::Fd fd_;
  std::string name_;
  posix::Runner *runner_{nullptr};
  std::vector<IpAddress> addresses_;
  Coalescing coalescing_;
  std::vector<uint8_t> buffer_;
};

}  // namespace microlink::tun
