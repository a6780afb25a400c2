/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_LWIP_ARCH_CC_H
#define MICROLINK_LWIP_ARCH_CC_H

/* lwIP's view of a Linux system with GCC or clang; all the rest is as lwIP guesses it. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

/* Ports, sequence numbers and transaction ids that nobody can guess. */
#define LWIP_RAND() ((u32_t) arc4random())

#define LWIP_PLATFORM_DIAG(x) \
  do {                        \
    printf x;                 \
  } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                   \
  do {                                                            \
    fprintf(stderr, "lwIP: %s (%s:%d)\n", x, __FILE__, __LINE__); \
    abort();                                                      \
  } while (0)

#endif
