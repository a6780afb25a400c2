// SPDX-License-Identifier: MIT
#include "microlink/netmap/allowlist.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/netmap/bench.h"

namespace microlink::netmap {
namespace {

using testing::key_text;

std::string text_of(const Allowlist &list) {
  std::string out = list.is_everybody() ? "*" : "";
  for (size_t i = 0; i != list.size(); i++)
    out += (out.empty() ? "" : " ") + std::string(list.text(i).view());
  return out;
}

TEST(Allowlist, lets_everybody_in_until_it_is_told_otherwise) {
  Allowlist list;
  EXPECT_TRUE(list.is_everybody());
  ASSERT_EQ(list.assign(" ,\n"), Error::NONE);
  EXPECT_FALSE(list.is_everybody());
  EXPECT_EQ(list, Allowlist::nobody());
  ASSERT_EQ(list.assign("*"), Error::NONE);
  EXPECT_EQ(list, Allowlist{});
}

TEST(Allowlist, entries_read_back_as_they_are_meant) {
  const std::string key = key_text("nodekey:", 7);
  const struct {
    std::string given;
    std::string shown;
  } cases[] = {{"Phone", "phone"},
               {"phone.T.ts.net.", "phone.t.ts.net"},
               {"tag:Server", "tag:server"},
               {"my_phone-2", "my_phone-2"},
               {"100.64.0.7", "100.64.0.7"},
               {"100.64.0.7/32", "100.64.0.7"},
               {"100.64.0.0/10", "100.64.0.0/10"},
               {"0.0.0.0/0", "0.0.0.0/0"},
               {"FD7A::1", "fd7a::1"},
               {"fd7a:115c:a1e0::/48", "fd7a:115c:a1e0::/48"},
               {key, key}};
  std::string all;
  for (const auto &each : cases) {
    Allowlist list;
    ASSERT_EQ(list.assign(each.given), Error::NONE) << each.given;
    EXPECT_EQ(text_of(list), each.shown);
    Allowlist loaded;
    EXPECT_EQ(loaded.load(false, list.packed()), Error::NONE) << each.given;
    EXPECT_EQ(loaded, list);
  }
}

TEST(Allowlist, a_wrong_entry_is_named_and_changes_nothing) {
  Allowlist list;
  ASSERT_EQ(list.assign("phone"), Error::NONE);
  const std::string long_name(MAX_NODE_NAME_BYTES + 1, 'a');
  for (const std::string &wrong : {std::string("tag:"),
                                   std::string("tag:a.b"),
                                   "tag:" + std::string(MAX_TAG_BYTES, 'a'),
                                   std::string("nodekey:12"),
                                   key_text("nodekey:", 0),
                                   key_text("mkey:", 7),
                                   std::string("100.64.0.300"),
                                   std::string("100.64.0.1/33"),
                                   std::string("100.64.0.1/24"),
                                   std::string("fd7a::1/48"),
                                   std::string("-phone"),
                                   std::string("phone-"),
                                   std::string("a..b"),
                                   std::string("."),
                                   std::string("phone.."),
                                   std::string("user@host"),
                                   std::string("12"),
                                   std::string("*"),
                                   long_name,
                                   std::string("bücher"),
                                   std::string("tablet")}) {
    std::string_view named;
    const std::string text = "tablet, " + wrong + " laptop";
    EXPECT_EQ(list.assign(text, &named), Error::MALFORMED) << wrong;
    EXPECT_EQ(named, wrong);
    EXPECT_EQ(text_of(list), "phone");
  }
  EXPECT_EQ(list.assign("* phone"), Error::MALFORMED);
  EXPECT_EQ(list.assign("* *"), Error::MALFORMED);
}

TEST(Allowlist, is_bounded) {
  std::string text;
  for (size_t i = 0; i != MAX_ALLOWED_PEERS; i++)
    text += "n" + std::to_string(i) + " ";
  Allowlist list;
  EXPECT_EQ(list.assign(text), Error::NONE);
  EXPECT_EQ(list.size(), MAX_ALLOWED_PEERS);
  std::string_view named;
  text += "more";
  EXPECT_EQ(list.assign(text, &named), Error::NO_SPACE);
  EXPECT_EQ(named, "more");
  text.clear();
  size_t keys = 0;
  for (; (keys + 1) * 33 <= MAX_ALLOWLIST_BYTES; keys++)
    text += key_text("nodekey:", static_cast<int64_t>(keys) + 1) + " ";
  EXPECT_EQ(list.assign(text), Error::NONE);
  EXPECT_EQ(list.size(), keys);
  text += key_text("nodekey:", 99);
  EXPECT_EQ(list.assign(text, &named), Error::NO_SPACE);
  EXPECT_EQ(named, key_text("nodekey:", 99));
}

TEST(Allowlist, nothing_is_loaded_that_could_not_be_set) {
  Allowlist list;
  ASSERT_EQ(list.assign("phone tag:ok 100.64.0.0/10 fd7a::1 " + key_text("nodekey:", 7)), Error::NONE);
  const std::vector<uint8_t> packed(list.packed().begin(), list.packed().end());
  Allowlist loaded;
  EXPECT_EQ(loaded.load(true, packed), Error::MALFORMED);
  EXPECT_EQ(loaded.load(false, std::vector<uint8_t>(MAX_ALLOWLIST_BYTES + 1)), Error::MALFORMED);
  for (size_t n = 0; n != packed.size(); n++) {
    loaded = Allowlist::nobody();
    (void) loaded.load(false, ByteView(packed).first(n));
    EXPECT_LT(loaded.size(), list.size()) << n;
  }
  for (size_t i = 0; i != packed.size(); i++) {
    for (unsigned bit = 0; bit != 8; bit++) {
      auto flipped = packed;
      flipped[i] = static_cast<uint8_t>(flipped[i] ^ 1U << bit);
      Allowlist other;
      if (other.load(false, flipped) != Error::NONE)
        continue;
      Allowlist again;
      EXPECT_EQ(again.assign(text_of(other)), Error::NONE) << text_of(other);
      EXPECT_EQ(again, other);
    }
  }
}

TEST(Allowlist, tags_are_remembered_from_one_list_to_the_next) {
  Allowlist before;
  Allowlist after;
  ASSERT_EQ(before.assign("phone tag:a tag:b"), Error::NONE);
  ASSERT_EQ(after.assign("tag:c tag:b"), Error::NONE);
  const tailcfg::Tag tags[] = {std::string_view("tag:b"), std::string_view("tag:phone"), std::string_view("b")};
  EXPECT_EQ(before.match(tags), 0b100);
  EXPECT_EQ(after.carry(before, 0b100), 0b10);
  EXPECT_EQ(after.carry(before, 0b010), 0);
  EXPECT_TRUE(after.has_new_tag(before));
  EXPECT_FALSE(before.has_new_tag(before));
  EXPECT_TRUE(before.has_new_tag(Allowlist{}));
}

}  // namespace
}  // namespace microlink::netmap
