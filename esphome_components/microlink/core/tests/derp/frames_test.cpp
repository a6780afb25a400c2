// SPDX-License-Identifier: MIT
#include "microlink/derp/frames.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/vectors.h"

namespace microlink::derp {

namespace {

using testing::from_hex;
using testing::load_vectors;
using Raw = std::vector<uint8_t>;

struct Seen {
  uint8_t type;
  uint32_t size;
  Raw body;
  bool operator==(const Seen &) const = default;
};

/// All frames of a stream that arrives in pieces of the given size.
template<typename Cut> std::vector<Seen> read_all(const Raw &stream, Cut cut, Error *error = nullptr) {
  GatherBuffer gather;
  FrameReader reader(gather);
  std::vector<Seen> out;
  for (size_t at = 0; at < stream.size();) {
    const size_t size = std::min<size_t>(std::max<size_t>(cut(), 1), stream.size() - at);
    Raw piece(stream.begin() + static_cast<ptrdiff_t>(at), stream.begin() + static_cast<ptrdiff_t>(at + size));
    ByteSpan in = piece;
    while (true) {
      const auto frame = reader.next(in);
      if (!frame) {
        if (error != nullptr)
          *error = frame.error();
        return out;
      }
      if (!*frame)
        break;
      out.push_back(
          {static_cast<uint8_t>((*frame)->type), (*frame)->size, {(*frame)->body.begin(), (*frame)->body.end()}});
    }
    EXPECT_TRUE(in.empty());
    at += size;
  }
  return out;
}

Raw frame_of(uint8_t type, const Raw &body) {
  Raw out(FRAME_HEADER_BYTES + body.size());
  Writer writer(out);
  write_frame(writer, static_cast<FrameType>(type), body);
  EXPECT_TRUE(writer.ok());
  return out;
}

TEST(Frames, of_the_official_program_are_read_and_written) {
  const auto vectors = load_vectors("derp.json");
  ASSERT_GT(vectors["frames"].size(), 15U);
  for (size_t i = 0; i != vectors["frames"].size(); i++) {
    const auto each = vectors["frames"][i];
    SCOPED_TRACE(each["name"].text());
    const Raw raw = each["frame"].hex();
    const auto frames = read_all(raw, [&] { return raw.size(); });
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].type, std::stoul(each["type"].text(), nullptr, 16));
    EXPECT_EQ(frames[0].size, static_cast<uint32_t>(each["body_length"].integer()));
    EXPECT_EQ(frames[0].body, Raw(raw.begin() + 5, raw.end()));
    EXPECT_EQ(frame_of(frames[0].type, frames[0].body), raw);
  }
}

TEST(Frames, are_the_same_in_any_pieces) {
  const auto vectors = load_vectors("derp.json");
  Raw stream;
  for (size_t i = 0; i != vectors["frames"].size(); i++) {
    const Raw raw = vectors["frames"][i]["frame"].hex();
    stream.insert(stream.end(), raw.begin(), raw.end());
  }
  for (const size_t size : {1431, 1432, 1433, 5000, 0}) {
    const Raw raw = frame_of(0x05, Raw(size, static_cast<uint8_t>(size)));
    stream.insert(stream.end(), raw.begin(), raw.end());
  }
  const auto whole = read_all(stream, [&] { return stream.size(); });
  ASSERT_EQ(whole.size(), vectors["frames"].size() + 5);
  EXPECT_EQ(read_all(stream, [] { return size_t{1}; }), whole);
  for (uint32_t seed = 0; seed != 60; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    EXPECT_EQ(read_all(stream, [&] { return engine() % (1 + seed * 30); }), whole);
  }
}

TEST(Frames, keep_the_front_of_what_is_too_long) {
  Raw body(FrameReader::BUFFER_BYTES + 1, 7);
  const auto frames = read_all(frame_of(0x05, body), [] { return size_t{10000}; });
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].size, body.size());
  EXPECT_EQ(frames[0].body.size(), FrameReader::BUFFER_BYTES);
  EXPECT_FALSE((Frame{FrameType::PING, 2, {}}.is_whole()));
}

TEST(Frames, end_the_stream_when_they_cannot_be) {
  for (const auto &[length, fine] : {std::pair{"00010040", true}, {"00010041", false}, {"ffffffff", false}}) {
    Error error = Error::NONE;
    (void) read_all(from_hex(std::string("05") + length), [] { return size_t{1}; }, &error);
    EXPECT_EQ(error == Error::NONE, fine) << length;
  }
}

TEST(Frames, that_cannot_be_stay_an_error) {
  GatherBuffer gather;
  FrameReader reader(gather);
  Raw raw = from_hex("05ffffffff00");
  ByteSpan in = raw;
  EXPECT_EQ(reader.next(in).error(), Error::MALFORMED);
  EXPECT_EQ(reader.next(in).error(), Error::MALFORMED);
  reader.reset();
  raw = from_hex("0600000000");
  in = raw;
  const auto frame = reader.next(in);
  ASSERT_TRUE(frame);
  EXPECT_EQ((*frame)->type, FrameType::KEEP_ALIVE);
}

