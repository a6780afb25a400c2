// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"
#include "microlink/base/writer.h"

namespace microlink::stun {

/// The two STUN messages a node needs (RFC 8489): the Binding request, in the form that DERP servers insist on, and its
/// success response. Requests are not answered and nothing else of STUN is understood.
///
///   request    00 01 | 00 14 | 21 12 a4 42 | transaction ID 12 | SOFTWARE "tailnode" | FINGERPRINT
///   response   01 01 | length | cookie | transaction ID | … XOR-MAPPED-ADDRESS …
using TxId = Bytes<12>;

constexpr size_t REQUEST_BYTES = 40;

struct BindingResponse {
  TxId tx_id;
  Endpoint reflexive;  ///< where the server saw the request come from
};

/// Whether the datagram claims to be STUN; cheap enough to demultiplex every packet with.
bool looks_like_stun(ByteView datagram);

/// Exactly REQUEST_BYTES. Poisons a writer with less room.
void write_binding_request(Writer &out, const TxId &tx_id);

/// Parse a Binding success response. XOR-MAPPED-ADDRESS (also under its early number 0x8020) wins over
/// MAPPED-ADDRESS; other attributes are skipped. The fingerprint is not checked: the transaction ID is the proof.
///
/// TRUNCATED, MALFORMED, or UNEXPECTED for another STUN message type.
Result<BindingResponse> parse_binding_response(ByteView datagram);

}  // namespace microlink::stun
