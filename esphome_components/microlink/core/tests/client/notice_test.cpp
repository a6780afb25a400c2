// SPDX-License-Identifier: MIT
#include "microlink/client/notice.h"

#include <gtest/gtest.h>

#include <string>

namespace microlink::client {
namespace {

TEST(Notice, is_what_was_said_last) {
  Notice notice;
  EXPECT_TRUE(notice.empty());
  notice.assign_health("update me", 7);
  EXPECT_TRUE(notice.is_of_control());
  notice.assign("cannot be reached");
  EXPECT_FALSE(notice.is_of_control());
  EXPECT_FALSE(notice.take_back(7)) << "it is not shown any more";
  EXPECT_FALSE(notice.take_back(0));
  EXPECT_FALSE(notice.take_back_all());
  EXPECT_EQ(notice.view(), "cannot be reached");
}

TEST(Notice, is_over_when_control_takes_it_back_and_not_when_it_takes_another_back) {
  Notice notice;
  notice.assign_health("update me", 7);
  EXPECT_FALSE(notice.take_back(8));
  EXPECT_EQ(notice.view(), "update me");
  EXPECT_TRUE(notice.take_back(7));
  EXPECT_TRUE(notice.empty());
  notice.assign_health("update me", 7);
  EXPECT_TRUE(notice.take_back_all());
  EXPECT_TRUE(notice.empty());
}

TEST(Notice, lack_of_memory_is_said_once_and_taken_back_when_it_stands_still) {
  Notice notice;
  EXPECT_FALSE(notice.take_back_little_memory());
  EXPECT_TRUE(notice.assign_little_memory());
  EXPECT_FALSE(notice.assign_little_memory());
  EXPECT_NE(notice.view().find("not enough memory"), std::string_view::npos);
  EXPECT_TRUE(notice.take_back_little_memory());
  EXPECT_TRUE(notice.empty());
  EXPECT_TRUE(notice.assign_little_memory());
  notice.assign_health("update me", 7);
  EXPECT_FALSE(notice.take_back_little_memory());
  EXPECT_EQ(notice.view(), "update me");
}

TEST(Notice, a_page_is_shown_in_words_and_as_it_is) {
  Notice notice;
  EXPECT_TRUE(notice.assign_page("https://control.test/a/b?c=d"));
  EXPECT_EQ(notice.page(), "https://control.test/a/b?c=d");
  EXPECT_NE(notice.view().find("open https://control.test/a/b?c=d"), std::string_view::npos);
  EXPECT_FALSE(notice.assign_page("https://control.test/a/b?c=d")) << "the same again is no news";
  notice.assign_health("something else", 7);
  EXPECT_EQ(notice.page(), "");
}

TEST(Notice, what_is_no_url_for_a_person_is_not_a_page) {
  const std::string front = "https://c.test/";
  for (const std::string &url : {std::string(), std::string("javascript:alert(1)"), front + "a b", front + "\n",
                                 front + "\x1b[2J", front + "\xc3\xa9", front + std::string(MAX_URL_BYTES, 'x')}) {
    Notice notice;
    EXPECT_FALSE(notice.assign_page(url)) << url;
    EXPECT_TRUE(notice.empty());
  }
}

}  // namespace
}  // namespace microlink::client
