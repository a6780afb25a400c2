// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "lwip/netif.h"
#include "microlink/base/ip.h"
#include "microlink/port/esp_idf/wake.h"

namespace microlink::esp_idf {

/// The interfaces over which the world is reached: Wi-Fi, Ethernet, PPP, whatever ESP-IDF knows as an esp_netif, as
/// many as there are. ESP-IDF makes the one with the highest route_prio that is up the default; what leaves takes that
/// way, so a failover and the way back need nothing here but to be told of.
class Underlays {
 public:
  explicit Underlays(Wake &wake) : wake_(wake) {}
  ~Underlays() { this->close(); }
  Underlays(const Underlays &) = delete;
  Underlays &operator=(const Underlays &) = delete;

  /// Hear of links, interfaces and addresses that come and go, except for those of `overlay`.
  void open(const netif *overlay);
  void close();
  bool take_change() { return this->changed_.exchange(false); }
  /// Addresses in the order of route_prio: IPv4, and IPv6 other than link-local. Interfaces that hand out addresses (an
  /// access point of one's own) lead nowhere and are left out. How many.
  static size_t addresses(std::span<IpAddress> out);

 private:
  static void hear_(netif *interface, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args);

  Wake &wake_;
  netif_ext_callback_t callback_{};
  const netif *overlay_{nullptr};
  bool is_open_{false};
  std::atomic<bool> changed_{false};
};

}  // namespace microlink::esp_idf
