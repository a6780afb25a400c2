// SPDX-License-Identifier: MIT
#include <algorithm>

#include "microlink/crypto/aead.h"
#include "microlink/wireguard/tunnel.h"

namespace microlink::wireguard {

Result<ByteSpan> Tunnel::encapsulate(Instant now, Slot slot, ByteSpan buffer, size_t size) {
  Peer *peer = this->peer_in_(slot);
  if (peer == nullptr)
    return Error::UNKNOWN_PEER;
  if (size > OVERLAY_MTU || buffer.size() < encapsulated_size(size))
    return Error::NO_SPACE;
  this->now_ = now;
  if (!this->can_send_(now, *peer)) {
    this->queue_.push(static_cast<uint8_t>(slot), buffer.subspan(TRANSPORT_HEADER_BYTES, size));
    peer->last_data = Stamp(now);
    this->want_handshake_(now, slot);
    return Error::NOT_READY;
  }
  return this->seal_(now, slot, buffer, size);
}

/// The caller has checked can_send_() and the room. Anything sent by an initiator whose keys are old asks for new ones.
ByteSpan Tunnel::seal_(Instant now, Slot slot, ByteSpan buffer, size_t size) {
  Peer &peer = this->peers_[slot];
  const size_t padded = padded_size(size);
  const ByteSpan payload = buffer.subspan(TRANSPORT_HEADER_BYTES, padded + crypto::TAG_BYTES);
  std::fill(payload.begin() + static_cast<ptrdiff_t>(size), payload.begin() + static_cast<ptrdiff_t>(padded),
            uint8_t{0});
  const uint64_t counter = peer.current.send_counter;
  peer.current.send_counter += 1;
  write_u32le_at(buffer.data(), static_cast<uint32_t>(MessageType::TRANSPORT));
  write_u32le_at(buffer.data() + 4, peer.current.remote_index);
  write_u32le_at(buffer.data() + 8, static_cast<uint32_t>(counter));
  write_u32le_at(buffer.data() + 12, static_cast<uint32_t>(counter >> 32));
  crypto::seal(peer.current.send_key, crypto::nonce_le(counter), {}, payload);
  const ByteSpan message = buffer.first(TRANSPORT_HEADER_BYTES + payload.size());
  peer.tx_bytes += message.size();
  peer.send_keepalive = false;
  this->note_sent_(now, peer, size != 0);
  const bool worn = peer.current.send_counter >= REKEY_AFTER_MESSAGES;
  if (worn || (peer.is_initiator && peer.current.created.age(now) >= REKEY_AFTER_TIME))
    this->want_handshake_(now, slot);
  return message;
}

std::optional<Tunnel::Transmit> Tunnel::poll_transmit(Instant now, ByteSpan out) {
  if (out.size() < MAX_WIREGUARD_BYTES)
    return std::nullopt;
  this->now_ = now;
  if (const auto reply = this->replies_.pop()) {
    copy(ByteView(reply->bytes).first(reply->size), out);
    return Transmit{.kind = Transmit::Kind::HANDSHAKE,
                    .slot = reply->slot,
                    .to_source = reply->to_source,
                    .source = reply->source,
                    .bytes = out.first(reply->size)};
  }
  for (Handshake &handshake : this->handshakes_) {
    const bool is_over = handshake.sent != 0 && this->peers_[handshake.slot].calls_once;  // handle_timeout() ends it
    if (!handshake.in_use || now < handshake.retransmit_due || is_over)
      continue;
    if (const auto transmit = this->transmit_initiation_(now, handshake, out))
      return transmit;
  }
  if (const auto transmit = this->transmit_queued_(now, out))
    return transmit;
  return this->transmit_keepalive_(now, out);
}

/// A new initiation each time: fresh ephemeral, fresh timestamp (white paper §6.4). Nothing goes out before the
/// timestamp's hour is stored.
std::optional<Tunnel::Transmit> Tunnel::transmit_initiation_(Instant now, Handshake &handshake, ByteSpan out) {
  Peer &peer = this->peers_[handshake.slot];
  const NodePublic *key = this->key_of_(handshake.slot);
  const auto timestamp = key == nullptr ? std::nullopt : this->timestamps_.next(now);
  if (!timestamp) {
    handshake.retransmit_due = now + seconds(1);  // handle_reserved() or add_peer() comes first
    return std::nullopt;
  }
  handshake.local_index = this->new_index_(handshake.slot);
  const ByteSpan message = out.first(INITIATION_BYTES);
  handshake.retransmit_due = now + REKEY_TIMEOUT + milliseconds(this->random_.below(REKEY_JITTER_MS));
  if (!handshake.noise.write_initiation(this->random_, this->self_, *key, peer.static_shared, handshake.local_index,
                                        *timestamp, message))
    return std::nullopt;
  handshake.cookies.write_macs(now, *key, message);
  handshake.sent = static_cast<uint8_t>(std::min(handshake.sent + 1, 255));
  peer.initiation_sent = Stamp(now);
  peer.tx_bytes += message.size();
  this->note_sent_(now, peer, false);
  return Transmit{.kind = Transmit::Kind::HANDSHAKE, .slot = handshake.slot, .bytes = message};
}

/// The oldest packet whose peer can be sent to.
std::optional<Tunnel::Transmit> Tunnel::transmit_queued_(Instant now, ByteSpan out) {
  const auto can_send = [&](uint8_t slot) { return this->can_send_(now, this->peers_[slot]); };
  const auto taken = this->queue_.take(can_send, out.subspan(TRANSPORT_HEADER_BYTES));
  if (!taken)
    return std::nullopt;
  return Transmit{
      .kind = Transmit::Kind::DATA, .slot = taken->slot, .bytes = this->seal_(now, taken->slot, out, taken->size)};
}

std::optional<Tunnel::Transmit> Tunnel::transmit_keepalive_(Instant now, ByteSpan out) {
  if (!this->keepalives_wait_)
    return std::nullopt;
  for (Slot slot = 0; slot != MAX_PEERS; slot++) {
    Peer &peer = this->peers_[slot];
    if (!peer.send_keepalive)
      continue;
    peer.send_keepalive = false;
    if (!this->can_send_(now, peer))
      continue;
    return Transmit{.kind = Transmit::Kind::KEEPALIVE, .slot = slot, .bytes = this->seal_(now, slot, out, 0)};
  }
  this->keepalives_wait_ = false;
  return std::nullopt;
}

void Tunnel::drop_replies_(Slot slot) {
  for (size_t left = this->replies_.size(); left != 0; left--) {
    const auto reply = this->replies_.pop();
    if (reply->slot != slot)
      (void) this->replies_.push(*reply);
  }
}

}  // namespace microlink::wireguard
