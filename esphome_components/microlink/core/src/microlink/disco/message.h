// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_vector.h"
#include "microlink/base/ip.h"
#include "microlink/base/random.h"
#include "microlink/base/writer.h"
#include "microlink/capacity.h"
#include "microlink/crypto/box.h"
#include "microlink/keys/keys.h"

namespace microlink::disco {

/// DISCO, the messages by which nodes find paths to each other, as in tailscale disco/disco.go; there is no public RFC.
/// A codec: which ping goes where is decided elsewhere. Peer-relay messages (types 4 and up) are not understood.
///
///   0   6   magic 54 53 f0 9f 92 ac
///   6  32   sender's disco public key
///   38 24   nonce
///   62  …   NaCl box: tag 16, then  type u8 | version u8 | body
///
///   Ping 01         transaction ID 12 | sender's node key 32 | padding
///   Pong 02         transaction ID 12 | address the ping came from 16 | port u16be
///   CallMeMaybe 03  n × (address 16 | port u16be)
using TxId = Bytes<12>;

/// Endpoints read of one CallMeMaybe. More: ignored.
constexpr size_t MAX_CALLED_ENDPOINTS = 16;
constexpr size_t HEADER_BYTES = 6 + KEY_BYTES;
/// What sealing adds to a payload.
constexpr size_t ENVELOPE_BYTES = HEADER_BYTES + crypto::BOX_OVERHEAD;
/// The largest packet this node sends: a CallMeMaybe with all its endpoints.
constexpr size_t MAX_SENT_BYTES = ENVELOPE_BYTES + 2 + MAX_OWN_ENDPOINTS * 18;
/// Payloads beyond this are not opened; pings that probe the path MTU are padded up to it.
constexpr size_t MAX_PAYLOAD_BYTES = 1500;

enum class Type : uint8_t { PING = 1, PONG = 2, CALL_ME_MAYBE = 3 };

struct Message {
  Type type;
  TxId tx_id{};                                             ///< PING, PONG
  NodePublic node_key{};                                    ///< PING; unset when the sender left it out
  Endpoint source{};                                        ///< PONG: where the ping was seen to come from
  FixedVector<Endpoint, MAX_CALLED_ENDPOINTS> endpoints{};  ///< CALL_ME_MAYBE
};

/// Whether the packet claims to be DISCO; cheap enough to demultiplex every packet with.
bool looks_like_disco(ByteView packet);
/// Whether the packet carries a peer relay's Geneve header, which nodes without peer relays drop.
bool looks_like_geneve(ByteView packet);
/// Who claims to have sent it; only for a packet that looks_like_disco().
DiscoPublic sender_of(ByteView packet);

/// A message in the clear. Lax on versions and on longer bodies, for future compatibility; a CallMeMaybe whose length
/// or version is wrong is an empty one. TRUNCATED; UNEXPECTED for types that are not understood.
Result<Message> parse_message(ByteView payload);
void write_ping(Writer &out, const TxId &tx_id, const NodePublic &node_key);
void write_pong(Writer &out, const TxId &tx_id, const Endpoint &source);
void write_call_me_maybe(Writer &out, std::span<const Endpoint> endpoints);

/// Seal `payload` into out[0 … payload.size() + ENVELOPE_BYTES). How many bytes; NO_SPACE.
Result<size_t> seal(const crypto::BoxKey &key, const DiscoPublic &sender, Random &random, ByteView payload,
                    ByteSpan out);
/// Open a packet that looks_like_disco() in place and parse it. TRUNCATED, MALFORMED (too long), AUTH_FAILED,
/// UNEXPECTED. The packet's bytes are spent unless AUTH_FAILED.
Result<Message> open(const crypto::BoxKey &key, ByteSpan packet);

}  // namespace microlink::disco
