// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>

#include "microlink/port/lwip/overlay_netif.h"
#include "microlink/port/lwip/tcpip_message.h"

namespace microlink::lwip {

/// A queue of packets between two tasks, one that puts and one that takes. Owns what is inside.
template<size_t SLOTS> class PbufRing {
 public:
  ~PbufRing() { this->clear(); }
  /// False when it is full: the packet stays the caller's.
  bool put(pbuf *packet) {
    const size_t tail = this->tail_.load(std::memory_order_relaxed);
    if (tail - this->head_.load(std::memory_order_acquire) == SLOTS)
      return false;
    this->slots_[tail % SLOTS] = packet;
    this->tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// The eldest, the caller's from now on; null when there is none.
  pbuf *take() {
    const size_t head = this->head_.load(std::memory_order_relaxed);
    if (head == this->tail_.load(std::memory_order_acquire))
      return nullptr;
    pbuf *out = this->slots_[head % SLOTS];
    this->head_.store(head + 1, std::memory_order_release);
    return out;
  }
  void clear() {
    while (pbuf *packet = this->take())
      pbuf_free(packet);
  }

 private:
  static_assert((SLOTS & (SLOTS - 1)) == 0, "the counters run over");
  std::array<pbuf *, SLOTS> slots_{};
  std::atomic<size_t> head_{0};
  std::atomic<size_t> tail_{0};
};

/// The overlay's interface in an lwIP that has a thread of its own, as on a chip. Packets cross between that thread and
/// the node's task in two rings; a burst to lwIP costs one message, which is allocated once. Correct with
/// LWIP_TCPIP_CORE_LOCKING and without.
///
/// What leaves is not copied here: the ring holds lwIP's own packet, which TCP does not send again as long as somebody
/// else holds it, and read() copies it to where it is sealed. Packets that point into memory of others are the
/// exception.
class TcpipOverlay final : private OverlayNetif::Sink {
 public:
  /// Told on the TCP/IP thread that read() has something. Must not call lwIP's sockets.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_packet() = 0;
  };

  explicit TcpipOverlay(Listener &listener) : listener_(listener) {}
  ~TcpipOverlay() override { this->close(); }
  TcpipOverlay(const TcpipOverlay &) = delete;
  TcpipOverlay &operator=(const TcpipOverlay &) = delete;

  // On one task, which is not the TCP/IP thread.

  /// Add the interface. False without memory.
  bool open();
  /// Remove it, and wait until lwIP's thread is done with it. May be repeated.
  void close();
  /// Those that stay keep their connections.
  void set_addresses(std::span<const Endpoint> addresses);
  /// A packet for lwIP; lost when MAX_INBOUND wait.
  void write(ByteView packet);
  /// The next packet from lwIP, copied to `out` of OverlayNetif::MTU bytes; its size, 0 = none.
  size_t read(ByteSpan out);
  netif *interface() { return this->netif_.get(); }

  /// As Config::overlay_ipv6: how the firmware's lwIP was built.
  static constexpr bool TAKES_IPV6 = LWIP_IPV6 != 0;
  static constexpr size_t MAX_INBOUND = 16;
  static constexpr size_t MAX_OUTBOUND = 16;

 private:
  bool send(const pbuf &packet) override;
  static void deliver_(void *self);

  Listener &listener_;
  OverlayNetif netif_;
  TcpipMessage message_;
  std::atomic<bool> scheduled_{false};  ///< deliver_() is about to run
  PbufRing<MAX_INBOUND> inbound_;
  PbufRing<MAX_OUTBOUND> outbound_;
};

}  // namespace microlink::lwip
