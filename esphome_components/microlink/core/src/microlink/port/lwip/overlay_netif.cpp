// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(MICROLINK_LWIP)
#include "microlink/port/lwip/overlay_netif.h"

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "lwip/ip.h"
#include "microlink/port/lwip/overlay_route.h"

namespace microlink::lwip {

namespace {

constexpr uint32_t CGNAT_RANGE = 0x64400000;  // 100.64.0.0/10
constexpr uint32_t CGNAT_MASK = 0xffc00000;
#if LWIP_IPV6
constexpr uint32_t ULA_HIGH = 0xfd7a115c;  // fd7a:115c:a1e0::/48
constexpr uint32_t ULA_NEXT = 0xa1e0;
#endif

ip4_addr_t to_v4(const IpAddress &address) {
  ip4_addr_t out{};
  std::memcpy(&out.addr, address.raw().data(), sizeof(out.addr));
  return out;
}

#if LWIP_IPV6
ip6_addr_t to_v6(const IpAddress &address) {
  ip6_addr_t out{};
  std::memcpy(out.addr, address.raw().data(), sizeof(out.addr));
  return out;
}
#endif

bool is_overlay(const netif &each) { return each.name[0] == 'm' && each.name[1] == 'l'; }

bool is_usable(netif *each) { return is_overlay(*each) && netif_is_up(each) && netif_is_link_up(each); }

}  // namespace

void OverlayNetif::open(Sink &sink) {
  static_assert(std::is_standard_layout_v<OverlayNetif> && offsetof(OverlayNetif, netif_) == 0);
  this->close();
  this->sink_ = &sink;
  this->netif_ = {};
  netif_add_noaddr(&this->netif_, nullptr, init_, ip_input);
  this->be_last_();
  netif_set_link_up(&this->netif_);
}

/// lwIP takes the first interface whose network holds the destination, and puts a new one in front.
void OverlayNetif::be_last_() {
  if (netif_list != &this->netif_ || this->netif_.next == nullptr)
    return;
  netif_list = this->netif_.next;
  netif *last = netif_list;
  while (last->next != nullptr)
    last = last->next;
  last->next = &this->netif_;
  this->netif_.next = nullptr;
}

void OverlayNetif::close() {
  if (this->sink_ == nullptr)
    return;
  netif_remove(&this->netif_);
  this->sink_ = nullptr;
}

err_t OverlayNetif::init_(netif *self) {
  self->name[0] = 'm';
  self->name[1] = 'l';
  self->mtu = MTU;
#if LWIP_IPV6 && LWIP_ND6_ALLOW_RA_UPDATES
  self->mtu6 = MTU;
#endif
  self->output = output4_;
#if LWIP_IPV6
  self->output_ip6 = output6_;
#endif
#if LWIP_IPV6 && LWIP_IPV6_AUTOCONFIG
  netif_set_ip6_autoconfig_enabled(self, 0);
#endif
  return ERR_OK;
}

err_t OverlayNetif::output_(netif *self, const pbuf *packet) {
  auto *overlay = reinterpret_cast<OverlayNetif *>(self);
  return packet->tot_len <= MTU && overlay->sink_->send(*packet) ? ERR_OK : ERR_MEM;
}

err_t OverlayNetif::output4_(netif *self, pbuf *packet, const ip4_addr_t *) { return output_(self, packet); }

#if LWIP_IPV6
err_t OverlayNetif::output6_(netif *self, pbuf *packet, const ip6_addr_t *) { return output_(self, packet); }
#endif

void OverlayNetif::set_addresses(std::span<const Endpoint> addresses) {
  if (this->sink_ == nullptr)
    return;
  ip4_addr_t v4{};
  for (const Endpoint &each : addresses) {
    if (each.address.is_v4())
      v4 = to_v4(each.address);
  }
  // A tailnet with addresses of its own choice has none of the range's routes.
  const bool usual = (lwip_ntohl(v4.addr) & CGNAT_MASK) == CGNAT_RANGE;
  const ip4_addr_t mask{usual ? PP_HTONL(CGNAT_MASK) : IPADDR_BROADCAST};
  const ip4_addr_t no_gateway{};
  netif_set_addr(&this->netif_, &v4, &mask, &no_gateway);
#if LWIP_IPV6
  this->set_v6_(addresses);
#endif
  if (addresses.empty())
    netif_set_down(&this->netif_);
  else
    netif_set_up(&this->netif_);
}

#if LWIP_IPV6
void OverlayNetif::set_v6_(std::span<const Endpoint> addresses) {
  // One after another from slot 0 on, which elsewhere is the link-local address's; the overlay has no such address.
  s8_t slot = 0;
  for (const Endpoint &each : addresses) {
    if (!each.address.is_v6() || slot == LWIP_IPV6_NUM_ADDRESSES)
      continue;
    const ip6_addr_t address = to_v6(each.address);
    if (!ip6_addr_zoneless_eq(&address, netif_ip6_addr(&this->netif_, slot))) {
      netif_ip6_addr_set_state(&this->netif_, slot, IP6_ADDR_INVALID);
      netif_ip6_addr_set(&this->netif_, slot, &address);
    }
    if (!ip6_addr_ispreferred(netif_ip6_addr_state(&this->netif_, slot)))
      netif_ip6_addr_set_state(&this->netif_, slot, IP6_ADDR_PREFERRED);  // nobody else can have it
    slot++;
  }
  for (; slot != LWIP_IPV6_NUM_ADDRESSES; slot++)
    netif_ip6_addr_set_state(&this->netif_, slot, IP6_ADDR_INVALID);
}
#endif

pbuf *OverlayNetif::copy(ByteView packet) {
  if (packet.empty() || packet.size() > UINT16_MAX)
    return nullptr;
  const auto size = static_cast<u16_t>(packet.size());
  pbuf *out = pbuf_alloc(PBUF_RAW, size, PBUF_RAM);
  if (out != nullptr)
    (void) pbuf_take(out, packet.data(), size);
  return out;
}

void OverlayNetif::input(pbuf *packet) {
  if (this->sink_ == nullptr || this->netif_.input(packet, &this->netif_) != ERR_OK)
    pbuf_free(packet);
}

ip_addr_t to_lwip(const IpAddress &address) {
  ip_addr_t out{};
  if (address.is_v4()) {
    IP_SET_TYPE_VAL(out, IPADDR_TYPE_V4);
    *ip_2_ip4(&out) = to_v4(address);
    return out;
  }
#if LWIP_IPV6
  IP_SET_TYPE_VAL(out, IPADDR_TYPE_V6);
  *ip_2_ip6(&out) = to_v6(address);
#endif
  return out;
}

IpAddress from_lwip(const ip_addr_t &address) {
  Bytes<16> raw{};
  if (IP_IS_V4_VAL(address)) {
    std::memcpy(raw.data(), &ip_2_ip4(&address)->addr, 4);
    return IpAddress::from_bytes(ByteView(raw).first(4));
  }
#if LWIP_IPV6
  std::memcpy(raw.data(), ip_2_ip6(&address)->addr, raw.size());
#endif
  return IpAddress::from_bytes(raw);
}

}  // namespace microlink::lwip

