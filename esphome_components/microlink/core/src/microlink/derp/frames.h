// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"
#include "microlink/base/writer.h"
#include "microlink/capacity.h"
#include "microlink/crypto/x25519.h"

namespace microlink::derp {

/// DERP, protocol version 2, as in tailscale derp/derp.go; there is no public specification.
///
///     0  u8     type
///     1  u32be  length of the body
///     5  body
enum class FrameType : uint8_t {
  SERVER_KEY = 0x01,      ///< S→C  8 magic, 32 key, future bytes
  CLIENT_INFO = 0x02,     ///< C→S  32 node key, box(JSON)
  SERVER_INFO = 0x03,     ///< S→C  box(JSON)
  SEND_PACKET = 0x04,     ///< C→S  32 destination, packet
  RECV_PACKET = 0x05,     ///< S→C  32 source, packet
  KEEP_ALIVE = 0x06,      ///< S→C  empty
  NOTE_PREFERRED = 0x07,  ///< C→S  01: this is my home relay, 00: it is not
  PEER_GONE = 0x08,       ///< S→C  32 key, reason (old servers: none)
  PING = 0x12,            ///< both 8 bytes
  PONG = 0x13,            ///< both the ping's 8 bytes
  HEALTH = 0x14,          ///< S→C  text; empty: healthy again
  RESTARTING = 0x15,      ///< S→C  u32be reconnect in ms, u32be try for ms
};

constexpr uint32_t PROTOCOL_VERSION = 2;
constexpr Bytes<8> MAGIC = {0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91};  // "DERP" and U+1F511
constexpr size_t FRAME_HEADER_BYTES = 5;
constexpr size_t PING_BYTES = 8;
/// The longest body that is skipped or read: a relay carries packets of 64 KiB behind one or two keys. Longer: the
/// stream cannot be trusted any more.
constexpr uint32_t MAX_FRAME_BYTES = 64 * 1024 + 64;
/// The longest packet that is sent or delivered: WireGuard at OVERLAY_MTU, and DISCO. Longer: skipped and counted.
constexpr size_t MAX_PACKET_BYTES = 1400;
static_assert(MAX_PACKET_BYTES >= MAX_WIREGUARD_BYTES);
constexpr size_t MAX_SEND_FRAME_BYTES = FRAME_HEADER_BYTES + crypto::KEY_BYTES + MAX_PACKET_BYTES;

/// Where readers gather bodies that come in pieces, one at a time. A reader that needs it takes it from the one that
/// holds it, whose frame is lost then: a packet may be lost, and so no connection can stop another one.
struct GatherBuffer {
  static constexpr size_t BYTES = crypto::KEY_BYTES + MAX_PACKET_BYTES;
  alignas(uint32_t) Bytes<BYTES> bytes;  ///< aligned, so that a packet behind its key is opened in place
  const void *owner{nullptr};
};

struct Frame {
  FrameType type;
  /// As announced. Of a longer body than GatherBuffer::BYTES, `body` is the front; of one that was lost, nothing.
  uint32_t size;
  /// In the caller's chunk, in the reader or in the gather buffer: valid until any of its readers' next call or until
  /// the chunk goes.
  ByteSpan body;
  bool is_whole() const { return this->body.size() == this->size; }
  bool is_lost() const { return this->body.empty() && this->size != 0; }
};

/// Cuts a stream into frames, whatever the chunks. Bodies that lie whole in a chunk are not copied. Others are
/// gathered: short ones, on which a connection's life may depend, in the reader, longer ones in the buffer that it
/// shares. Of bodies that are too long for it the front is kept, and the rest passed over.
class FrameReader {
 public:
  static constexpr size_t SHORT_BYTES = 48;
  static constexpr size_t BUFFER_BYTES = GatherBuffer::BYTES;

  /// `gather` must outlive the reader.
  explicit FrameReader(GatherBuffer &gather) : gather_(gather) {}
  void reset();
  /// Where the next bytes of the stream are best put: what is read into it is not copied again by next(), which must be
  /// called with it before anything else is read by any reader of the buffer. Never empty.
  ByteSpan room();
  /// Room for what comes before the first frame; next() may be called with a part of it.
  ByteSpan room_before() { return this->short_; }
  /// Consumes from the front of `in`, at most one frame. No frame: all of `in` was consumed. MALFORMED for a length
  /// beyond MAX_FRAME_BYTES, for good.
  Result<std::optional<Frame>> next(ByteSpan &in);

 private:
  std::optional<Frame> finish_(ByteSpan body);
  ByteSpan place_();

  GatherBuffer &gather_;
  uint32_t size_{0};      // of the body, once the header is complete
  uint32_t received_{0};  // of the body
  Bytes<FRAME_HEADER_BYTES> header_{};
  Bytes<SHORT_BYTES> short_{};
  uint8_t header_size_{0};
};

/// A whole frame. Poisons the writer when it does not fit.
void write_frame(Writer &out, FrameType type, ByteView body);
/// A packet for `destination`; at most MAX_PACKET_BYTES.
void write_send_packet(Writer &out, const crypto::PublicKey &destination, ByteView packet);
/// Whether a packet is DISCO (magic, key, nonce and tag), which goes before data.
bool looks_like_disco(ByteView packet);

/// Key of a SERVER_KEY body; MALFORMED without the magic, TRUNCATED.
Result<crypto::PublicKey> parse_server_key(ByteView body);

/// Token bucket that a relay asks its clients to keep to; zeros: none.
struct ServerInfo {
  uint32_t version{PROTOCOL_VERSION};
  uint32_t bytes_per_second{0};
  uint32_t burst_bytes{0};
};
/// The JSON inside SERVER_INFO. MALFORMED. Unknown members are ignored; numbers out of range are taken as the nearest.
Result<ServerInfo> parse_server_info(ByteView json);

}  // namespace microlink::derp
