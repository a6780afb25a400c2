// SPDX-License-Identifier: MIT
#include "microlink/disco/message.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/vectors.h"

namespace microlink::disco {
namespace {

using microlink::testing::load_vectors;
using microlink::testing::to_hex;
using microlink::testing::Value;

/// Hands out the bytes it was given, then fails.
class FixedRandom : public Random {
 public:
  explicit FixedRandom(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void fill(ByteSpan out) override {
    ASSERT_EQ(out.size(), this->bytes_.size());
    copy(this->bytes_, out);
  }

 private:
  std::vector<uint8_t> bytes_;
};

struct Pair {
  Pair() : vectors(load_vectors("disco.json")) {
    DiscoPrivate a;
    EXPECT_EQ(a.load(vectors["a"]["private"].hex()), Error::NONE);
    EXPECT_TRUE(key.precompute(a.secret(), DiscoPublic::from_bytes(vectors["b"]["public"].hex()).bytes));
    copy(vectors["txid"].hex(), tx_id);
  }
  DiscoPublic key_of(const std::string &who) const {
    return DiscoPublic::from_bytes(vectors[who.c_str()]["public"].hex());
  }
  Value packet(const std::string &name) const {
    for (size_t i = 0; i != vectors["packets"].size(); i++) {
      if (vectors["packets"][i]["name"].text() == name)
        return vectors["packets"][i];
    }
    ADD_FAILURE() << name;
    return vectors;
  }
  NodePublic node_key() const { return *NodePublic::parse(vectors["a_node_public"].text()); }

  Value vectors;
  crypto::BoxKey key;
  TxId tx_id{};
};

TEST(Envelope, opens_and_seals_every_packet_of_the_vectors) {
  const Pair pair;
  for (size_t i = 0; i != pair.vectors["packets"].size(); i++) {
    const Value vector = pair.vectors["packets"][i];
    SCOPED_TRACE(vector["name"].text());
    const auto packet = vector["packet"].hex();
    EXPECT_TRUE(looks_like_disco(packet));
    EXPECT_FALSE(looks_like_geneve(packet));
    EXPECT_EQ(sender_of(packet), pair.key_of(vector["sender"].text()));

    FixedRandom nonce(vector["nonce"].hex());
    std::vector<uint8_t> sealed(packet.size());
    const auto size = seal(pair.key, sender_of(packet), nonce, vector["payload"].hex(), sealed);
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, packet.size());
    EXPECT_EQ(to_hex(sealed), to_hex(packet));

    auto opened = packet;
    const auto message = open(pair.key, opened);
    const auto parsed = parse_message(vector["payload"].hex());
    EXPECT_EQ(message.error(), parsed.error());
    EXPECT_EQ(to_hex(ByteView(opened).subspan(ENVELOPE_BYTES)), vector["payload"].text());
  }
}

TEST(Envelope, refuses_what_was_touched) {
  const Pair pair;
  const auto packet = pair.packet("ping_with_nodekey")["packet"].hex();
  for (size_t i = HEADER_BYTES; i != packet.size(); i++) {
    auto touched = packet;
    touched[i] ^= 0x40;
    EXPECT_EQ(open(pair.key, touched).error(), Error::AUTH_FAILED) << i;
  }
  auto broken = pair.vectors["invalid"][size_t{0}]["packet"].hex();
  EXPECT_EQ(open(pair.key, broken).error(), Error::AUTH_FAILED);
  EXPECT_FALSE(looks_like_disco(pair.vectors["invalid"][size_t{1}]["packet"].hex()));
}

TEST(Envelope, refuses_what_was_cut) {
  const Pair pair;
  const auto packet = pair.packet("call_me_maybe")["packet"].hex();
  for (size_t size = 0; size != packet.size(); size++) {
    std::vector<uint8_t> cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(looks_like_disco(cut), size >= 62);
    EXPECT_EQ(open(pair.key, cut).error(), size < ENVELOPE_BYTES ? Error::TRUNCATED : Error::AUTH_FAILED) << size;
  }
}

TEST(Envelope, refuses_too_long_payloads_and_too_small_buffers) {
  const Pair pair;
  std::vector<uint8_t> payload(MAX_PAYLOAD_BYTES + 1);
  payload[0] = 1;
  std::vector<uint8_t> packet(payload.size() + ENVELOPE_BYTES);
  FixedRandom nonce(std::vector<uint8_t>(24));
  ASSERT_TRUE(seal(pair.key, pair.key_of("a"), nonce, payload, packet));
  EXPECT_EQ(open(pair.key, packet).error(), Error::MALFORMED);
  payload.resize(MAX_PAYLOAD_BYTES);
  packet.resize(payload.size() + ENVELOPE_BYTES);
  ASSERT_TRUE(seal(pair.key, pair.key_of("a"), nonce, payload, packet));
  EXPECT_TRUE(open(pair.key, packet));
  packet.resize(packet.size() - 1);
  EXPECT_EQ(seal(pair.key, pair.key_of("a"), nonce, payload, packet).error(), Error::NO_SPACE);
}

TEST(Ping, is_read_with_and_without_node_key_and_with_more_than_is_known) {
  const Pair pair;
  for (const char *name : {"ping_with_nodekey", "ping_padded_to_64", "ping_with_future_version_and_extra_bytes"}) {
    const auto message = parse_message(pair.packet(name)["payload"].hex());
    ASSERT_TRUE(message) << name;
    EXPECT_EQ(message->type, Type::PING);
    EXPECT_EQ(message->tx_id, pair.tx_id);
    EXPECT_EQ(message->node_key, pair.node_key());
  }
  const auto bare = parse_message(pair.packet("ping_without_nodekey")["payload"].hex());
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->node_key.is_set());
}

TEST(Ping, is_written_as_in_the_vectors) {
  const Pair pair;
  Bytes<64> out{};
  Writer writer(out);
  write_ping(writer, pair.tx_id, pair.node_key());
  EXPECT_EQ(to_hex(writer.written()), pair.packet("ping_with_nodekey")["payload"].text());
}

TEST(Pong, goes_both_ways) {
  const Pair pair;
  const std::pair<const char *, const char *> cases[] = {
      {"pong_ipv4", "203.0.113.9:41641"},
      {"pong_ipv6", "[2001:db8::9]:443"},
      {"pong_for_ping_that_came_via_derp_region_7", "127.3.3.40:7"},
  };
  for (const auto &[name, address] : cases) {
    const auto payload = pair.packet(name)["payload"].hex();
    const auto message = parse_message(payload);
    ASSERT_TRUE(message) << name;
    EXPECT_EQ(message->type, Type::PONG);
    Bytes<64> out{};
    Writer writer(out);
    write_pong(writer, message->tx_id, message->source);
    EXPECT_EQ(to_hex(writer.written()), to_hex(payload));
    EXPECT_EQ(message->source, *parse_endpoint(address)) << name;
  }
}

TEST(CallMeMaybe, goes_both_ways) {
  const Pair pair;
  for (const char *name : {"call_me_maybe", "call_me_maybe_empty"}) {
    const auto payload = pair.packet(name)["payload"].hex();
    const auto message = parse_message(payload);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, Type::CALL_ME_MAYBE);
    Bytes<128> out{};
    Writer writer(out);
    write_call_me_maybe(writer, {message->endpoints.begin(), message->endpoints.size()});
    EXPECT_EQ(to_hex(writer.written()), to_hex(payload));
  }
  const auto full = parse_message(pair.packet("call_me_maybe")["payload"].hex());
  ASSERT_EQ(full->endpoints.size(), 3U);
  EXPECT_EQ(full->endpoints[0], *parse_endpoint("192.0.2.1:41641"));
  EXPECT_EQ(full->endpoints[2], *parse_endpoint("[2001:db8::3]:567"));
}

