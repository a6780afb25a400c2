// SPDX-License-Identifier: MIT
#include "microlink/base/ip.h"

#include <gtest/gtest.h>

namespace microlink {
namespace {

TEST(Ip, round_trips_text) {
  for (const char *text : {"1.2.3.4", "0.0.0.0", "255.255.255.255", "::", "::1", "fd7a:115c:a1e0::1",
                           "2001:db8::1:0:0:1", "fe80::1", "1:2:3:4:5:6:7:8", "1:0:2:3:4:5:6:7"}) {
    const auto ip = parse_ip(text);
    ASSERT_TRUE(ip) << text;
    EXPECT_EQ(to_text(*ip).view(), text);
  }
}

TEST(Ip, reads_a_v4_tail) { EXPECT_EQ(*parse_ip("::ffff:1.2.3.4"), IpAddress::v4(1, 2, 3, 4)); }

TEST(Ip, rejects_what_is_no_address) {
  for (const char *text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3", ":", ":::", "1:2", "1::2::3",
                           "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", "g::1", "1.2.3.4 "})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(Ip, endpoints) {
  EXPECT_EQ(to_text(*parse_endpoint("1.2.3.4:41641")).view(), "1.2.3.4:41641");
  EXPECT_EQ(to_text(*parse_endpoint("[2001:db8::1]:1")).view(), "[2001:db8::1]:1");
  for (const char *text : {"1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "::1:5", "[::1]", "[1.2.3.4]:5", "1.2.3.4:-1"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(Ip, prefixes_contain) {
  const auto in = [](const char *prefix, const char *ip) { return parse_prefix(prefix)->contains(*parse_ip(ip)); };
  EXPECT_TRUE(in("100.64.0.0/10", "100.127.255.255"));
  EXPECT_FALSE(in("100.64.0.0/10", "100.128.0.0"));
  EXPECT_TRUE(in("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(in("0.0.0.0/0", "::1"));
  EXPECT_FALSE(in("::/0", "8.8.8.8"));
  EXPECT_TRUE(in("fd7a:115c:a1e0::/48", "fd7a:115c:a1e0:1::2"));
  EXPECT_TRUE(in("1.2.3.4", "1.2.3.4"));
  EXPECT_FALSE(in("1.2.3.4", "1.2.3.5"));
  EXPECT_FALSE(parse_prefix("1.2.3.4/33"));
  EXPECT_FALSE(parse_prefix("::/129"));
  EXPECT_TRUE(has_no_host_bits(*parse_prefix("10.0.0.0/8")));
  EXPECT_FALSE(has_no_host_bits(*parse_prefix("10.0.0.1/8")));
}

}  // namespace
}  // namespace microlink
