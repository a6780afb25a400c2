// SPDX-License-Identifier: MIT
#include "microlink/crypto/poly1305.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/vectors.h"

namespace microlink::crypto {
namespace {

std::string tag_of(const std::string &key, const std::string &text) {
  std::array<uint32_t, 8> key_words{};
  const auto raw_key = testing::from_hex(key);
  std::memcpy(key_words.data(), raw_key.data(), raw_key.size());
  const auto raw_text = testing::from_hex(text);
  EXPECT_EQ(raw_text.size() % 16, 0U);
  std::vector<uint32_t> text_words(raw_text.size() / 4);
  std::memcpy(text_words.data(), raw_text.data(), raw_text.size());
  Poly1305 poly(key_words);
  poly.update(text_words.data(), text_words.size() / 4);
  const auto tag = poly.finish();
  return testing::to_hex(reinterpret_cast<const uint8_t *>(tag.data()), 16);
}

std::string zeros(size_t bytes) { return std::string(2 * bytes, '0'); }

// RFC 8439 appendix A.3, those of whole blocks: where the accumulator reaches p, 2^128 and 2^130.
TEST(Poly1305, edges_of_the_rfc) {
  const std::string ones(32, 'f');
  const std::string r1 = "01" + zeros(15), r2 = "02" + zeros(15), s0 = zeros(16);
  const struct {
    const char *name;
    std::string key, text, tag;
  } cases[] = {
      {"#1", zeros(32), zeros(64), zeros(16)},
      {"#7", r2 + s0, ones, "03" + zeros(15)},
      {"#8", r2 + ones, "02" + zeros(15), "03" + zeros(15)},
      {"#9", r1 + s0, ones + "f0" + std::string(30, 'f') + "11" + zeros(15), "05" + zeros(15)},
      {"#10", r1 + s0,
       ones + "fb" + std::string(30, 'e').replace(0, 30, "fefefefefefefefefefefefefefefe") +
           "01010101010101010101010101010101",
       zeros(16)},
      {"#11", r2 + s0, "fd" + std::string(30, 'f'), "fa" + std::string(30, 'f')},
      {"#12", "0100000000000000040000000000000000000000000000000000000000000000",
       "e33594d7505e43b900000000000000003394d7505e4379cd01000000000000000000000000000000000000000000000001000000000000"
       "000000000000000000",
       "14000000000000005500000000000000"},
      {"#13", "0100000000000000040000000000000000000000000000000000000000000000",
       "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000",
       "13" + zeros(15)},
  };
  for (const auto &test : cases)
    EXPECT_EQ(tag_of(test.key, test.text), test.tag) << test.name;
}

// Extreme keys and texts, in which carries run through all words, against libsodium; in one call and in several.
TEST(Poly1305, agrees_with_libsodium_on_extreme_words) {
  constexpr unsigned SEED = 3;
  std::mt19937 generator(SEED);
  const uint32_t extremes[] = {0,          1,          2,          3,          4,          5,
                               0x7fffffff, 0x80000000, 0xfffffffa, 0xfffffffb, 0xfffffffc, 0xffffffff};
  const auto word = [&] {
    return generator() % 4 == 0 ? static_cast<uint32_t>(generator()) : extremes[generator() % std::size(extremes)];
  };
  for (int i = 0; i != 100'000; i++) {
    std::array<uint32_t, 8> key;
    for (auto &each : key)
      each = word();
    std::array<uint32_t, 160> text;
    const size_t blocks = 1 + generator() % 40;
    for (size_t each = 0; each != blocks * 4; each++)
      text[each] = word();
    Bytes<16> expected;
    crypto_onetimeauth_poly1305(expected.data(), reinterpret_cast<const uint8_t *>(text.data()), blocks * 16,
                                reinterpret_cast<const uint8_t *>(key.data()));
    Poly1305 poly(key), split(key);
    poly.update(text.data(), blocks);
    for (size_t block = 0; block != blocks; block++)
      split.update(text.data() + 4 * block, 1);
    const auto tag = poly.finish();
    ASSERT_EQ(0, std::memcmp(tag.data(), expected.data(), 16)) << "case " << i << ", seed " << SEED;
    ASSERT_EQ(tag, split.finish()) << "case " << i << ", seed " << SEED;
  }
}

}  // namespace
}  // namespace microlink::crypto