/// Two connections in the middle of a frame: the one that came last has the room, and the other one goes on behind it.
TEST(Frames, that_come_in_pieces_on_two_connections_lose_one_of_them) {
  GatherBuffer gather;
  FrameReader first(gather), second(gather);
  const auto feed = [](FrameReader &reader, Raw raw) {
    ByteSpan in = raw;
    const auto frame = reader.next(in);
    EXPECT_TRUE(frame);
    return *frame;
  };
  const Raw whole = frame_of(0x05, Raw(100, 7));
  const Raw front(whole.begin(), whole.begin() + 50), back(whole.begin() + 50, whole.end());
  EXPECT_FALSE(feed(first, front));
  EXPECT_FALSE(feed(second, front));
  const auto lost = feed(first, back);
  ASSERT_TRUE(lost);
  EXPECT_TRUE(lost->is_lost());
  EXPECT_FALSE(lost->is_whole());
  const auto kept = feed(second, back);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->is_whole());
  EXPECT_EQ(kept->body[99], 7);
  EXPECT_TRUE(feed(first, whole)->is_whole());
  // What a connection's life may hang on is short, and gathered apart.
  const Raw ping = frame_of(0x12, Raw(8, 9));
  EXPECT_FALSE(feed(first, Raw(ping.begin(), ping.begin() + 7)));
  EXPECT_FALSE(feed(second, front));
  const auto pinged = feed(first, Raw(ping.begin() + 7, ping.end()));
  ASSERT_TRUE(pinged);
  EXPECT_TRUE(pinged->is_whole());
  EXPECT_EQ(pinged->body[7], 9);
}

TEST(Frames, are_the_same_when_they_are_put_where_the_reader_says) {
  GatherBuffer gather;
  FrameReader reader(gather);
  Raw stream;
  for (const size_t size : {0, 8, 48, 49, 300, 1432, 1433, 5000, 40, 0}) {
    const Raw frame = frame_of(0x05, Raw(size, static_cast<uint8_t>(size)));
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  const auto expected = read_all(stream, [&] { return stream.size(); });
  std::vector<Seen> seen;
  for (size_t at = 0; at != stream.size();) {
    const ByteSpan room = reader.room();
    ASSERT_FALSE(room.empty());
    ByteSpan in = room.first(copy(ByteView(stream).subspan(at), room));
    at += in.size();
    const auto frame = reader.next(in);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(in.empty()) << "never more than a frame";
    if (*frame)
      seen.push_back(
          {static_cast<uint8_t>((*frame)->type), (*frame)->size, {(*frame)->body.begin(), (*frame)->body.end()}});
  }
  EXPECT_EQ(seen, expected);
}

TEST(Frames, do_not_fit_a_short_buffer) {
  Bytes<MAX_SEND_FRAME_BYTES> buffer;
  const Raw packet(MAX_PACKET_BYTES, 1);
  for (const size_t short_of : {0, 1, 100}) {
    Writer out(ByteSpan(buffer).first(buffer.size() - short_of));
    write_send_packet(out, {}, packet);
    EXPECT_EQ(out.ok(), short_of == 0);
  }
}

TEST(SendPacket, is_written_as_the_official_program_does) {
  const auto vectors = load_vectors("derp.json");
  crypto::PublicKey peer;
  copy(vectors["peer"]["public"].hex(), peer);
  Bytes<100> buffer;
  Writer out(buffer);
  write_send_packet(out, peer, as_bytes("hello derp"));
  EXPECT_EQ(testing::to_hex(out.written()), vectors["frames"][5]["frame"].text());
}

TEST(ServerKey, has_the_magic_and_a_key) {
  const auto vectors = load_vectors("derp.json");
  Raw body = vectors["frames"][size_t{0}]["frame"].hex();
  body.erase(body.begin(), body.begin() + 5);
  const auto key = parse_server_key(body);
  ASSERT_TRUE(key);
  EXPECT_EQ(testing::to_hex(*key), vectors["server"]["public"].text());
  body.push_back(1);
  EXPECT_TRUE(parse_server_key(body)) << "future bytes";
  for (size_t size = 0; size != 40; size++)
    EXPECT_EQ(parse_server_key(ByteView(body).first(size)).error(), Error::TRUNCATED);
  for (size_t at = 0; at != 8; at++) {
    Raw wrong = body;
    wrong[at] ^= 1;
    EXPECT_EQ(parse_server_key(wrong).error(), Error::MALFORMED);
  }
}

TEST(ServerInfo, is_json_with_a_token_bucket) {
  const auto plain = parse_server_info(as_bytes(R"({"version":2})"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->version, 2U);
  EXPECT_EQ(plain->bytes_per_second, 0U);
  const auto full = parse_server_info(as_bytes(
      R"({"new":{"version":9,"list":[1,{"version":8}]},"TokenBucketBytesPerSecond":5000,"version":3,"TokenBucketBytesBurst":70000,"more":"x"})"));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->version, 3U);
  EXPECT_EQ(full->bytes_per_second, 5000U);
  EXPECT_EQ(full->burst_bytes, 70000U);
}

TEST(ServerInfo, tolerates_odd_numbers) {
  const auto odd = parse_server_info(
      as_bytes(R"({"TokenBucketBytesPerSecond":99999999999999999999,"TokenBucketBytesBurst":-5,"version":"2"})"));
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->bytes_per_second, UINT32_MAX);
  EXPECT_EQ(odd->burst_bytes, 0U);
  EXPECT_EQ(odd->version, 2U) << "not a number: as if it were not there";
}

TEST(ServerInfo, refuses_what_is_not_an_object) {
  for (const char *text : {"", "{", "[]", "2", "{\"version\":2", "{\"version\":}", "nonsense", "{\"version\" 2}"})
    EXPECT_EQ(parse_server_info(as_bytes(text)).error(), Error::MALFORMED) << text;
}

TEST(Disco, is_recognised_by_magic_and_length) {
  Raw packet = from_hex("5453f09f92ac");
  packet.resize(78);
  EXPECT_TRUE(looks_like_disco(packet));
  EXPECT_FALSE(looks_like_disco(ByteView(packet).first(77)));
  EXPECT_FALSE(looks_like_disco({}));
  packet[0] = 4;  // WireGuard data
  EXPECT_FALSE(looks_like_disco(packet));
}

}  // namespace

}  // namespace microlink::derp
