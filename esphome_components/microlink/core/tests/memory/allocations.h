// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace microlink::testing {

/// What was taken from the heap while a Watch lived, TLS apart.
struct Allocations {
  size_t calls{0};
  size_t live{0};  ///< bytes taken and not given back, both while watched
  size_t peak{0};
};

/// Counts malloc and what is made of it (new, calloc) in its scope. TLS counts apart once watch_tls() was called.
class Watch {
 public:
  Watch();
  ~Watch();
  Watch(const Watch &) = delete;
};

/// Nothing is counted in its scope, within that of a Watch.
class Unwatched {
 public:
  Unwatched();
  ~Unwatched();
  Unwatched(const Unwatched &) = delete;

 private:
  const int watches_;
};

/// Route mbedTLS's allocations through a counter of their own. Before anything of TLS is made.
void watch_tls();
Allocations allocations();
Allocations tls_allocations();
void reset_allocations();
/// What is live stays; calls and peaks count from now on.
void reset_peaks();

}  // namespace microlink::testing
