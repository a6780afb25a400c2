/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_TESTS_LWIPOPTS_H
#define MICROLINK_TESTS_LWIPOPTS_H

/* lwIP as ESP-IDF configures it, as far as upstream has the option: a thread, sockets, small buffers, memory of the
 * heap, and every call checked for its thread. LWIP_TCPIP_CORE_LOCKING comes from the command line. */

#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()
#define LWIP_NETCONN_SEM_PER_THREAD 1
#define LWIP_NETCONN 1
#define LWIP_SOCKET 1
#define LWIP_COMPAT_SOCKETS 0 /* fake_idf/lwip/sockets.h has them as functions, as ESP-IDF does */
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
#define LWIP_SOCKET_OFFSET 200 /* no descriptor of the kernel's */
#define LWIP_SO_RCVTIMEO 1
#define LWIP_SO_RCVBUF 1
#define SO_REUSE 1

#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ICMP 1
#define LWIP_RAW 1
#define LWIP_DNS 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_REASS 1
#define IPV6_FRAG_COPYHEADER 1 /* pointers of 64 bits do not fit where a fragment's header was */
#define LWIP_IPV6_NUM_ADDRESSES 3
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_ETHERNET 0
#define LWIP_ARP 0
#define LWIP_DHCP 0
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1

/* ESP-IDF's hooks: IPv4 leaves through the interface that has its source; for IPv6 the firmware is asked. */
#define LWIP_HOOK_FILENAME "hooks.h"
#define LWIP_HOOK_IP4_ROUTE_SRC(source, destination) fake_idf_route4(source, destination)
#define LWIP_HOOK_IP6_ROUTE(source, destination) lwip_hook_ip6_route(source, destination)

#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC fake_idf_malloc
#define MEM_CUSTOM_CALLOC fake_idf_calloc
#define MEM_CUSTOM_FREE fake_idf_free
#define MEMP_MEM_MALLOC 1
#define MEMP_NUM_NETCONN 32
#define MEMP_NUM_TCP_PCB 32
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_UDP_PCB 32
#define PBUF_POOL_SIZE 0
#define PBUF_LINK_HLEN 0
#define TCPIP_MBOX_SIZE 32
#define TCPIP_THREAD_STACKSIZE 4096
#define TCPIP_THREAD_PRIO 1
#define DEFAULT_UDP_RECVMBOX_SIZE 6
#define DEFAULT_TCP_RECVMBOX_SIZE 6
#define DEFAULT_RAW_RECVMBOX_SIZE 6
#define DEFAULT_ACCEPTMBOX_SIZE 6

#define TCP_MSS 1440
#define TCP_WND 5760
#define TCP_SND_BUF 5760
#define TCP_SND_QUEUELEN (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_KEEPALIVE 1
#define TCP_MSL 100 /* ms; the chip's is a minute, too long to see that everything was given back */
#define TCP_TMR_INTERVAL 50

/* What is taken and not given back. */
#define LWIP_STATS 1
#define LWIP_STATS_DISPLAY 1 /* names */
#define MEM_STATS 0          /* counted without a lock: fake_idf/memory.h does it instead */
#define MEMP_STATS 1
#define SYS_STATS 0 /* counted without a lock as well */
#define LINK_STATS 0
#define IP_STATS 0
#define IP6_STATS 0
#define ICMP_STATS 0
#define ICMP6_STATS 0
#define TCP_STATS 0
#define UDP_STATS 0
#define ND6_STATS 0
#define MLD6_STATS 0
#define IPFRAG_STATS 0
#define IP6_FRAG_STATS 0

#ifdef __cplusplus
extern "C" {
#endif
void sys_check_core_locking(void);
#include <stddef.h>
void *fake_idf_malloc(size_t size);
void *fake_idf_calloc(size_t count, size_t size);
void fake_idf_free(void *memory);
#ifdef __cplusplus
}
#endif

#endif
