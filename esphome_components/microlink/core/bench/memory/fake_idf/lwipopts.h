/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_BENCH_LWIPOPTS_H
#define MICROLINK_BENCH_LWIPOPTS_H

#include_next <lwipopts.h>

#undef LWIP_SOCKET_OFFSET
#define LWIP_SOCKET_OFFSET 32 /* with MEMP_NUM_NETCONN the 64 of sys/select.h */

#endif
