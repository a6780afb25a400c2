/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_TESTS_HOOKS_H
#define MICROLINK_TESTS_HOOKS_H

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

#ifdef __cplusplus
extern "C" {
#endif
struct netif *fake_idf_route4(const ip4_addr_t *source, const ip4_addr_t *destination);
struct netif *lwip_hook_ip6_route(const ip6_addr_t *source, const ip6_addr_t *destination);
#ifdef __cplusplus
}
#endif

#endif
