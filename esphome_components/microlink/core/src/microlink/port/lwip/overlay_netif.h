// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "microlink/base/ip.h"
#include "microlink/ports.h"

namespace microlink::lwip {

/// The tailnet as an interface of lwIP 2.2: MTU 1280, both tailnet addresses, no link layer and so no ARP, neighbour
/// discovery, duplicate address detection or multicast groups. Up while it has an address, never the default interface.
///
/// All functions but copy() are called where lwIP may be called: with NO_SYS=1 on the one thread, else on the tcpip
/// thread or with the core lock held.
///
/// Routes: IPv4 goes by the netmask, that of 100.64.0.0/10; the overlay is the last interface to be asked, so that a
/// local network inside that range, whose prefix is longer, keeps its hosts. IPv6 goes by the hook in overlay_route.h.
///
/// ESP-IDF takes `netif::state` of every interface for a structure of its own, hears of each address that changes, and
/// drops IPv6 packets where the first address is unset. So `state` stays null, and the tailnet address comes first.
class OverlayNetif {
 public:
  /// Takes packets from lwIP, in lwIP's context. Must not call lwIP back.
  class Sink {
   public:
    virtual ~Sink() = default;
    /// An IP packet of at most MTU bytes, maybe in pieces (pbuf_copy_partial()). lwIP keeps it: TCP sends it again when
    /// it is lost, while the client seals in place. So the sink copies; that is the one copy on the way out. False: no
    /// room; TCP tries again later.
    virtual bool send(const pbuf &packet) = 0;
  };

  OverlayNetif() = default;
  ~OverlayNetif() { this->close(); }
  OverlayNetif(const OverlayNetif &) = delete;
  OverlayNetif &operator=(const OverlayNetif &) = delete;

  /// Add the interface to lwIP, down and without addresses. `sink` must outlive it. lwIP must have been started.
  void open(Sink &sink);
  /// Remove it: lwIP aborts the connections on its addresses. May be repeated.
  void close();

  /// Addresses from SELF_ADDRESSES. Those that stay keep their connections.
  void set_addresses(std::span<const Endpoint> addresses);
  /// A packet from the client as lwIP wants it. A copy, because lwIP keeps what nobody has read yet, and the client's
  /// bytes are gone with its next action. Null: no memory, the packet is lost.
  static pbuf *copy(ByteView packet);
  /// Give a packet to lwIP, whose it is from now on.
  void input(pbuf *packet);

  netif *get() { return &this->netif_; }
  bool is_open() const { return this->sink_ != nullptr; }

  static constexpr u16_t MTU = 1280;

 private:
  static err_t init_(netif *self);
  static err_t output4_(netif *self, pbuf *packet, const ip4_addr_t *to);
  static err_t output_(netif *self, const pbuf *packet);
#if LWIP_IPV6
  static err_t output6_(netif *self, pbuf *packet, const ip6_addr_t *to);
  void set_v6_(std::span<const Endpoint> addresses);
#endif
  void be_last_();

  netif netif_{};  // the first member: lwIP's pointer to it is a pointer to this object
  Sink *sink_{nullptr};
};

/// Between the two ways to write an address.
ip_addr_t to_lwip(const IpAddress &address);
IpAddress from_lwip(const ip_addr_t &address);

}  // namespace microlink::lwip
