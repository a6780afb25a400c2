// SPDX-License-Identifier: MIT
#include "microlink/http/date.h"

#include <gtest/gtest.h>

namespace microlink::http {
namespace {

TEST(HttpDate, reads_the_one_form_that_is_sent) {
  EXPECT_EQ(to_unix_seconds(*parse_date("Sun, 06 Nov 1994 08:49:37 GMT")), 784'111'777);
  EXPECT_EQ(to_unix_seconds(*parse_date("Thu, 29 Feb 2024 23:59:60 GMT")), 1'709'251'200);
  EXPECT_EQ(to_unix_seconds(*parse_date("Fri, 31 Dec 9999 23:59:59 GMT")), 253'402'300'799);
}

TEST(HttpDate, refuses_everything_else) {
  const std::string_view good = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (size_t n = 0; n != good.size(); n++)
    EXPECT_FALSE(parse_date(good.substr(0, n))) << n;
  for (const char *bad :
       {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov +994 08:49:37 GMT"})
    EXPECT_FALSE(parse_date(bad)) << bad;
}

}  // namespace
}  // namespace microlink::http
