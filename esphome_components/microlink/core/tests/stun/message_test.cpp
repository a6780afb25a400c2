// SPDX-License-Identifier: MIT
#include "microlink/stun/message.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/vectors.h"

namespace microlink::stun {
namespace {

using microlink::testing::load_vectors;
using microlink::testing::to_hex;

TxId vector_tx_id() {
  TxId out{};
  copy(load_vectors("stun.json")["txid"].hex(), out);
  return out;
}

TEST(BindingRequest, has_the_exact_bytes_that_derp_servers_insist_on) {
  Bytes<REQUEST_BYTES> out{};
  Writer writer(out);
  write_binding_request(writer, vector_tx_id());
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(to_hex(out), load_vectors("stun.json")["request"].text());
}

TEST(BindingRequest, poisons_a_writer_with_less_room) {
  for (size_t size = 0; size != REQUEST_BYTES; size++) {
    std::vector<uint8_t> out(size);
    Writer writer(out);
    write_binding_request(writer, vector_tx_id());
    EXPECT_FALSE(writer.ok()) << size;
  }
}

TEST(BindingResponse, reads_every_form_of_the_address) {
  const auto vectors = load_vectors("stun.json");
  for (size_t i = 0; i != vectors["responses"].size(); i++) {
    const auto bytes = vectors["responses"][i]["bytes"].hex();
    EXPECT_TRUE(looks_like_stun(bytes));
    const auto response = parse_binding_response(bytes);
    ASSERT_TRUE(response) << i;
    EXPECT_EQ(response->tx_id, vector_tx_id());
    const auto address = parse_ip(vectors["responses"][i]["addr"].text());
    ASSERT_TRUE(address);
    EXPECT_EQ(response->reflexive.address, *address) << i;
    EXPECT_EQ(response->reflexive.port, vectors["responses"][i]["port"].integer()) << i;
  }
}

TEST(BindingResponse, reads_the_early_number_of_the_xored_address) {
  auto bytes = load_vectors("stun.json")["responses"][size_t{0}]["bytes"].hex();
  bytes[20] = 0x80;
  const auto response = parse_binding_response(bytes);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->reflexive.port, 54321);
}

TEST(BindingResponse, is_rejected_when_cut_anywhere) {
  const auto vectors = load_vectors("stun.json");
  for (size_t i = 0; i != vectors["responses"].size(); i++) {
    const auto bytes = vectors["responses"][i]["bytes"].hex();
    for (size_t size = 0; size != bytes.size(); size++) {
      const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      const auto response = parse_binding_response(cut);
      ASSERT_FALSE(response) << size;
      EXPECT_EQ(response.error(), Error::TRUNCATED) << size;
      EXPECT_EQ(looks_like_stun(cut), size >= 20);
    }
  }
}

TEST(BindingResponse, names_what_is_wrong) {
  const auto good = load_vectors("stun.json")["responses"][size_t{0}]["bytes"].hex();
  auto other_cookie = good;
  other_cookie[4] ^= 1;
  EXPECT_EQ(parse_binding_response(other_cookie).error(), Error::MALFORMED);
  EXPECT_FALSE(looks_like_stun(other_cookie));
  auto request = good;
  request[0] = 0x00;
  EXPECT_EQ(parse_binding_response(request).error(), Error::UNEXPECTED);
  auto no_family = good;
  no_family[25] = 3;
  EXPECT_EQ(parse_binding_response(no_family).error(), Error::MALFORMED);
  auto attribute_overruns = good;
  attribute_overruns[23] = 9;
  EXPECT_EQ(parse_binding_response(attribute_overruns).error(), Error::MALFORMED);
  auto no_address = good;
  no_address[20] = 0x7f;
  EXPECT_EQ(parse_binding_response(no_address).error(), Error::MALFORMED);
  auto no_port = good;
  no_port[26] = 0x21;
  no_port[27] = 0x12;
  EXPECT_EQ(parse_binding_response(no_port).error(), Error::MALFORMED);
}

TEST(LooksLikeStun, does_not_take_wireguard_or_other_methods_for_stun) {
  std::vector<uint8_t> wireguard(148);
  wireguard[0] = 1;
  EXPECT_FALSE(looks_like_stun(wireguard));
  auto other_method = load_vectors("stun.json")["responses"][size_t{0}]["bytes"].hex();
  other_method[1] = 0x02;
  EXPECT_FALSE(looks_like_stun(other_method));
}

TEST(BindingResponse, survives_any_damage) {
  const auto vectors = load_vectors("stun.json");
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round != 20000; round++) {
    auto bytes = vectors["responses"][random() % vectors["responses"].size()]["bytes"].hex();
    for (unsigned flips = 1 + random() % 4; flips != 0; flips--)
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    if (const auto response = parse_binding_response(bytes)) {
      ASSERT_TRUE(response->reflexive.is_set());
    }
  }
}

}  // namespace
}  // namespace microlink::stun