TEST(CallMeMaybe, of_odd_length_or_version_is_empty_and_a_long_one_is_cut) {
  std::vector<uint8_t> payload(2 + 18 * 3);
  payload[0] = 3;
  EXPECT_EQ(parse_message(payload)->endpoints.size(), 3U);
  payload[1] = 1;
  EXPECT_EQ(parse_message(payload)->endpoints.size(), 0U);
  payload[1] = 0;
  payload.push_back(0);
  EXPECT_EQ(parse_message(payload)->endpoints.size(), 0U);
  payload.resize(2 + 18 * (MAX_CALLED_ENDPOINTS + 4));
  EXPECT_EQ(parse_message(payload)->endpoints.size(), MAX_CALLED_ENDPOINTS);
}

TEST(Message, endpoints_are_encoded_as_in_the_vectors) {
  const Pair pair;
  for (size_t i = 0; i != pair.vectors["endpoint_encoding"].size(); i++) {
    const Value vector = pair.vectors["endpoint_encoding"][i];
    const Endpoint endpoint = *parse_endpoint(vector["addr"].text());
    Bytes<32> out{};
    Writer writer(out);
    write_call_me_maybe(writer, {&endpoint, 1});
    EXPECT_EQ(to_hex(writer.written().subspan(2)), vector["bytes"].text());
  }
}

TEST(Message, is_refused_when_cut_and_unknown_types_are_told) {
  const Pair pair;
  const auto pong = pair.packet("pong_ipv4")["payload"].hex();
  for (size_t size = 0; size != pong.size(); size++)
    EXPECT_EQ(parse_message(ByteView(pong).first(size)).error(), Error::TRUNCATED) << size;
  const auto ping = pair.packet("ping_without_nodekey")["payload"].hex();
  for (size_t size = 0; size != ping.size(); size++)
    EXPECT_EQ(parse_message(ByteView(ping).first(size)).error(), Error::TRUNCATED) << size;
  for (unsigned type = 0; type != 256; type++) {
    const uint8_t payload[2] = {static_cast<uint8_t>(type), 0};
    if (type == 0 || type > 3) {
      EXPECT_EQ(parse_message(payload).error(), Error::UNEXPECTED);
    }
  }
}

TEST(Geneve, is_recognised_and_nothing_else_is) {
  const Pair pair;
  for (size_t i = 0; i != pair.vectors["geneve_headers"].size(); i++) {
    const auto header = pair.vectors["geneve_headers"][i]["bytes"].hex();
    EXPECT_TRUE(looks_like_geneve(header));
    EXPECT_FALSE(looks_like_disco(header));
    for (size_t size = 0; size != header.size(); size++)
      EXPECT_FALSE(looks_like_geneve(ByteView(header).first(size)));
    auto reserved = header;
    reserved[7] = 1;
    EXPECT_FALSE(looks_like_geneve(reserved));
  }
  for (uint8_t type = 1; type <= 4; type++) {
    std::vector<uint8_t> wireguard(64);
    wireguard[0] = type;
    EXPECT_FALSE(looks_like_geneve(wireguard));
  }
}

}  // namespace
}  // namespace microlink::disco
