// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(MICROLINK_LWIP)
#include "microlink/port/lwip/overlay_netif.h"

#include <cstring>

#include "lwip/ip.h"
#include "microlink/port/lwip/overlay_route.h"

namespace microlink::lwip {

namespace {

constexpr uint32_t CGNAT_RANGE = 0x64400000;  // 100.64.0.0/10
constexpr uint32_t CGNAT_MASK = 0xffc00000;
constexpr uint32_t ULA_HIGH = 0xfd7a115c;  // fd7a:115c:a1e0::/48
constexpr uint32_t ULA_NEXT = 0xa1e0;

ip4_addr_t to_v4(const IpAddress &address) {
  ip4_addr_t out{};
  std::memcpy(&out.addr, address.raw().data(), sizeof(out.addr));
  return out;
}

ip6_addr_t to_v6(const IpAddress &address) {
  ip6_addr_t out{};
  std::memcpy(out.addr, address.raw().data(), sizeof(out.addr));
  return out;
}

bool is_overlay(const netif &each) { return each.name[0] == 'm' && each.name[1] == 'l'; }

bool is_usable(netif *each) { return is_overlay(*each) && netif_is_up(each) && netif_is_link_up(each); }

}  // namespace

void OverlayNetif::open(Sink &sink) {
  this->close();
  this->sink_ = &sink;
  this->netif_ = {};
  netif_add_noaddr(&this->netif_, this, init_, ip_input);
  netif_set_link_up(&this->netif_);
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
  self->output_ip6 = output6_;
#if LWIP_IPV6 && LWIP_IPV6_AUTOCONFIG
  netif_set_ip6_autoconfig_enabled(self, 0);
#endif
  return ERR_OK;
}

err_t OverlayNetif::output_(netif *self, const pbuf *packet) {
  auto *overlay = static_cast<OverlayNetif *>(self->state);
  return packet->tot_len <= MTU && overlay->sink_->send(*packet) ? ERR_OK : ERR_MEM;
}

err_t OverlayNetif::output4_(netif *self, pbuf *packet, const ip4_addr_t *) { return output_(self, packet); }

err_t OverlayNetif::output6_(netif *self, pbuf *packet, const ip6_addr_t *) { return output_(self, packet); }

void OverlayNetif::set_addresses(std::span<const Endpoint> addresses) {
  if (this->sink_ == nullptr)
    return;
  ip4_addr_t v4{};
  for (const Endpoint &each : addresses) {
    if (each.address.is_v4())
      v4 = to_v4(each.address);
  }
  const ip4_addr_t all_bits{IPADDR_BROADCAST};
  const ip4_addr_t no_gateway{};
  netif_set_addr(&this->netif_, &v4, &all_bits, &no_gateway);
  this->set_v6_(addresses);
  if (addresses.empty())
    netif_set_down(&this->netif_);
  else
    netif_set_up(&this->netif_);
}

void OverlayNetif::set_v6_(std::span<const Endpoint> addresses) {
  // Slot 0 is for a link-local address, which the overlay has none of.
  for (s8_t slot = 0; slot != LWIP_IPV6_NUM_ADDRESSES; slot++) {
    if (ip6_addr_isinvalid(netif_ip6_addr_state(&this->netif_, slot)))
      continue;
    bool stays = false;
    for (const Endpoint &each : addresses) {
      const ip6_addr_t address = to_v6(each.address);
      stays = stays || (each.address.is_v6() && ip6_addr_zoneless_eq(&address, netif_ip6_addr(&this->netif_, slot)));
    }
    if (!stays)
      netif_ip6_addr_set_state(&this->netif_, slot, IP6_ADDR_INVALID);
  }
  for (const Endpoint &each : addresses) {
    if (!each.address.is_v6())
      continue;
    const ip6_addr_t address = to_v6(each.address);
    s8_t slot = -1;
    if (netif_add_ip6_address(&this->netif_, &address, &slot) == ERR_OK && slot >= 0 &&
        !ip6_addr_ispreferred(netif_ip6_addr_state(&this->netif_, slot)))
      netif_ip6_addr_set_state(&this->netif_, slot, IP6_ADDR_PREFERRED);  // nobody else can have it
  }
}

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
  } else {
    IP_SET_TYPE_VAL(out, IPADDR_TYPE_V6);
    *ip_2_ip6(&out) = to_v6(address);
  }
  return out;
}

IpAddress from_lwip(const ip_addr_t &address) {
  Bytes<16> raw{};
  if (IP_IS_V4_VAL(address)) {
    std::memcpy(raw.data(), &ip_2_ip4(&address)->addr, 4);
    return IpAddress::from_bytes(ByteView(raw).first(4));
  }
  std::memcpy(raw.data(), ip_2_ip6(&address)->addr, raw.size());
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
#endif  // ESP_PLATFORM || MICROLINK_LWIP
