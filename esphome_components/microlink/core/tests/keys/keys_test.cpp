// SPDX-License-Identifier: MIT
#include "microlink/keys/keys.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/vectors.h"

namespace microlink {
namespace {

/// Hands out what a vector says.
class Scripted final : public Random {
 public:
  explicit Scripted(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void fill(ByteSpan out) override { EXPECT_EQ(copy(this->bytes_, out), out.size()); }

 private:
  std::vector<uint8_t> bytes_;
};

template<typename Role> void expect_vector(const testing::Value &vector) {
  Scripted random(vector["seed_unclamped"].hex());
  Private<Role> key;
  EXPECT_FALSE(key.is_set());
  key.generate(random);
  EXPECT_TRUE(key.is_set());
  EXPECT_EQ(testing::to_hex(key.export_secret_bytes()), vector["private_clamped"].text());
  const Public<Role> &public_key = key.public_key();
  EXPECT_EQ(testing::to_hex(public_key.bytes), vector["public"].text());
  EXPECT_EQ(public_key.to_text().view(), vector["public_text"].text());
  EXPECT_EQ(public_key.short_form().view(), vector["public_short"].text());
  const auto parsed = Public<Role>::parse(vector["public_text"].text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, public_key);
  EXPECT_EQ(Public<Role>::from_bytes(vector["public"].hex()), public_key);

  Private<Role> loaded;
  EXPECT_EQ(loaded.load(vector["seed_unclamped"].hex()), Error::NONE);
  EXPECT_EQ(loaded.public_key(), public_key);
  Private<Role> copied;
  copied.copy_from(loaded);
  EXPECT_EQ(testing::to_hex(copied.secret().bytes()), vector["private_clamped"].text());
  copied.clear();
  EXPECT_FALSE(copied.is_set());
  EXPECT_TRUE(equal(copied.export_secret_bytes(), Bytes<32>{}));
}

TEST(Keys, agree_with_the_vectors) {
  const auto keys = testing::load_vectors("keys.json")["keys"];
  size_t seen = 0;
  for (size_t i = 0; i != keys.size(); i++) {
    const std::string kind = keys[i]["kind"].text();
    SCOPED_TRACE(kind);
    if (kind == "machine") {
      expect_vector<MachineRole>(keys[i]);
      seen++;
    } else if (kind == "node") {
      expect_vector<NodeRole>(keys[i]);
      seen++;
    } else if (kind == "disco") {
      expect_vector<DiscoRole>(keys[i]);
      seen++;
    }
  }
  EXPECT_EQ(seen, 3U);
}

TEST(Keys, zero_key_has_a_text_and_means_no_key) {
  const auto zero = testing::load_vectors("keys.json")["zero_text"];
  EXPECT_EQ(MachinePublic{}.to_text().view(), zero["machine"].text());
  EXPECT_EQ(NodePublic{}.to_text().view(), zero["node"].text());
  EXPECT_EQ(DiscoPublic{}.to_text().view(), zero["disco"].text());
  const auto parsed = NodePublic::parse(zero["node"].text());
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->is_set());
}

TEST(Keys, invalid_texts_are_refused_by_every_role) {
  const auto vectors = testing::load_vectors("keys.json");
  std::vector<std::string> texts{"", "nodekey", "nodekey:", "mkey:", "discokey:", "privkey:", ":"};
  for (size_t i = 0; i != vectors["invalid_text"].size(); i++)
    texts.push_back(vectors["invalid_text"][i].text());
  const std::string good = vectors["zero_text"]["node"].text();
  for (size_t size = 0; size != good.size(); size++)
    texts.push_back(good.substr(0, size));
  texts.push_back(good + "0");
  texts.push_back(good + std::string(1, '\0'));
  texts.push_back(" " + good);
  for (const std::string &text : texts) {
    EXPECT_EQ(NodePublic::parse(text).error(), Error::MALFORMED) << text;
    EXPECT_EQ(MachinePublic::parse(text).error(), Error::MALFORMED) << text;
    EXPECT_EQ(DiscoPublic::parse(text).error(), Error::MALFORMED) << text;
  }
  EXPECT_EQ(MachinePublic::parse(good).error(), Error::MALFORMED) << "another role's prefix";
}

TEST(Keys, digits_of_either_case_are_read_and_lower_case_is_written) {
  const std::string digits = "54A942318DE2273F7878398739A9DB79419A552E4B06B11892D3E977F283292F";
  const auto key = NodePublic::parse("nodekey:" + digits);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->to_text().view(), "nodekey:54a942318de2273f7878398739a9db79419a552e4b06b11892d3e977f283292f");
}

TEST(Keys, storage_must_hold_32_bytes_that_are_not_all_zero) {
  NodePrivate key;
  EXPECT_EQ(key.load(Bytes<32>{}), Error::MALFORMED);
  EXPECT_EQ(key.load(Bytes<31>{1}), Error::MALFORMED);
  EXPECT_EQ(key.load(Bytes<33>{1}), Error::MALFORMED);
  EXPECT_EQ(key.load({}), Error::MALFORMED);
  EXPECT_FALSE(key.is_set());
  EXPECT_FALSE(NodePublic::from_bytes(Bytes<31>{1}).is_set());
}

}  // namespace
}  // namespace microlink
