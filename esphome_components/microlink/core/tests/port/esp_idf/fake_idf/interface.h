// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <string>

#include "esp_netif.h"
#include "lwip/netif.h"
#include "microlink/base/ip.h"

/// An interface as esp_netif knows it, with lwIP's behind it.
struct esp_netif_obj {
  netif lwip{};
  int route_prio{0};
  esp_netif_flags_t flags{ESP_NETIF_DHCP_CLIENT};
  esp_netif_obj *next{nullptr};
};

namespace fake_idf {

/// An interface of the firmware: Wi-Fi, Ethernet. As with ESP-IDF, the one with the highest priority that is up is
/// lwIP's default. What it sends to its own address comes back, all else is counted and gone.
class Interface {
 public:
  Interface(const char *name, int route_prio, const microlink::IpAddress &address,
            esp_netif_flags_t flags = ESP_NETIF_DHCP_CLIENT);
  ~Interface();
  Interface(const Interface &) = delete;
  Interface &operator=(const Interface &) = delete;

  void set_up(bool up);
  void set_address(const microlink::IpAddress &address);
  /// Packets that have left, by IPv4 address of their source.
  size_t sent_from(const microlink::IpAddress &source) const;

 private:
  static err_t output_(netif *self, pbuf *packet, const ip4_addr_t *to);

  esp_netif_obj object_;
  std::atomic<size_t> sent_{0};
  std::atomic<uint32_t> last_source_{0};
};

}  // namespace fake_idf
