// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "microlink/base/ip.h"
#include "microlink/base/time.h"
#include "microlink/port/lwip/on_lwip.h"

namespace microlink::chip_test {

using lwip::on_lwip;

/// lwIP's thread runs from the first call on, as on a chip to the end.
void start_lwip();

/// For tests whose members need lwIP.
class OnLwip : public ::testing::Test {
 protected:
  OnLwip() { start_lwip(); }
};

/// What lwIP has taken of its memory and not given back: a line for each kind.
std::string lwip_usage();

/// Wait for it, half a minute at most. Whether it came.
bool wait_until(const std::function<bool()> &done);

/// Stands on lwIP's thread: nothing that others send to it is worked off meanwhile.
class HeldLwip {
 public:
  HeldLwip();
  ~HeldLwip();

 private:
  sys_sem_t held_;
  sys_sem_t go_;
};

inline const IpAddress FIRST_V4 = IpAddress::v4(100, 64, 0, 1);
inline const IpAddress SECOND_V4 = IpAddress::v4(100, 64, 0, 2);
inline const IpAddress FIRST_V6 = *parse_ip("fd7a:115c:a1e0::1");
inline const IpAddress SECOND_V6 = *parse_ip("fd7a:115c:a1e0::2");

}  // namespace microlink::chip_test