extern "C" netif *microlink_overlay_route4(const ip4_addr_t *source, const ip4_addr_t *destination) {
  using namespace microlink::lwip;
  const bool from_any = source == nullptr || ip4_addr_isany(source);
  if (from_any && (lwip_ntohl(destination->addr) & CGNAT_MASK) != CGNAT_RANGE)
    return nullptr;
  netif *each;
  NETIF_FOREACH(each) {
    if (is_usable(each) && (from_any || ip4_addr_eq(source, netif_ip4_addr(each))))
      return each;
  }
  return nullptr;
}

#if LWIP_IPV6
extern "C" netif *microlink_overlay_route6(const ip6_addr_t *source, const ip6_addr_t *destination) {
  using namespace microlink::lwip;
  const bool from_any = source == nullptr || ip6_addr_isany(source);
  if (from_any && (lwip_ntohl(destination->addr[0]) != ULA_HIGH || lwip_ntohl(destination->addr[1]) >> 16 != ULA_NEXT))
    return nullptr;
  netif *each;
  NETIF_FOREACH(each) {
    if (is_usable(each) && (from_any || netif_get_ip6_addr_match(each, source) >= 0))
      return each;
  }
  return nullptr;
}
#endif  // LWIP_IPV6
#endif  // ESP_PLATFORM || MICROLINK_LWIP
