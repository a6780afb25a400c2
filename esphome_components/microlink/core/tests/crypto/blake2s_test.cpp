// SPDX-License-Identifier: MIT
#include "microlink/crypto/blake2s.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/vectors.h"

namespace microlink::crypto {
namespace {

using testing::to_hex;
using Buffer = std::vector<uint8_t>;

// RFC 7693 appendix B.
TEST(Blake2s, abc_of_the_rfc) {
  EXPECT_EQ(to_hex(blake2s({as_bytes("abc")})), "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

/// The deterministic sequence of RFC 7693 appendix E.
Buffer sequence(size_t length, uint32_t seed) {
  Buffer out(length);
  uint32_t a = 0xDEAD4BADU * seed;
  uint32_t b = 1;
  for (auto &byte : out) {
    const uint32_t t = a + b;
    a = b;
    b = t;
    byte = static_cast<uint8_t>(t >> 24);
  }
  return out;
}

// RFC 7693 appendix E: all digest sizes, keyed and not, short, one block, and several blocks.
TEST(Blake2s, self_test_of_the_rfc) {
  Blake2s grand;
  for (const size_t digest_bytes : {16UL, 20UL, 28UL, 32UL}) {
    for (const size_t length : {0UL, 3UL, 64UL, 65UL, 255UL, 1024UL}) {
      const Buffer in = sequence(length, static_cast<uint32_t>(length));
      Buffer digest(digest_bytes);
      Blake2s(digest_bytes).update(in).finish(digest);
      grand.update(digest);
      const Buffer key = sequence(digest_bytes, static_cast<uint32_t>(digest_bytes));
      Blake2s(digest_bytes, key).update(in).finish(digest);
      grand.update(digest);
    }
  }
  Bytes<32> out;
  grand.finish(out);
  EXPECT_EQ(to_hex(out), "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

TEST(Blake2s, any_split_gives_the_same_digest) {
  std::mt19937 generator(2);
  for (size_t length = 0; length != 300; length++) {
    const Buffer in = sequence(length, 7);
    Bytes<32> whole, bytewise, split;
    Blake2s().update(in).finish(whole);
    Blake2s one;
    for (const uint8_t byte : in)
      one.update({&byte, 1});
    one.finish(bytewise);
    Blake2s other;
    for (ByteView rest = in; !rest.empty();) {
      const size_t n = std::min<size_t>(rest.size(), generator() % 130);
      other.update(rest.first(n));
      rest = rest.subspan(n);
    }
    other.finish(split);
    ASSERT_EQ(whole, bytewise) << length;
    ASSERT_EQ(whole, split) << length << ", seed 2";
  }
}

TEST(Blake2s, alignment_of_the_input_does_not_matter) {
  const Buffer in = sequence(200, 3);
  const auto expected = blake2s({in});
  Buffer room(210);
  for (size_t alignment = 0; alignment != 8; alignment++) {
    copy(in, ByteSpan(room).subspan(alignment));
    EXPECT_EQ(blake2s({ByteView(room).subspan(alignment, 200)}), expected);
  }
}

TEST(Blake2s, macs_of_the_wireguard_vectors) {
  const auto vectors = testing::load_vectors("wireguard.json");
  const Buffer initiation = vectors["initiation"].hex();
  const auto mac1_key = blake2s({as_bytes("mac1----"), vectors["responder_static"]["public"].hex()});
  EXPECT_EQ(to_hex(mac1_key), vectors["mac1_key_of_responder"].text());
  EXPECT_EQ(to_hex(blake2s_mac(mac1_key, {ByteView(initiation).first(116)})),
            vectors["initiation_fields"]["mac1"].text());
  const auto cookie = vectors["cookie"];
  EXPECT_EQ(to_hex(blake2s_mac(cookie["server_secret"].hex(), {cookie["source_bytes"].hex()})),
            cookie["cookie"].text());
  EXPECT_EQ(to_hex(blake2s_mac(cookie["cookie"].hex(), {ByteView(initiation).first(132)})), cookie["mac2"].text());
}

// Made with Python: hmac.new(key, text, hashlib.blake2s), keys of 20, 64 and 65 bytes.
TEST(Hmac, agrees_with_python) {
  const std::pair<size_t, const char *> cases[] = {
      {20, "65a8b7c5cc9136d424e82c37e2707e74e913c0655b99c75f40edf387453a3260"},
      {64, "bdb482d379fd9562ebac2edeb167a801c798d43053f2630b2bb41de57d2ef165"},
      {65, "e001b0e113a63125dd7583693b1bb8fc144d1d662b48b1c17c9b1d622d16f80d"}};
  for (const auto &[size, expected] : cases) {
    Secret<32> out;
    hmac_blake2s(Buffer(size, 0x0b), {as_bytes("Hi "), as_bytes("There")}, out);
    EXPECT_EQ(to_hex(out.bytes()), expected) << size;
  }
}

// Split of a ts2021 handshake: HKDF(ck, "") gives both transport keys.
TEST(Hkdf, split_of_the_ts2021_vectors) {
  const auto vectors = testing::load_vectors("ts2021.json");
  const auto trace = vectors["trace_client"];
  Secret<32> chaining_key(trace[trace.size() - 1]["ck"].hex());
  Secret<32> one, second, third;
  hkdf(chaining_key.bytes(), {}, one);
  EXPECT_EQ(to_hex(one.bytes()), vectors["client_tx_key"].text());
  hkdf(chaining_key.bytes(), {}, one, second, third);
  EXPECT_EQ(to_hex(second.bytes()), vectors["client_rx_key"].text());
  hkdf(chaining_key.bytes(), {}, chaining_key, second);  // an output over its own input
  EXPECT_EQ(to_hex(chaining_key.bytes()), vectors["client_tx_key"].text());
  EXPECT_EQ(to_hex(second.bytes()), vectors["client_rx_key"].text());
}

// Made with Python: HKDF (RFC 5869) over hmac and hashlib.blake2s, salt 00…1f, ikm "input".
TEST(Hkdf, three_outputs) {
  Secret<32> salt;
  for (uint8_t i = 0; i != 32; i++)
    salt.writable()[i] = i;
  Secret<32> one, two, three;
  hkdf(salt.bytes(), as_bytes("input"), one, two, three);
  EXPECT_EQ(to_hex(one.bytes()), "87b7f70b24183c6db5dc4f6d9f4c47cdb203321aa2a0bef714896adb3107a040");
  EXPECT_EQ(to_hex(two.bytes()), "538a02e1eb2e31b7e4d4b82476d1fe2acf50085d3fb584537279195f5d1f5824");
  EXPECT_EQ(to_hex(three.bytes()), "9ad858025593be88de0f9442a589cfe84a88dc19e4753d93684d1c5efc4837f9");
}

}  // namespace
}  // namespace microlink::crypto
