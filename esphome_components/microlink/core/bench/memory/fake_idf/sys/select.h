/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_BENCH_SELECT_H
#define MICROLINK_BENCH_SELECT_H

/* As in ESP-IDF: sets of 64 descriptors, where Linux has room for 1,024. */

#include <bits/types/struct_timeval.h>
#include <bits/types/struct_timespec.h>

#define FD_SETSIZE 64
typedef struct fd_set {
  unsigned bits[FD_SETSIZE / 32];
} fd_set;

#define FD_ZERO(set) ((set)->bits[0] = (set)->bits[1] = 0)
#define FD_SET(n, set) ((set)->bits[(n) / 32] |= 1U << (n) % 32)
#define FD_CLR(n, set) ((set)->bits[(n) / 32] &= ~(1U << (n) % 32))
#define FD_ISSET(n, set) ((set)->bits[(n) / 32] >> (n) % 32 & 1U)

#endif
