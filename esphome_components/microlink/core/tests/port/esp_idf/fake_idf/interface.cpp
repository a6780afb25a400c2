// SPDX-License-Identifier: MIT
#include "interface.h"

#include <cstring>

#include "esp_netif_net_stack.h"
#include "hooks.h"
#include "lwip/prot/ip4.h"
#include "microlink/port/lwip/on_lwip.h"
#include "microlink/port/lwip/overlay_netif.h"

namespace fake_idf {

using microlink::IpAddress;
using microlink::lwip::on_lwip;

namespace {

esp_netif_obj *first = nullptr;  // lwIP's thread, or with its lock

void elect_default() {
  esp_netif_obj *best = nullptr;
  for (esp_netif_obj *each = first; each != nullptr; each = each->next) {
    if (netif_is_up(&each->lwip) && (best == nullptr || each->route_prio > best->route_prio))
      best = each;
  }
  netif_set_default(best != nullptr ? &best->lwip : nullptr);
}

ip4_addr_t v4_of(const IpAddress &address) {
  return *ip_2_ip4(&static_cast<const ip_addr_t &>(microlink::lwip::to_lwip(address)));
}

}  // namespace

Interface::Interface(const char *name, int route_prio, const IpAddress &address, esp_netif_flags_t flags) {
  on_lwip([&] {
    this->object_.route_prio = route_prio;
    this->object_.flags = flags;
    this->object_.next = first;
    first = &this->object_;
    const ip4_addr_t own = v4_of(address);
    const ip4_addr_t mask{PP_HTONL(0xffffff00)};
    const ip4_addr_t none{};
    netif *lwip = &this->object_.lwip;
    netif_add(
        lwip, &own, &mask, &none, this,
        [](netif *self) -> err_t {
          self->output = output_;
          self->mtu = 1500;
          return ERR_OK;
        },
        tcpip_input);
    std::memcpy(lwip->name, name, sizeof(lwip->name));
    netif_set_link_up(lwip);
    netif_set_up(lwip);
    elect_default();
  });
}

Interface::~Interface() {
  on_lwip([this] {
    for (esp_netif_obj **each = &first; *each != nullptr; each = &(*each)->next) {
      if (*each == &this->object_) {
        *each = this->object_.next;
        break;
      }
    }
    netif_set_down(&this->object_.lwip);
    elect_default();
  });
  // What is on its way back to it is still there, and so is lwIP's message that says so.
  sys_sem_t done;
  (void) sys_sem_new(&done, 0);
  (void) tcpip_callback([](void *sem) { sys_sem_signal(static_cast<sys_sem_t *>(sem)); }, &done);
  sys_sem_wait(&done);
  sys_sem_free(&done);
  on_lwip([this] {
    netif_poll(&this->object_.lwip);
    netif_remove(&this->object_.lwip);
  });
}

void Interface::set_up(bool up) {
  on_lwip([&] {
    up ? netif_set_up(&this->object_.lwip) : netif_set_down(&this->object_.lwip);
    elect_default();
  });
}

void Interface::set_address(const IpAddress &address) {
  on_lwip([&] {
    const ip4_addr_t own = v4_of(address);
    netif_set_ipaddr(&this->object_.lwip, &own);
  });
}

size_t Interface::sent_from(const IpAddress &source) const {
  return this->last_source_ == v4_of(source).addr ? this->sent_.load() : 0;
}

err_t Interface::output_(netif *self, pbuf *packet, const ip4_addr_t *) {
  auto &interface = *static_cast<Interface *>(self->state);
  ip_hdr header;
  if (pbuf_copy_partial(packet, &header, sizeof(header), 0) != sizeof(header))
    return ERR_ARG;
  if (interface.last_source_.exchange(header.src.addr) != header.src.addr)
    interface.sent_ = 0;
  interface.sent_++;
  return ERR_OK;
}

}  // namespace fake_idf

extern "C" {
bool esp_netif_is_netif_up(esp_netif_t *interface) { return netif_is_up(&interface->lwip); }
esp_netif_flags_t esp_netif_get_flags(esp_netif_t *interface) { return interface->flags; }
int esp_netif_get_route_prio(esp_netif_t *interface) { return interface->route_prio; }
esp_netif_t *esp_netif_next_unsafe(esp_netif_t *interface) {
  LWIP_ASSERT_CORE_LOCKED();
  return interface == nullptr ? fake_idf::first : interface->next;
}
void *esp_netif_get_netif_impl(esp_netif_t *interface) { return &interface->lwip; }

netif *fake_idf_route4(const ip4_addr_t *source, const ip4_addr_t *) {
  if (source == nullptr || ip4_addr_isany(source))
    return nullptr;
  netif *each;
  NETIF_FOREACH(each) {
    if (netif_is_up(each) && netif_is_link_up(each) && ip4_addr_eq(source, netif_ip4_addr(each)))
      return each;
  }
  return nullptr;
}
}
