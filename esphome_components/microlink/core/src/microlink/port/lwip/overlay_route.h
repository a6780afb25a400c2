/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_PORT_LWIP_OVERLAY_ROUTE_H
#define MICROLINK_PORT_LWIP_OVERLAY_ROUTE_H

/* For lwIP's options LWIP_HOOK_IP4_ROUTE_SRC and LWIP_HOOK_IP6_ROUTE; C, because lwIP includes it. */

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The overlay's interface for packets from one of its addresses, or without a source yet (null, or all zero) for those
 * to the tailnet's ranges (100.64.0.0/10, fd7a:115c:a1e0::/48); null for all others, which go their usual way. */
struct netif *microlink_overlay_route4(const ip4_addr_t *source, const ip4_addr_t *destination);
#if LWIP_IPV6
struct netif *microlink_overlay_route6(const ip6_addr_t *source, const ip6_addr_t *destination);
#endif

#ifdef __cplusplus
}
#endif

#endif
