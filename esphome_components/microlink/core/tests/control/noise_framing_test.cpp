// SPDX-License-Identifier: MIT
#include "microlink/control/noise_framing.h"

#include <gtest/gtest.h>

#include <random>

#include "microlink/control/early_payload.h"
#include "tests/support/vectors.h"

namespace microlink::control {
namespace {

using Buffer = std::vector<uint8_t>;

class NoiseFramingTest : public ::testing::Test {
 protected:
  testing::Value vectors_ = testing::load_vectors("ts2021.json");
  Secret<32> tx_{vectors_["client_tx_key"].hex()};
  Secret<32> rx_{vectors_["client_rx_key"].hex()};
  NoiseFraming client_, server_;

  void SetUp() override {
    this->client_.start(this->tx_, this->rx_);
    this->server_.start(this->rx_, this->tx_);
  }
  static Buffer seal(NoiseFraming &from, ByteView plaintext) {
    Buffer record(plaintext.size() + NoiseFraming::OVERHEAD_BYTES);
    copy(plaintext, ByteSpan(record).subspan(NoiseFraming::HEADER_BYTES));
    const auto size = from.seal(record, plaintext.size());
    EXPECT_TRUE(size);
    EXPECT_EQ(size.value_or(0), record.size());
    return record;
  }
  static Error feed(NoiseFraming &to, Buffer in, size_t chunk, Buffer &out) {
    for (size_t at = 0; at < in.size(); at += chunk) {
      ByteSpan piece = ByteSpan(in).subspan(at, std::min(chunk, in.size() - at));
      while (!piece.empty()) {
        const auto plaintext = to.read(piece);
        if (!plaintext)
          return plaintext.error();
        out.insert(out.end(), plaintext->begin(), plaintext->end());
      }
    }
    return Error::NONE;
  }
};

TEST_F(NoiseFramingTest, follows_the_records_of_the_vectors_in_any_chunks) {
  Buffer down, wanted;
  const auto records = this->vectors_["records"];
  for (size_t i = 0; i != records.size(); i++) {
    const Buffer record = records[i]["record"].hex();
    const Buffer plaintext = records[i]["plaintext"].hex();
    if (records[i]["direction"].text() == "client_to_server") {
      EXPECT_EQ(seal(this->client_, plaintext), record) << i;
    } else {
      down.insert(down.end(), record.begin(), record.end());
      wanted.insert(wanted.end(), plaintext.begin(), plaintext.end());
    }
  }
  ASSERT_FALSE(down.empty());
  for (size_t chunk = 1; chunk <= down.size(); chunk++) {
    NoiseFraming client;
    client.start(this->tx_, this->rx_);
    Buffer out;
    ASSERT_EQ(feed(client, down, chunk, out), Error::NONE) << chunk;
    ASSERT_EQ(out, wanted) << chunk;
  }
}

TEST_F(NoiseFramingTest, splits_a_large_write_as_the_vectors_do) {
  const auto large = this->vectors_["large_write"];
  Buffer plaintext(5000);
  for (size_t i = 0; i != plaintext.size(); i++)
    plaintext[i] = static_cast<uint8_t>(i);
  const ByteView all(plaintext);
  const Buffer one = seal(this->server_, all.first(NoiseFraming::MAX_PLAINTEXT_BYTES));
  const Buffer two = seal(this->server_, all.subspan(NoiseFraming::MAX_PLAINTEXT_BYTES));
  EXPECT_EQ(one.size(), static_cast<size_t>(large["record_lengths"][size_t{0}].integer()));
  EXPECT_EQ(two.size(), static_cast<size_t>(large["record_lengths"][1].integer()));
  Buffer wire = one, out;
  wire.insert(wire.end(), two.begin(), two.end());
  EXPECT_EQ(feed(this->client_, wire, 1000, out), Error::NONE);
  EXPECT_EQ(out, plaintext);
}

TEST_F(NoiseFramingTest, gives_the_same_for_random_splits) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Buffer wire, wanted;
  for (int i = 0; i != 40; i++) {
    Buffer plaintext(i % 7 == 0 ? 0 : random() % 4078);
    for (uint8_t &byte : plaintext)
      byte = static_cast<uint8_t>(random());
    const Buffer record = seal(this->server_, plaintext);
    wire.insert(wire.end(), record.begin(), record.end());
    wanted.insert(wanted.end(), plaintext.begin(), plaintext.end());
  }
  for (int round = 0; round != 50; round++) {
    NoiseFraming client;
    client.start(this->tx_, this->rx_);
    Buffer out;
    Buffer copy_of_wire = wire;
    for (size_t at = 0; at < wire.size();) {
      const size_t n = std::min<size_t>(wire.size() - at, 1 + random() % 6000);
      ByteSpan piece = ByteSpan(copy_of_wire).subspan(at, n);
      at += n;
      while (!piece.empty()) {
        const auto plaintext = client.read(piece);
        ASSERT_TRUE(plaintext);
        out.insert(out.end(), plaintext->begin(), plaintext->end());
      }
    }
    ASSERT_EQ(out, wanted);
  }
}

TEST_F(NoiseFramingTest, reads_records_that_are_put_where_it_says) {
  Buffer wire, wanted, out;
  for (const size_t size : {1, 4077, 0, 100}) {
    const Buffer plaintext(size, static_cast<uint8_t>(size));
    const Buffer record = seal(this->server_, plaintext);
    wire.insert(wire.end(), record.begin(), record.end());
    wanted.insert(wanted.end(), plaintext.begin(), plaintext.end());
  }
  std::mt19937 random(1);
  for (size_t at = 0; at != wire.size();) {
    const ByteSpan room = this->client_.room();
    ASSERT_FALSE(room.empty());
    const size_t n = std::min<size_t>(1 + random() % 2000, room.size());
    at += copy(ByteView(wire).subspan(at, std::min(n, wire.size() - at)), room);
    ByteSpan in = room.first(n);
    const auto plaintext = this->client_.read(in);
    ASSERT_TRUE(plaintext);
    EXPECT_TRUE(in.empty());
    out.insert(out.end(), plaintext->begin(), plaintext->end());
  }
  EXPECT_EQ(out, wanted);
}

TEST_F(NoiseFramingTest, fails_for_good_at_any_flipped_bit) {
  const Buffer good = seal(this->server_, as_bytes("hello"));
  for (size_t i = 0; i != good.size(); i++) {
    for (const size_t chunk : {size_t{1}, good.size()}) {
      NoiseFraming client;
      client.start(this->tx_, this->rx_);
      Buffer bad = good, out;
      bad[i] ^= 1;
      bad.insert(bad.end(), 5000, 0);
      const Error error = feed(client, bad, chunk, out);
      EXPECT_TRUE(error == Error::AUTH_FAILED || error == Error::MALFORMED) << i;
      EXPECT_TRUE(out.empty());
      EXPECT_EQ(feed(client, good, chunk, out), error) << "sticky";
      Buffer record(40);
      EXPECT_EQ(client.seal(record, 5).error(), Error::CLOSED);
    }
  }
}

TEST_F(NoiseFramingTest, refuses_headers_that_cannot_be) {
  for (const char *hex : {"030007746f6f206f6c64", "04000f", "040000", "040ffe", "04ffff", "000010"}) {
    NoiseFraming client;
    client.start(this->tx_, this->rx_);
    Buffer out;
    EXPECT_EQ(feed(client, testing::from_hex(hex), 1, out), Error::MALFORMED) << hex;
  }
}

TEST_F(NoiseFramingTest, refuses_replayed_and_reordered_records) {
  const Buffer one = seal(this->server_, as_bytes("one"));
  const Buffer two = seal(this->server_, as_bytes("two"));
  Buffer out;
  EXPECT_EQ(feed(this->client_, two, 100, out), Error::AUTH_FAILED);
  this->client_.start(this->tx_, this->rx_);
  EXPECT_EQ(feed(this->client_, one, 100, out), Error::NONE);
  EXPECT_EQ(feed(this->client_, one, 100, out), Error::AUTH_FAILED);
}

TEST_F(NoiseFramingTest, says_when_there_is_no_room_or_no_connection) {
  Buffer record(4200);
  EXPECT_EQ(this->client_.seal(ByteSpan(record).first(20), 2).error(), Error::NO_SPACE);
  EXPECT_EQ(this->client_.seal(record, NoiseFraming::MAX_PLAINTEXT_BYTES + 1).error(), Error::NO_SPACE);
  NoiseFraming fresh;
  ByteSpan in = record;
  EXPECT_EQ(fresh.read(in).error(), Error::CLOSED);
  EXPECT_EQ(fresh.seal(record, 1).error(), Error::CLOSED);
}

TEST(EarlyPayload, is_skipped_in_any_chunks) {
  const Buffer payload = testing::load_vectors("ts2021.json")["early_payload"]["bytes"].hex();
  for (size_t chunk = 1; chunk <= payload.size() + 3; chunk++) {
    Buffer in = payload;
    in.insert(in.end(), {1, 2, 3});
    EarlyPayload early;
    Buffer rest;
    for (size_t at = 0; at < in.size(); at += chunk) {
      ByteView piece = ByteView(in).subspan(at, std::min(chunk, in.size() - at));
      early.handle_bytes(piece);
      rest.insert(rest.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(early.state(), EarlyPayload::State::DONE);
    EXPECT_EQ(rest, (Buffer{1, 2, 3}));
  }
}

TEST(EarlyPayload, holds_nine_bytes_of_http) {
  const Buffer in = testing::from_hex(
      "000012040000000000"
      "0003");
  EarlyPayload early;
  ByteView view = in;
  early.handle_bytes(view);
  EXPECT_EQ(early.state(), EarlyPayload::State::ABSENT);
  EXPECT_TRUE(equal(early.held(), ByteView(in).first(9)));
  EXPECT_EQ(view.size(), 2u);
}

TEST(EarlyPayload, is_bounded) {
  for (const auto &[hex, state] : {std::pair{"ffffff545300000400", EarlyPayload::State::SKIPPING},
                                   std::pair{"ffffff545300000401", EarlyPayload::State::BAD},
                                   std::pair{"ffffff5453ffffffff", EarlyPayload::State::BAD},
                                   std::pair{"ffffff545300000000", EarlyPayload::State::DONE}}) {
    const Buffer in = testing::from_hex(hex);
    EarlyPayload early;
    ByteView view = in;
    early.handle_bytes(view);
    EXPECT_EQ(early.state(), state) << hex;
  }
}

}  // namespace
}  // namespace microlink::control
