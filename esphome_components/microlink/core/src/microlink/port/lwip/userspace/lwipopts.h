/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_LWIP_LWIPOPTS_H
#define MICROLINK_LWIP_LWIPOPTS_H

/* lwIP for the stack in userspace: one thread, callbacks, IPv4 and IPv6 on a network without a link layer.
 * On ESP32 the firmware's own options are used instead of this file. */

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_RAW 1 /* ping's answers */
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_REASS 1
#define IPV6_FRAG_COPYHEADER 1 /* pointers of 64 bits do not fit where a fragment's header was */

/* There is no link: nobody to ask for an address, a neighbour or a router. */
#define LWIP_ETHERNET 0
#define LWIP_ARP 0
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_ACD 0
#define LWIP_DNS 0
#define LWIP_IGMP 0
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_DHCP6 0
#define LWIP_IPV6_NUM_ADDRESSES 3
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0

/* A packet leaves through the interface whose address it carries. */
#define LWIP_HOOK_FILENAME "microlink/port/lwip/overlay_route.h"
#define LWIP_HOOK_IP4_ROUTE_SRC(src, dest) microlink_overlay_route4(src, dest)
#define LWIP_HOOK_IP6_ROUTE(src, dest) microlink_overlay_route6(src, dest)
#define LWIP_HOOK_TCP_ISN(local, lport, remote, rport) ((u32_t) arc4random())

/* Packets come from the system's heap: 64 connections with full buffers are 64 * (TCP_WND + TCP_SND_BUF) = 12 MiB.
 * Everything that is counted comes from pools of a fixed size, which refuse when they are empty. */
#define MEM_LIBC_MALLOC 1
#define MEM_ALIGNMENT 8
#define MEM_SIZE (32 * 1024 * 1024)
#if defined(__SANITIZE_ADDRESS__)
#define MEMP_MEM_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMP_MEM_MALLOC 1
#endif
#endif
#define MEMP_NUM_TCP_PCB 160 /* 2 * 32 spliced, the others wait or linger; the eldest that lingers makes room */
#define MEMP_NUM_TCP_PCB_LISTEN 40
#define MEMP_NUM_TCP_SEG 8192
#define MEMP_NUM_UDP_PCB 40
#define MEMP_NUM_RAW_PCB 4
#define MEMP_NUM_PBUF 256
#define MEMP_NUM_REASSDATA 8
#define MEMP_NUM_FRAG_PBUF 64
#define PBUF_POOL_SIZE 0
#define PBUF_LINK_HLEN 0

#define TCP_MSS 1240 /* MTU 1280 */
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (128 * 1024)
#define TCP_SND_BUF (64 * 1024)
#define TCP_SND_QUEUELEN 256
#define TCP_SNDLOWAT (TCP_SND_BUF / 2)
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 128 /* of each connection */
#define LWIP_TCP_SACK_OUT 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 16
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define LWIP_TCP_RTO_TIME 1000 /* RFC 6298, section 2.1 */

/* The first local port is the one after a random one. lwIP's own range begins at 65535 once in 16384 starts: the next
 * port is 0 then, and the first connection fails. */
#define TCP_LOCAL_PORT_RANGE_START 0xc000
#define TCP_LOCAL_PORT_RANGE_END 0xffff /* not a part of it */
#define TCP_ENSURE_LOCAL_PORT_RANGE(random) \
  ((u16_t) (TCP_LOCAL_PORT_RANGE_START + (random) % (TCP_LOCAL_PORT_RANGE_END - TCP_LOCAL_PORT_RANGE_START)))

#define LWIP_STATS 0
#define LWIP_PERF 0

#endif
