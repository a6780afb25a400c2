/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_BENCH_LWIP_CC_H
#define MICROLINK_BENCH_LWIP_CC_H

#include <stdio.h>
#include <stdlib.h>

#define LWIP_RAND() 4 /* nobody guesses anything here */
#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_PLATFORM_DIAG(x) \
  do {                        \
    printf x;                 \
  } while (0)
#define LWIP_PLATFORM_ASSERT(x) \
  do {                          \
    printf("lwIP: %s\n", x);    \
    abort();                    \
  } while (0)

#endif
