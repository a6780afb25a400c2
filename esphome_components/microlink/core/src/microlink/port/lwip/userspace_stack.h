// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "microlink/base/log.h"
#include "microlink/port/lwip/overlay_netif.h"
#include "microlink/port/lwip/packet_queue.h"
#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/runner.h"

namespace microlink::lwip {

/// The overlay as a network stack inside the program (lwIP with NO_SYS=1): no privileges, no interface of the system.
/// Answers echo requests, and refuses what nobody serves. One thread: the Runner's. lwIP is one per process, but
/// several stacks may be open as long as they live on one thread.
///
/// Packets of the client are kept until serve(), so that nothing of lwIP runs while the client's actions are performed.
class UserspaceStack final : public posix::Overlay, public posix::Companion, private OverlayNetif::Sink {
 public:
  UserspaceStack();
  ~UserspaceStack() override;

  /// Where packets of the stack go, and the loop that it lives in from now on. Companions that use the stack are added
  /// to the runner before: then what they send leaves in the same turn.
  void join(posix::Runner &runner);

  /// Tell lwIP the time. To be called before lwIP is, outside the stack's own callbacks.
  void tell(Instant now);
  /// The latest time that it was told.
  Instant now() const;

  void write(ByteView packet) override;
  void set_addresses(std::span<const Endpoint> addresses) override;
  void watch(std::vector<pollfd> &) override {}
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  OverlayNetif &interface() { return this->netif_; }
  /// Packets for the client, when no runner takes them: for tests.
  PacketQueue &outbound() { return this->outbound_; }
  /// An address of the stack in the family of `like`; unset when it has none, or none yet.
  IpAddress own_address(const IpAddress &like) const;

  static constexpr size_t MAX_INBOUND = 1024;  ///< packets; more are dropped, as on any full interface
  static constexpr size_t MAX_OUTBOUND = 512;

 private:
  bool send(const pbuf &packet) override { return this->outbound_.push(packet); }
  void flush_();

  /// Packets fed to lwIP before what it answered is sent.
  static constexpr size_t BATCH = 32;

  OverlayNetif netif_;
  posix::Runner *runner_{nullptr};
  PacketQueue outbound_{MAX_OUTBOUND};
  std::vector<pbuf *> inbound_;
  std::vector<Endpoint> addresses_;
  bool addresses_are_new_{false};
  Instant wake_at_{Instant::NEVER};
};

}  // namespace microlink::lwip
