// SPDX-License-Identifier: MIT
#include "microlink/disco/message.h"

#include "microlink/base/reader.h"

namespace microlink::disco {

namespace {

constexpr Bytes<6> MAGIC{0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac};
constexpr uint8_t VERSION = 0;
constexpr size_t ENDPOINT_BYTES = 18;
constexpr size_t GENEVE_BYTES = 8;
constexpr uint16_t GENEVE_DISCO = 0x7a11;
constexpr uint16_t GENEVE_WIREGUARD = 0x7a12;

Endpoint read_endpoint(Reader &in) {
  const IpAddress address = IpAddress::from_bytes(in.take(16));
  return {address, in.u16be()};
}

void write_endpoint(Writer &out, const Endpoint &endpoint) { out.bytes(endpoint.address.bytes).u16be(endpoint.port); }

void read_call_me_maybe(Reader &in, uint8_t version, Message &message) {
  if (version != VERSION || in.left() % ENDPOINT_BYTES != 0)
    return;
  while (in.left() != 0) {
    if (!message.endpoints.push_back(read_endpoint(in)))
      return;
  }
}

}  // namespace

bool looks_like_disco(ByteView packet) {
  return packet.size() >= HEADER_BYTES + crypto::BOX_NONCE_BYTES && equal(MAGIC, packet.first(MAGIC.size()));
}

bool looks_like_geneve(ByteView packet) {
  if (packet.size() < GENEVE_BYTES)
    return false;
  // No cursor: asked of every datagram.
  const unsigned protocol = static_cast<unsigned>(packet[2] << 8 | packet[3]);
  return (packet[0] & 0xC0) == 0 && (packet[1] & 0x3F) == 0 && packet[7] == 0 &&
         (protocol == GENEVE_DISCO || protocol == GENEVE_WIREGUARD);
}

DiscoPublic sender_of(ByteView packet) {
  Reader in(packet);
  in.take(MAGIC.size());
  return DiscoPublic::from_bytes(in.take(KEY_BYTES));
}

Result<Message> parse_message(ByteView payload) {
  Reader in(payload);
  const uint8_t type = in.u8();
  const uint8_t version = in.u8();
  if (!in.ok())
    return Error::TRUNCATED;
  Message message{.type = static_cast<Type>(type), .endpoints = {}};
  switch (message.type) {
    case Type::PING:
      message.tx_id = in.array<12>();
      if (in.left() >= KEY_BYTES)
        message.node_key = NodePublic::from_bytes(in.take(KEY_BYTES));
      break;
    case Type::PONG:
      message.tx_id = in.array<12>();
      message.source = read_endpoint(in);
      break;
    case Type::CALL_ME_MAYBE:
      read_call_me_maybe(in, version, message);
      break;
    default:
      return Error::UNEXPECTED;
  }
  if (!in.ok())
    return Error::TRUNCATED;
  return message;
}

void write_ping(Writer &out, const TxId &tx_id, const NodePublic &node_key) {
  out.u8(static_cast<uint8_t>(Type::PING)).u8(VERSION).bytes(tx_id).bytes(node_key.bytes);
}

void write_pong(Writer &out, const TxId &tx_id, const Endpoint &source) {
  out.u8(static_cast<uint8_t>(Type::PONG)).u8(VERSION).bytes(tx_id);
  write_endpoint(out, source);
}

void write_call_me_maybe(Writer &out, std::span<const Endpoint> endpoints) {
  out.u8(static_cast<uint8_t>(Type::CALL_ME_MAYBE)).u8(VERSION);
  for (const Endpoint &endpoint : endpoints)
    write_endpoint(out, endpoint);
}

Result<size_t> seal(const crypto::BoxKey &key, const DiscoPublic &sender, Random &random, ByteView payload,
                    ByteSpan out) {
  Writer packet(out);
  packet.bytes(MAGIC).bytes(sender.bytes);
  const ByteSpan sealed = packet.claim(payload.size() + crypto::BOX_OVERHEAD);
  if (!packet.ok())
    return Error::NO_SPACE;
  key.seal(random, payload, sealed);
  return packet.size();
}

Result<Message> open(const crypto::BoxKey &key, ByteSpan packet) {
  if (packet.size() < ENVELOPE_BYTES)
    return Error::TRUNCATED;
  const ByteSpan sealed = packet.subspan(HEADER_BYTES);
  if (sealed.size() > MAX_PAYLOAD_BYTES + crypto::BOX_OVERHEAD)
    return Error::MALFORMED;
  // The plain text overwrites the box in place: libsodium checks the tag first and allows it.
  const ByteSpan plain = sealed.subspan(crypto::BOX_OVERHEAD);
  const auto size = key.open(sealed, plain);
  if (!size)
    return size.error();
  return parse_message(plain.first(*size));
}

}  // namespace microlink::disco
