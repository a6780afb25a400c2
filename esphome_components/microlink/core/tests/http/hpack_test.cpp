// SPDX-License-Identifier: MIT
#include "microlink/http/hpack.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <random>
#include <string>
#include <vector>

#include "microlink/http/hpack_huffman.h"
#include "tests/support/vectors.h"

namespace microlink::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// nghttp2's encoder with a table of size 0.
std::vector<uint8_t> deflate(const Fields &fields) {
  nghttp2_hd_deflater *deflater;
  nghttp2_hd_deflate_new(&deflater, 0);
  std::vector<nghttp2_nv> nv;
  for (const auto &[name, value] : fields)
    nv.push_back({reinterpret_cast<uint8_t *>(const_cast<char *>(name.data())),
                  reinterpret_cast<uint8_t *>(const_cast<char *>(value.data())), name.size(), value.size(), 0});
  std::vector<uint8_t> out(nghttp2_hd_deflate_bound(deflater, nv.data(), nv.size()));
  const ssize_t n = nghttp2_hd_deflate_hd(deflater, out.data(), out.size(), nv.data(), nv.size());
  nghttp2_hd_deflate_del(deflater);
  EXPECT_GE(n, 0);
  out.resize(static_cast<size_t>(n));
  return out;
}

Fields inflate(ByteView block) {
  nghttp2_hd_inflater *inflater;
  nghttp2_hd_inflate_new(&inflater);
  Fields out;
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.data(), block.size(), 1);
    EXPECT_GE(n, 0);
    block = block.subspan(static_cast<size_t>(n));
    if (flags & NGHTTP2_HD_INFLATE_EMIT)
      out.emplace_back(std::string(reinterpret_cast<char *>(nv.name), nv.namelen),
                       std::string(reinterpret_cast<char *>(nv.value), nv.valuelen));
    if (flags & NGHTTP2_HD_INFLATE_FINAL)
      break;
  }
  nghttp2_hd_inflate_del(inflater);
  return out;
}

Error decode(HpackDecoder &decoder, ByteView block, size_t chunk = SIZE_MAX) {
  decoder.begin();
  while (!block.empty()) {
    const ByteView piece = block.first(std::min(chunk, block.size()));
    if (const Error error = decoder.handle_bytes(piece); error != Error::NONE)
      return error;
    block = block.subspan(piece.size());
  }
  return decoder.finish();
}

TEST(Hpack, agrees_with_nghttp2_on_random_responses) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> names = {"content-type", "server",    "date", "x-very-long-header-name-that-is-cut",
                                          "retry-afterx", "set-cookie"};
  for (int round = 0; round != 3000; round++) {
    Fields fields;
    const int status = 200 + static_cast<int>(random() % 400);
    fields.emplace_back(":status", std::to_string(status));
    std::optional<int64_t> length;
    std::optional<uint32_t> retry;
    for (unsigned i = random() % 5; i != 0; i--) {
      std::string value;
      for (unsigned n = random() % 60; n != 0; n--)
        value += static_cast<char>(32 + random() % 224);
      fields.emplace_back(names[random() % names.size()], value);
    }
    if (random() % 2) {
      length = random();
      fields.emplace_back("content-length", std::to_string(*length));
    }
    if (random() % 2) {
      retry = random() % 100000;
      fields.emplace_back("retry-after", std::to_string(*retry));
    }
    const auto block = deflate(fields);
    HpackDecoder decoder;
    ASSERT_EQ(decode(decoder, block, 1 + random() % 20), Error::NONE);
    EXPECT_EQ(decoder.fields().status, status);
    EXPECT_EQ(decoder.fields().content_length, length);
    EXPECT_EQ(decoder.fields().retry_after_seconds, retry);
  }
}

TEST(Hpack, knows_every_huffman_symbol) {
  for (int symbol = 0; symbol != 256; symbol++) {
    // A value of one rare symbol and many short ones, so that nghttp2 chooses Huffman.
    const std::string value = "aaaaaaaaaaaaaaaaaaaaaaaaaaaa" + std::string(1, static_cast<char>(symbol));
    const auto block = deflate({{":status", "200"}, {"x", value}, {"retry-after", "7"}});
    HpackDecoder decoder;
    ASSERT_EQ(decode(decoder, block), Error::NONE) << symbol;
    EXPECT_EQ(decoder.fields().retry_after_seconds, 7u) << symbol;
  }
  unsigned total = 0;
  for (const uint8_t count : HUFFMAN_COUNT)
    total += count;
  EXPECT_EQ(total, 257u);
}

