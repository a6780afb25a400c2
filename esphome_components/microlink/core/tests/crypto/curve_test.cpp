// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "microlink/crypto/box.h"
#include "microlink/crypto/drbg.h"
#include "microlink/crypto/x25519.h"
#include "tests/support/vectors.h"

namespace microlink::crypto {
namespace {

using testing::to_hex;
using Buffer = std::vector<uint8_t>;

PublicKey public_key(const Buffer &raw) {
  PublicKey out{};
  EXPECT_EQ(copy(raw, out), raw.size());
  return out;
}

TEST(X25519, example_of_rfc_7748) {
  const auto check = testing::load_vectors("keys.json")["rfc7748_check"];
  SecretKey shared;
  ASSERT_TRUE(x25519(SecretKey(check["scalar"].hex()), public_key(check["u"].hex()), shared));
  EXPECT_EQ(to_hex(shared.bytes()), check["result"].text());
}

TEST(X25519, pairs_of_the_vectors) {
  const auto vectors = testing::load_vectors("ts2021.json");
  for (const char *name : {"machine", "control", "client_ephemeral", "server_ephemeral"}) {
    SecretKey key(vectors[name]["private"].hex());
    EXPECT_EQ(to_hex(public_key_of(key)), vectors[name]["public"].text()) << name;
    clamp(key.writable());
    EXPECT_EQ(to_hex(key.bytes()), vectors[name]["private"].text()) << name << " is stored clamped";
  }
}

// The points of order 1, 2, 4 and 8, and what is the same as 0 and 1 beyond p (Curve25519's page, "validate").
TEST(X25519, low_order_points_are_refused_and_nothing_is_left) {
  const char *const points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  const SecretKey key(testing::load_vectors("ts2021.json")["machine"]["private"].hex());
  for (const char *point : points) {
    SecretKey shared(Bytes<32>{1, 2, 3});
    EXPECT_FALSE(x25519(key, public_key(testing::from_hex(point)), shared)) << point;
    EXPECT_TRUE(equal(shared.bytes(), Bytes<32>{})) << point;
    BoxKey box;
    EXPECT_FALSE(box.precompute(key, public_key(testing::from_hex(point)))) << point;
  }
}

class Box : public ::testing::Test {
 protected:
  testing::Value vectors_ = testing::load_vectors("disco.json");
  BoxKey at_a_, at_b_;
  void SetUp() override {
    ASSERT_TRUE(this->at_a_.precompute(SecretKey(this->vectors_["a"]["private"].hex()),
                                       public_key(this->vectors_["b"]["public"].hex())));
    ASSERT_TRUE(this->at_b_.precompute(SecretKey(this->vectors_["b"]["private"].hex()),
                                       public_key(this->vectors_["a"]["public"].hex())));
  }
};

TEST_F(Box, packets_of_the_disco_vectors) {
  constexpr size_t HEADER_BYTES = 38;  // magic and sender
  ASSERT_GT(this->vectors_["packets"].size(), 0U);
  for (size_t i = 0; i != this->vectors_["packets"].size(); i++) {
    const auto packet = this->vectors_["packets"][i];
    const Buffer wire = packet["packet"].hex();
    const Buffer payload = packet["payload"].hex();
    Bytes<24> nonce{};
    copy(packet["nonce"].hex(), nonce);
    const bool from_a = packet["sender"].text() == "a";
    Buffer sealed(payload.size() + BOX_OVERHEAD);
    (from_a ? this->at_a_ : this->at_b_).seal_with_nonce(nonce, payload, sealed);
    EXPECT_EQ(to_hex(sealed), to_hex(wire.data() + HEADER_BYTES, wire.size() - HEADER_BYTES));
    Buffer opened(payload.size());
    const auto size = (from_a ? this->at_b_ : this->at_a_).open(ByteView(wire).subspan(HEADER_BYTES), opened);
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, payload.size());
    EXPECT_EQ(opened, payload);
  }
}

TEST_F(Box, names_every_failure) {
  Drbg random;
  Buffer sealed(20 + BOX_OVERHEAD);
  this->at_a_.seal(random, Buffer(20, 0x11), sealed);
  Buffer out(20);
  ASSERT_TRUE(this->at_b_.open(sealed, out));
  EXPECT_EQ(out, Buffer(20, 0x11));
  EXPECT_EQ(this->at_b_.open(sealed, ByteSpan(out).first(19)).error(), Error::NO_SPACE);
  for (size_t size = 0; size != sealed.size(); size++) {
    const Error expected = size < BOX_OVERHEAD ? Error::TRUNCATED : Error::AUTH_FAILED;
    EXPECT_EQ(this->at_b_.open(ByteView(sealed).first(size), out).error(), expected) << size;
  }
  for (size_t bit = 0; bit != sealed.size() * 8; bit++) {
    Buffer bad = sealed;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    ASSERT_EQ(this->at_b_.open(bad, out).error(), Error::AUTH_FAILED) << bit;
  }
  Buffer again(20 + BOX_OVERHEAD);
  this->at_a_.seal(random, Buffer(20, 0x11), again);
  EXPECT_NE(sealed, again) << "a nonce came twice";
}

// Made with Python's cryptography package: ChaCha20 with key BLAKE2s(32 zero bytes || "seed"), nonce and counter 0.
TEST(Drbg, first_bytes) {
  Drbg random;
  random.seed(as_bytes("seed"));
  Bytes<100> out;
  random.fill(out);
  EXPECT_EQ(to_hex(out),
            "4cded5c8aa6837b9a4c80753ec829a3ce9fbbd4c64401ca199126c25c6f90ee442a9f0899a2124ff8c8950403d511a80a2d4"
            "486603d11a3b4751d2b04b0def74438c5bc3f50b0e12f42d8c8c464c468e0d863fb52092b2723bb57be2fe1aa5288492b0c6");
  random.fill(ByteSpan(out).first(32));
  EXPECT_EQ(to_hex(out.data(), 32), "069a2fa1617676fb8abe23c4e4a78527cab336597a540d86a39c2bb0e3b7a52d")
      << "the key was not replaced";
}

TEST(Drbg, same_seed_same_bytes_and_no_bytes_twice) {
  Drbg one, other;
  one.seed(Bytes<32>{1});
  other.seed(Bytes<32>{1});
  std::set<std::string> seen;
  for (size_t size = 16; size != 200; size++) {
    Buffer a(size), b(size);
    one.fill(a);
    other.fill(b);
    ASSERT_EQ(a, b);
    ASSERT_TRUE(seen.insert(to_hex(a.data(), 16)).second) << size;
  }
  other.seed(Bytes<32>{1});
  Bytes<32> a, b;
  one.fill(a);
  other.fill(b);
  EXPECT_NE(a, b) << "seeding again did not stir the key";
  one.fill({});
}

}  // namespace
}  // namespace microlink::crypto
