// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/idf_system.h"

#include <esp_timer.h>
#include <sdkconfig.h>
#include <sys/time.h>

#include "microlink/port/lwip/overlay_route.h"

#if NO_SYS
#error "microlink needs lwIP's sockets"
#endif

namespace microlink::esp_idf {

namespace {

constexpr int64_t EARLIEST_WALL_SECONDS = 1'704'067'200;  // 2024-01-01: an earlier clock was never set

}  // namespace

const char *IdfSystem::open() {
  const char *problem = "";
  if (!this->records_.open())
    problem = "the flash's key-value store (NVS) cannot be opened";
  else if (!this->wake_.open())
    problem = "no socket is left to wake the node with";
  else if (!this->overlay_.open())
    problem = "no memory for the tailnet's interface";
  if (*problem != '\0')
    this->close();
  else
    this->underlays_.open(this->overlay_.interface());
  return problem;
}

void IdfSystem::close() {
  this->underlays_.close();
  this->overlay_.close();
  this->wake_.close();
  this->records_.close();
}

Instant IdfSystem::now() { return static_cast<Instant>(esp_timer_get_time()); }

WallTime IdfSystem::wall_now() {
  timeval now{};
  if (::gettimeofday(&now, nullptr) != 0 || now.tv_sec < EARLIEST_WALL_SECONDS)
    return WallTime::UNKNOWN;
  return wall_seconds(now.tv_sec) + microseconds(now.tv_usec);
}

}  // namespace microlink::esp_idf

#if LWIP_IPV6 && (defined(CONFIG_LWIP_HOOK_IP6_ROUTE_DEFAULT) || defined(CONFIG_LWIP_HOOK_IP6_ROUTE_CUSTOM))
/// ESP-IDF's name for the hook, whose weak default this replaces.
extern "C" netif *lwip_hook_ip6_route(const ip6_addr_t *source, const ip6_addr_t *destination) {
  return microlink_overlay_route6(source, destination);
}
#endif
#endif  // ESP_PLATFORM