TEST(Hpack, encodes_what_nghttp2_reads) {
  Bytes<400> buffer;
  Writer out(buffer);
  const std::string path(150, 'p');
  hpack_indexed(out, StaticField::METHOD_POST);
  hpack_literal(out, StaticField::METHOD_GET, "HEAD");
  hpack_indexed(out, StaticField::SCHEME_HTTPS);
  hpack_literal(out, StaticField::AUTHORITY, "control.example");
  hpack_literal(out, StaticField::PATH, path);
  hpack_literal(out, StaticField::CONTENT_TYPE, "application/json");
  hpack_literal(out, StaticField::CONTENT_LENGTH, "12");
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(inflate(out.written()), (Fields{{":method", "POST"},
                                            {":method", "HEAD"},
                                            {":scheme", "https"},
                                            {":authority", "control.example"},
                                            {":path", path},
                                            {"content-type", "application/json"},
                                            {"content-length", "12"}}));
}

TEST(Hpack, says_when_a_section_stops_inside_a_field) {
  const auto block = deflate({{":status", "429"}, {"retry-after", "120"}, {"unknown-name", "value"}});
  HpackDecoder decoder;
  size_t whole = 0;
  for (size_t n = 0; n != block.size(); n++)
    whole += decode(decoder, ByteView(block).first(n)) == Error::NONE;
  EXPECT_LE(whole, 4u);  // only between fields, and after the table size
}

TEST(Hpack, refuses_what_a_table_of_size_zero_cannot_have) {
  HpackDecoder decoder;
  for (const char *hex : {"80", "be", "ff00", "7e0161", "3f01", "30", "8820", "ffffffffff0f", "0085ffffffffff"})
    EXPECT_EQ(decode(decoder, testing::from_hex(hex)), Error::MALFORMED) << hex;
  EXPECT_EQ(decode(decoder, testing::from_hex("2088")), Error::NONE);
  EXPECT_EQ(decode(decoder, testing::from_hex("202088")), Error::NONE);
  EXPECT_EQ(decode(decoder, testing::from_hex("4803323030")), Error::NONE);  // indexed into nothing
  EXPECT_EQ(decoder.fields().status, 200);
}

TEST(Hpack, refuses_bad_huffman_padding) {
  HpackDecoder decoder;
  // Literal without indexing, name "x" (plain), value in Huffman: 'a' is 00011.
  EXPECT_EQ(decode(decoder, testing::from_hex("8800017881"
                                              "1f")),
            Error::NONE);
  EXPECT_EQ(decode(decoder, testing::from_hex("8800017881"
                                              "18")),
            Error::MALFORMED);  // zeros as padding
  EXPECT_EQ(decode(decoder, testing::from_hex("8800017882"
                                              "1fff")),
            Error::MALFORMED);  // more than seven bits
  EXPECT_EQ(decode(decoder, testing::from_hex("8800017884"
                                              "ffffffff")),
            Error::MALFORMED);  // EOS itself
}

TEST(Hpack, refuses_pseudo_fields_out_of_place) {
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, deflate({{"server", "x"}, {":status", "200"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "200"}, {":status", "200"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "20"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "999"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":path", "/"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "200"}, {":other", "1"}})), Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}})),
            Error::UNEXPECTED);
  EXPECT_EQ(decode(decoder, deflate({{":status", "200"}, {"content-length", "x"}})), Error::UNEXPECTED);
}

TEST(Hpack, reads_a_date_in_retry_after_by_the_date_of_the_response) {
  struct Case {
    const char *date;
    const char *retry_after;
    std::optional<uint32_t> seconds;
  };
  const char *const AT = "Wed, 21 Oct 2026 07:28:00 GMT";
  const Case cases[] = {{"Wed, 21 Oct 2026 07:26:30 GMT", AT, 90},
                        {AT, AT, 0},
                        {"Wed, 21 Oct 2026 07:28:01 GMT", AT, std::nullopt},
                        {"Mon, 21 Oct 1996 07:28:00 GMT", AT, std::nullopt},
                        {"yesterday", AT, std::nullopt},
                        {nullptr, AT, std::nullopt},
                        {AT, "tomorrow", std::nullopt},
                        {AT, "Wed, 21 Oct 2026 07:28:00 GMT and a bit", std::nullopt},
                        {AT, "7", 7}};
  for (const Case &c : cases) {
    for (const bool date_first : {true, false}) {
      Fields fields{{":status", "429"}, {"retry-after", c.retry_after}};
      if (c.date != nullptr)
        fields.insert(date_first ? fields.begin() + 1 : fields.end(), {"date", c.date});
      HpackDecoder decoder;
      ASSERT_EQ(decode(decoder, deflate(fields)), Error::NONE);
      EXPECT_EQ(decoder.fields().retry_after_seconds, c.seconds) << c.retry_after;
      ASSERT_EQ(decode(decoder, deflate({{":status", "429"}, {"retry-after", AT}})), Error::NONE);
      EXPECT_FALSE(decoder.fields().retry_after_seconds) << "a date of the response before";
    }
  }
}

}  // namespace
}  // namespace microlink::http
