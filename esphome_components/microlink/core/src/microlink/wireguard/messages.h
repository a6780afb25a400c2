// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"

namespace microlink::wireguard {

/// The four messages of WireGuard, all integers little-endian (white paper §5.4).
///
/// Initiation, 148 bytes                   Response, 92 bytes
///    0   4  type 1                           0   4  type 2
///    4   4  sender index                     4   4  sender index
///    8  32  ephemeral                        8   4  receiver index
///   40  48  static, sealed                  12  32  ephemeral
///   88  28  TAI64N, sealed                  44  16  empty, sealed
///  116  16  mac1                            60  16  mac1
///  132  16  mac2                            76  16  mac2
///
/// Cookie reply, 64 bytes                  Transport, 32 bytes and more
///    0   4  type 3                           0   4  type 4
///    4   4  receiver index                   4   4  receiver index
///    8  24  nonce                            8   8  counter
///   32  32  cookie, sealed                  16   …  packet, padded and sealed

enum class MessageType : uint32_t { INITIATION = 1, RESPONSE = 2, COOKIE_REPLY = 3, TRANSPORT = 4 };

constexpr size_t INITIATION_BYTES = 148;
constexpr size_t RESPONSE_BYTES = 92;
constexpr size_t COOKIE_REPLY_BYTES = 64;
constexpr size_t TRANSPORT_HEADER_BYTES = 16;
constexpr size_t MIN_TRANSPORT_BYTES = 32;
constexpr size_t MAC_BYTES = 16;
constexpr size_t MACS_BYTES = 2 * MAC_BYTES;
constexpr size_t TIMESTAMP_BYTES = 12;

using Mac = Bytes<MAC_BYTES>;
using Timestamp = Bytes<TIMESTAMP_BYTES>;

/// For what is in every packet; the rest is read with a Reader.
inline uint32_t u32le_at(const uint8_t *at) {
  return at[0] | static_cast<uint32_t>(at[1]) << 8 | static_cast<uint32_t>(at[2]) << 16 |
         static_cast<uint32_t>(at[3]) << 24;
}
inline void write_u32le_at(uint8_t *at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value);
  at[1] = static_cast<uint8_t>(value >> 8);
  at[2] = static_cast<uint8_t>(value >> 16);
  at[3] = static_cast<uint8_t>(value >> 24);
}

/// Which message this is, with the exact length checked (the reserved bytes must be zero). TRUNCATED or MALFORMED.
Result<MessageType> classify(ByteView message);

}  // namespace microlink::wireguard
