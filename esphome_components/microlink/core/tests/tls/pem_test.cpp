// SPDX-License-Identifier: MIT
#include "microlink/tls/pem.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "microlink/base/text.h"
#include "microlink/tls/mbedtls.h"
#include "tests/tls/certificates.h"

namespace microlink::tls::testing {

namespace {

std::vector<uint8_t> der_of(std::string_view pem) {
  PemReader reader(pem);
  const auto base64 = reader.next();
  EXPECT_TRUE(base64);
  std::vector<uint8_t> out(4096);
  out.resize(decode_pem(*base64, out));
  return out;
}

TEST(PemReader, finds_what_stands_between_the_lines) {
  const std::string text =
      "x\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nnoise -----BEGIN\n"
      "-----BEGIN CERTIFICATE-----BBBB-----END CERTIFICATE----------BEGIN CERTIFICATE-----\nCCCC";
  PemReader reader(text);
  EXPECT_EQ(reader.next(), "\nAAAA\n");
  EXPECT_EQ(reader.next(), "BBBB");
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.next(), std::nullopt);
}

TEST(DecodePem, gives_as_many_bytes_as_fit_and_none_of_what_is_not_base64) {
  std::string text;
  std::vector<uint8_t> bytes;
  for (size_t size = 0; size != 70; size++) {
    std::vector<char> room(base64_size(size));
    text = base64_encode(bytes, room);
    for (size_t at = 0; at <= text.size(); at += 5)
      text.insert(at, at % 2 == 0 ? "\r\n" : "\t");
    for (size_t fits = 0; fits != 72; fits++) {
      std::vector<uint8_t> out(fits);
      const size_t n = decode_pem(text, out);
      ASSERT_EQ(n, std::min(fits, size));
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n), out.begin()));
    }
    bytes.push_back(static_cast<uint8_t>(size * 37));
  }
  std::vector<uint8_t> out(64);
  for (const char *bad : {"A", "AA", "AAA", "AAAAA", "=AAA", "A=AA", "A===", "AA=A", "AAA=AAAA", "AA==AAAA", "AAA-",
                          "AAA\x80", "AAA_", "===="})
    EXPECT_EQ(decode_pem(bad, out), 0u) << bad;
}

TEST(SubjectOf, is_what_mbedtls_finds_and_needs_nothing_behind_it) {
  for (const std::string_view pem : {ROOT, BIG_ROOT, OTHER_ROOT, LEAF, LEAF_OF_MIDDLE, PINNED, META, META_ED25519}) {
    const std::vector<uint8_t> der = der_of(pem);
    const ByteView subject = subject_of(der);
    ASSERT_FALSE(subject.empty());
    mbedtls_x509_crt parsed;
    mbedtls_x509_crt_init(&parsed);
    if (mbedtls_x509_crt_parse_der(&parsed, der.data(), der.size()) == 0) {
      EXPECT_TRUE(equal(subject, ByteView(parsed.subject_raw.p, parsed.subject_raw.len)));
    }
    mbedtls_x509_crt_free(&parsed);
    const size_t end = static_cast<size_t>(subject.data() - der.data()) + subject.size();
    for (size_t size = 0; size != der.size(); size++) {
      const std::vector<uint8_t> front(der.begin(), der.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_EQ(subject_of(front).size(), size < end ? 0u : subject.size()) << size;
    }
  }
}

TEST(SubjectOf, survives_any_byte_anywhere) {
  const std::vector<uint8_t> der = der_of(ROOT);
  for (size_t at = 0; at != 200; at++) {
    for (const uint8_t byte : {0x00, 0x30, 0x7F, 0x80, 0x83, 0x84, 0xFF}) {
      std::vector<uint8_t> other = der;
      other[at] = byte;
      const ByteView subject = subject_of(other);
      EXPECT_LE(subject.size(), other.size());
    }
  }
}

TEST(Names, that_may_be_the_same) {
  const auto name = [](uint8_t tag, std::string_view text) {
    std::vector<uint8_t> out{0x30, 0x0F, 0x31, 0x0D, 0x30, 0x0B, 0x06, 0x03, 0x55, 0x04, 0x03, tag, 0x04};
    out.insert(out.end(), text.begin(), text.end());
    return out;
  };
  const auto root = name(0x0C, "Root");
  EXPECT_TRUE(may_be_same_name(root, root));
  EXPECT_TRUE(may_be_same_name(root, name(0x13, "rOOT")));
  EXPECT_FALSE(may_be_same_name(root, name(0x0C, "Roos")));
  EXPECT_FALSE(may_be_same_name(root, name(0x16, "Root")));
  EXPECT_FALSE(may_be_same_name(root, name(0x0C, "Roots")));
  EXPECT_FALSE(may_be_same_name(root, {}));
}

}  // namespace

}  // namespace microlink::tls::testing
