/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_BENCH_LWIPOPTS_H
#define MICROLINK_BENCH_LWIPOPTS_H

/* lwIP as ESP-IDF configures it, as far as a packet of the overlay meets it: a thread of its own, the core's lock,
 * memory from a heap (lwIP's own: picolibc's malloc() clears what it gives, which a chip's does not). */

#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_UDP 1
#define LWIP_TCP 0
#define LWIP_RAW 0
#define LWIP_ETHERNET 0
#define LWIP_ARP 0
#define LWIP_IPV6_NUM_ADDRESSES 3
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_MLD 0
#define IP_REASSEMBLY 0
#define LWIP_HOOK_FILENAME "microlink/port/lwip/overlay_route.h"
#define LWIP_HOOK_IP4_ROUTE_SRC(source, destination) microlink_overlay_route4(source, destination)
#define LWIP_HOOK_IP6_ROUTE(source, destination) microlink_overlay_route6(source, destination)

#define MEM_ALIGNMENT 4
#define MEM_LIBC_MALLOC 0
#define MEM_SIZE 16000
#define MEMP_MEM_MALLOC 1
#define PBUF_POOL_SIZE 0
#define PBUF_LINK_HLEN 14
#define TCPIP_MBOX_SIZE 32
#define TCPIP_THREAD_STACKSIZE 3072
#define TCPIP_THREAD_TEST 1 /* its turns are run by hand */
#define CHECKSUM_CHECK_IP 0 /* the packets of the recording have none */
#define LWIP_STATS 0

#endif
