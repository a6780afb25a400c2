/* SPDX-License-Identifier: MIT */
#pragma once
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif
typedef struct esp_netif_obj esp_netif_t;
typedef enum { ESP_NETIF_DHCP_CLIENT = 1, ESP_NETIF_DHCP_SERVER = 2, ESP_NETIF_FLAG_AUTOUP = 4 } esp_netif_flags_t;

bool esp_netif_is_netif_up(esp_netif_t *interface);
esp_netif_flags_t esp_netif_get_flags(esp_netif_t *interface);
int esp_netif_get_route_prio(esp_netif_t *interface);
/* On lwIP's thread, or with its lock. */
esp_netif_t *esp_netif_next_unsafe(esp_netif_t *interface);
#ifdef __cplusplus
}
#endif
