// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"

namespace microlink::http {

/// HTTP/2 frames (RFC 9113 §4, §6): the nine bytes in front and the numbers in them.
///
///   length 3 | type 1 | flags 1 | reserved bit, stream 4
constexpr size_t H2_FRAME_HEADER_BYTES = 9;
/// The smallest SETTINGS_MAX_FRAME_SIZE, and what we leave it at.
constexpr uint32_t H2_MAX_FRAME_BYTES = 16384;
constexpr uint32_t H2_DEFAULT_WINDOW = 65535;
constexpr int64_t H2_MAX_WINDOW = 0x7FFFFFFF;
constexpr std::string_view H2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class H2FrameType : uint8_t {
  DATA = 0,
  HEADERS = 1,
  PRIORITY = 2,
  RST_STREAM = 3,
  SETTINGS = 4,
  PUSH_PROMISE = 5,
  PING = 6,
  GOAWAY = 7,
  WINDOW_UPDATE = 8,
  CONTINUATION = 9,
};

constexpr uint8_t H2_FLAG_END_STREAM = 0x1;
constexpr uint8_t H2_FLAG_ACK = 0x1;
constexpr uint8_t H2_FLAG_END_HEADERS = 0x4;
constexpr uint8_t H2_FLAG_PADDED = 0x8;
constexpr uint8_t H2_FLAG_PRIORITY = 0x20;

enum class H2Setting : uint16_t {
  HEADER_TABLE_SIZE = 1,
  ENABLE_PUSH = 2,
  MAX_CONCURRENT_STREAMS = 3,
  INITIAL_WINDOW_SIZE = 4,
  MAX_FRAME_SIZE = 5,
};

/// RFC 9113 §7.
enum class H2Error : uint32_t {
  NO_ERROR = 0,
  PROTOCOL_ERROR = 1,
  INTERNAL_ERROR = 2,
  FLOW_CONTROL_ERROR = 3,
  STREAM_CLOSED = 5,
  FRAME_SIZE_ERROR = 6,
  REFUSED_STREAM = 7,
  CANCEL = 8,
  COMPRESSION_ERROR = 9,
  ENHANCE_YOUR_CALM = 11,
};

struct H2FrameHeader {
  uint32_t length{0};
  uint8_t type{0};
  uint8_t flags{0};
  uint32_t stream{0};

  bool has(uint8_t flag) const { return (this->flags & flag) != 0; }

  static H2FrameHeader parse(const Bytes<H2_FRAME_HEADER_BYTES> &raw) {
    Reader in(raw);
    H2FrameHeader header;
    header.length = static_cast<uint32_t>(in.u8()) << 16;
    header.length |= in.u16be();
    header.type = in.u8();
    header.flags = in.u8();
    header.stream = in.u32be() & 0x7FFFFFFF;
    return header;
  }
};

inline void write_frame_header(Writer &out, size_t length, H2FrameType type, uint8_t flags, uint32_t stream) {
  out.u8(static_cast<uint8_t>(length >> 16)).u16be(static_cast<uint16_t>(length));
  out.u8(static_cast<uint8_t>(type)).u8(flags).u32be(stream);
}

}  // namespace microlink::http
