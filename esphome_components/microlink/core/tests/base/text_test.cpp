// SPDX-License-Identifier: MIT
#include "microlink/base/text.h"

#include <gtest/gtest.h>

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"

namespace microlink {
namespace {

// RFC 4648 §10.
TEST(Text, base64_of_the_rfc) {
  const std::pair<const char *, const char *> cases[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto &[plain, encoded] : cases) {
    char out[16];
    EXPECT_EQ(base64_encode(as_bytes(plain), out), encoded);
    Bytes<16> back;
    const auto n = base64_decode(encoded, back);
    ASSERT_TRUE(n);
    EXPECT_EQ(as_text(ByteView(back).first(*n)), plain);
  }
  Bytes<16> out;
  for (const char *bad : {"Zg=", "Zg", "Z===", "Zm9v====", "Zm9$", "====", "Zg==Zg=="})
    EXPECT_FALSE(base64_decode(bad, out)) << bad;
}

TEST(Text, hex) {
  Bytes<3> out;
  EXPECT_EQ(hex_decode("00Ffa0", out), Error::NONE);
  EXPECT_EQ(out, (Bytes<3>{0, 0xff, 0xa0}));
  for (const char *bad : {"", "00ffa", "00ffag", "00ffa0 ", "0x00ff"})
    EXPECT_EQ(hex_decode(bad, out), Error::MALFORMED) << bad;
  char text[6];
  EXPECT_EQ(hex_encode(out, text), "00ffa0");
  char small[5];
  EXPECT_EQ(hex_encode(out, small), "");
}

TEST(Text, decimals_keep_all_63_bits) {
  EXPECT_EQ(*parse_decimal("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(*parse_decimal("-5"), -5);
  for (const char *bad : {"", "-", "9223372036854775808", "99999999999999999999", "1.0", "1e3", " 1", "+1"})
    EXPECT_FALSE(parse_decimal(bad)) << bad;
}

TEST(Text, a_short_read_poisons_the_reader) {
  const Bytes<3> raw{1, 2, 3};
  Reader in(raw);
  EXPECT_EQ(in.u16be(), 0x0102);
  EXPECT_EQ(in.u16be(), 0);
  EXPECT_EQ(in.u8(), 0);
  EXPECT_FALSE(in.ok());
}

TEST(Text, a_writer_that_is_full_writes_nothing_more) {
  Bytes<5> raw{};
  Writer out(raw);
  out.u16be(0x0102).u32be(5).u8(9);
  EXPECT_FALSE(out.ok());
  EXPECT_EQ(raw, (Bytes<5>{1, 2, 0, 0, 0}));
  Writer le(raw);
  le.u32le(0x01020304).u8(7);
  EXPECT_TRUE(le.ok());
  EXPECT_EQ(raw, (Bytes<5>{4, 3, 2, 1, 7}));
}

}  // namespace
}  // namespace microlink
