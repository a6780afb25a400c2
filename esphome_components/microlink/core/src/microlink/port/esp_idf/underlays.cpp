// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/underlays.h"

#include <esp_netif.h>
#include <esp_netif_net_stack.h>

#include <climits>

#include "microlink/port/lwip/on_lwip.h"
#include "microlink/port/lwip/overlay_netif.h"

namespace microlink::esp_idf {

namespace {

/// lwIP's callback brings no context, and a firmware has one node.
Underlays *listening = nullptr;

bool leads_somewhere(esp_netif_t *interface) {
  return esp_netif_is_netif_up(interface) && (esp_netif_get_flags(interface) & ESP_NETIF_DHCP_SERVER) == 0 &&
         esp_netif_get_netif_impl(interface) != nullptr;
}

class List {
 public:
  explicit List(std::span<IpAddress> out) : out_(out) {}
  void add(const IpAddress &address) {
    if (address.is_set() && !address.is_link_local() && !address.is_loopback() && this->count_ != this->out_.size())
      this->out_[this->count_++] = address;
  }
  void add_all(const netif &interface) {
    this->add(lwip::from_lwip(*netif_ip_addr4(&interface)));
#if LWIP_IPV6
    for (s8_t slot = 0; slot != LWIP_IPV6_NUM_ADDRESSES; slot++) {
      if (ip6_addr_isvalid(netif_ip6_addr_state(&interface, slot)))
        this->add(lwip::from_lwip(*netif_ip_addr6(&interface, slot)));
    }
#endif
  }
  size_t count() const { return this->count_; }

 private:
  std::span<IpAddress> out_;
  size_t count_{0};
};

}  // namespace

void Underlays::open(const netif *overlay) {
  lwip::on_lwip([this, overlay] {
    this->overlay_ = overlay;
    listening = this;
    if (!this->is_open_)
      netif_add_ext_callback(&this->callback_, hear_);
    this->is_open_ = true;
  });
}

void Underlays::close() {
  lwip::on_lwip([this] {
    if (this->is_open_)
      netif_remove_ext_callback(&this->callback_);
    this->is_open_ = false;
    listening = nullptr;
  });
}

void Underlays::hear_(netif *interface, netif_nsc_reason_t reason, const netif_ext_callback_args_t *) {
  constexpr unsigned WANTED = LWIP_NSC_NETIF_REMOVED | LWIP_NSC_LINK_CHANGED | LWIP_NSC_STATUS_CHANGED |
                              LWIP_NSC_IPV4_ADDRESS_CHANGED | LWIP_NSC_IPV6_SET | LWIP_NSC_IPV6_ADDR_STATE_CHANGED;
  if (listening == nullptr || interface == listening->overlay_ || (reason & WANTED) == 0)
    return;
  listening->changed_ = true;
  listening->wake_.signal();
}

size_t Underlays::addresses(std::span<IpAddress> out) {
  List list(out);
  lwip::on_lwip([&list] {
    // From the highest priority down; there are a handful of interfaces.
    for (int priority = INT_MAX; priority != INT_MIN;) {
      int next = INT_MIN;
      for (esp_netif_t *each = esp_netif_next_unsafe(nullptr); each != nullptr; each = esp_netif_next_unsafe(each)) {
        const int its = esp_netif_get_route_prio(each);
        if (its == priority && leads_somewhere(each))
          list.add_all(*static_cast<const netif *>(esp_netif_get_netif_impl(each)));
        if (its < priority && its > next)
          next = its;
      }
      priority = next;
    }
  });
  return list.count();
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
