// SPDX-License-Identifier: MIT
#include "microlink/json/writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/vectors.h"

namespace microlink::json {
namespace {

TEST(JsonWriter, writes_nested_values_with_commas) {
  Bytes<256> room;
  Writer out(room);
  out.begin_object().key("a").integer(-5).key("b").begin_array().string("x").null().begin_object().end_object();
  out.boolean(true).end_array().key("c").raw("{\"k\":1}").end_object();
  ASSERT_TRUE(out.is_complete());
  EXPECT_EQ(out.text(), R"({"a":-5,"b":["x",null,{},true],"c":{"k":1}})");
}

TEST(JsonWriter, escapes_so_that_another_parser_reads_it_back) {
  std::string text = "quote\" back\\ / \x7f \xc3\xa9";
  for (char c = 1; c != 0x20; c++)
    text += c;
  Bytes<512> room;
  Writer out(room);
  out.begin_array().string(text).end_array();
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(testing::parse_json(std::string(out.text()))[size_t{0}].text(), text);
}

TEST(JsonWriter, integers_at_the_ends_of_their_range) {
  Bytes<64> room;
  Writer out(room);
  out.begin_array().integer(INT64_MIN).integer(INT64_MAX).integer(0).end_array();
  EXPECT_EQ(out.text(), "[-9223372036854775808,9223372036854775807,0]");
}

TEST(JsonWriter, is_not_ok_at_every_size_that_is_too_small) {
  const std::string_view whole = R"({"key":["v\n",12]})";
  for (size_t n = 0; n <= whole.size() + 4; n++) {
    std::vector<uint8_t> room(n);
    Writer out(room);
    out.begin_object().key("key").begin_array().string("v\n").integer(12).end_array().end_object();
    const bool fits = n >= whole.size() + 4;  // the escape is \u000a
    EXPECT_EQ(out.ok(), fits) << n;
  }
}

TEST(JsonWriter, refuses_what_makes_no_sense) {
  Bytes<256> room;
  const auto refused = [&](auto write) {
    Writer out(room);
    write(out);
    return !out.ok();
  };
  EXPECT_TRUE(refused([](Writer &w) { w.begin_object().integer(1); }));
  EXPECT_TRUE(refused([](Writer &w) { w.begin_array().key("a"); }));
  EXPECT_TRUE(refused([](Writer &w) { w.begin_object().key("a").key("b"); }));
  EXPECT_TRUE(refused([](Writer &w) { w.begin_object().key("a").end_object(); }));
  EXPECT_TRUE(refused([](Writer &w) { w.begin_object().end_array(); }));
  EXPECT_TRUE(refused([](Writer &w) { w.end_object(); }));
  EXPECT_TRUE(refused([](Writer &w) { w.integer(1).integer(2); }));
  EXPECT_TRUE(refused([](Writer &w) { w.key("a"); }));
  EXPECT_TRUE(refused([](Writer &w) {
    for (size_t i = 0; i != Writer::MAX_DEPTH + 1; i++)
      w.begin_array();
  }));
  EXPECT_FALSE(refused([](Writer &w) {
    for (size_t i = 0; i != Writer::MAX_DEPTH; i++)
      w.begin_array();
  }));
  Writer open(room);
  open.begin_array();
  EXPECT_TRUE(open.ok());
  EXPECT_FALSE(open.is_complete());
}

}  // namespace
}  // namespace microlink::json
