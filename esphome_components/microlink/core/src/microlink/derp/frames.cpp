// SPDX-License-Identifier: MIT
#include "microlink/derp/frames.h"

#include <algorithm>

#include "microlink/base/reader.h"
#include "microlink/json/tokenizer.h"

namespace microlink::derp {

namespace {

constexpr Bytes<6> DISCO_MAGIC = {0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac};  // "TS" and U+1F4AC
/// Magic, disco key, nonce and tag.
constexpr size_t MIN_DISCO_BYTES = 6 + 32 + 24 + 16;

/// Where a number of ServerInfo belongs; null for members that do not matter.
uint32_t *member_of(ServerInfo &info, std::string_view key) {
  if (key == "version")
    return &info.version;
  if (key == "TokenBucketBytesPerSecond")
    return &info.bytes_per_second;
  if (key == "TokenBucketBytesBurst")
    return &info.burst_bytes;
  return nullptr;
}

}  // namespace

Result<std::optional<Frame>> FrameReader::next(ByteSpan &in) {
  while (this->header_size_ != FRAME_HEADER_BYTES) {
    if (in.empty())
      return std::optional<Frame>();
    this->header_[this->header_size_++] = in.front();
    in = in.subspan(1);
    if (this->header_size_ == FRAME_HEADER_BYTES) {
      Reader header(this->header_);
      header.u8();
      this->size_ = header.u32be();
      this->received_ = 0;
    }
  }
  if (this->size_ > MAX_FRAME_BYTES)
    return Error::MALFORMED;

  const uint32_t missing = this->size_ - this->received_;
  if (this->received_ == 0 && in.size() >= missing) {
    const ByteSpan body = in.first(missing);
    in = in.subspan(missing);
    return this->finish_(body.first(std::min<size_t>(missing, BUFFER_BYTES)));
  }
  if (in.empty())
    return std::optional<Frame>();
  const auto take = static_cast<uint32_t>(std::min<size_t>(missing, in.size()));
  const ByteSpan place = this->place_();
  if (this->received_ < place.size() && in.data() != place.data() + this->received_)
    copy(in.first(take), place.subspan(this->received_));
  this->received_ += take;
  in = in.subspan(take);
  if (take != missing)
    return std::optional<Frame>();
  return this->finish_(place.first(std::min<size_t>(this->size_, place.size())));
}

/// Where this body is gathered; empty when another reader took the place.
ByteSpan FrameReader::place_() {
  if (this->size_ <= SHORT_BYTES)
    return this->short_;
  if (this->received_ == 0)
    this->gather_.owner = this;
  return this->gather_.owner == this ? ByteSpan(this->gather_.bytes) : ByteSpan();
}

ByteSpan FrameReader::room() {
  if (this->header_size_ != FRAME_HEADER_BYTES)
    return ByteSpan(this->header_).subspan(this->header_size_);
  const size_t missing = this->size_ - this->received_;
  const ByteSpan place = this->place_();
  const ByteSpan room = this->received_ < place.size() ? place.subspan(this->received_) : ByteSpan(this->short_);
  return room.first(std::min(missing, room.size()));
}

void FrameReader::reset() {
  this->header_size_ = 0;
  if (this->gather_.owner == this)
    this->gather_.owner = nullptr;
}

std::optional<Frame> FrameReader::finish_(ByteSpan body) {
  this->header_size_ = 0;
  return Frame{static_cast<FrameType>(this->header_[0]), this->size_, body};
}

void write_frame(Writer &out, FrameType type, ByteView body) {
  out.u8(static_cast<uint8_t>(type)).u32be(static_cast<uint32_t>(body.size())).bytes(body);
}

void write_send_packet(Writer &out, const crypto::PublicKey &destination, ByteView packet) {
  out.u8(static_cast<uint8_t>(FrameType::SEND_PACKET));
  out.u32be(static_cast<uint32_t>(destination.size() + packet.size())).bytes(destination).bytes(packet);
}

bool looks_like_disco(ByteView packet) {
  return packet.size() >= MIN_DISCO_BYTES && equal(packet.first(DISCO_MAGIC.size()), DISCO_MAGIC);
}

Result<crypto::PublicKey> parse_server_key(ByteView body) {
  Reader in(body);
  const auto magic = in.array<MAGIC.size()>();
  const auto key = in.array<crypto::KEY_BYTES>();
  if (!in.ok())
    return Error::TRUNCATED;
  if (magic != MAGIC)
    return Error::MALFORMED;
  return key;  // what may follow is for later versions
}

Result<ServerInfo> parse_server_info(ByteView json) {
  ServerInfo info;
  json::Tokenizer tokens;
  tokens.feed(json);
  if (tokens.next() != json::Token::OBJECT_BEGIN)
    return Error::MALFORMED;
  uint32_t *member = nullptr;
  while (true) {
    const json::Token token = tokens.next();
    switch (token) {
      case json::Token::BAD:
      case json::Token::NEED_MORE:
        return Error::MALFORMED;
      case json::Token::DONE:
        return info;
      case json::Token::KEY:
        member = tokens.depth() == 1 ? member_of(info, tokens.text()) : nullptr;
        break;
      case json::Token::NUMBER:
        if (member != nullptr)
          *member = static_cast<uint32_t>(std::clamp<int64_t>(tokens.integer().value_or(UINT32_MAX), 0, UINT32_MAX));
        member = nullptr;
        break;
      default:
        member = nullptr;
        break;
    }
  }
}

}  // namespace microlink::derp
