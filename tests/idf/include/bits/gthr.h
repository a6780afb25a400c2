/* SPDX-License-Identifier: MIT
 * Debian's C++ headers for newlib know no threads; the chips' know POSIX ones. */
#pragma once
#define _GLIBCXX_HAS_GTHREADS 1
#define _GLIBCXX_GTHREAD_USE_WEAK 0
#include <bits/gthr-posix.h>
