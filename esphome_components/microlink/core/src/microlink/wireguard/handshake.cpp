// SPDX-License-Identifier: MIT
#include "microlink/wireguard/handshake.h"

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"
#include "microlink/crypto/aead.h"

namespace microlink::wireguard {

namespace {

constexpr std::string_view CONSTRUCTION = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view IDENTIFIER = "WireGuard v1 zx2c4 Jason@zx2c4.com";
using crypto::TAG_BYTES;

/// Fields of an initiation, views into it.
struct InitiationFields {
  ByteView sender;
  ByteView ephemeral;
  ByteView sealed_static;
  ByteView sealed_timestamp;

  explicit InitiationFields(ByteView message) {
    Reader in(message);
    in.u32le();  // type
    this->sender = in.take(4);
    this->ephemeral = in.take(KEY_BYTES);
    this->sealed_static = in.take(KEY_BYTES + TAG_BYTES);
    this->sealed_timestamp = in.take(TIMESTAMP_BYTES + TAG_BYTES);
  }
};

/// C0 and H = HASH(H0 || responder's static), the start of both sides.
void start(noise::SymmetricState &state, const NodePublic &responder) {
  state.start(CONSTRUCTION);
  state.mix_hash(as_bytes(IDENTIFIER));
  state.mix_hash(responder.bytes);
}

/// C = KDF1(C, E); H = HASH(H || E).
void mix_ephemeral(noise::SymmetricState &state, ByteView ephemeral) {
  state.mix_key_only(ephemeral);
  state.mix_hash(ephemeral);
}

}  // namespace

bool Initiator::write_initiation(Random &random, const NodePrivate &self, const NodePublic &peer,
                                 const crypto::SecretKey &static_shared, uint32_t sender_index,
                                 const Timestamp &timestamp, ByteSpan out) {
  random.fill(this->ephemeral_.writable());
  crypto::clamp(this->ephemeral_.writable());
  const crypto::PublicKey ephemeral = crypto::public_key_of(this->ephemeral_);

  start(this->state_, peer);
  Writer message(out);
  message.u32le(static_cast<uint32_t>(MessageType::INITIATION)).u32le(sender_index).bytes(ephemeral);
  mix_ephemeral(this->state_, ephemeral);
  if (!this->state_.mix_dh(this->ephemeral_, peer.bytes))
    return false;
  const ByteSpan sealed_static = message.claim(KEY_BYTES + TAG_BYTES);
  copy(self.public_key().bytes, sealed_static);
  this->state_.encrypt_and_hash(sealed_static);
  this->state_.mix_key(static_shared.bytes());
  const ByteSpan sealed_timestamp = message.claim(TIMESTAMP_BYTES + TAG_BYTES);
  copy(timestamp, sealed_timestamp);
  this->state_.encrypt_and_hash(sealed_timestamp);
  return true;
}

Error Initiator::read_response(const NodePrivate &self, ByteView response, TransportKeys &keys) {
  Reader in(response);
  in.take(12);  // type, sender, receiver
  const ByteView ephemeral = in.take(KEY_BYTES);
  Bytes<TAG_BYTES> empty = in.array<TAG_BYTES>();
  if (!in.ok())
    return Error::TRUNCATED;
  noise::SymmetricState state;
  state.copy_from(this->state_);
  mix_ephemeral(state, ephemeral);
  const crypto::PublicKey theirs = NodePublic::from_bytes(ephemeral).bytes;
  if (!state.mix_dh_only(this->ephemeral_, theirs) || !state.mix_dh_only(self.secret(), theirs))
    return Error::AUTH_FAILED;
  state.mix_psk(Secret<32>());  // no pre-shared key: zeros
  if (!state.decrypt_and_hash(empty))
    return Error::AUTH_FAILED;
  state.split(keys.send, keys.receive);
  return Error::NONE;
}

void Initiator::clear() {
  this->state_.clear();
  this->ephemeral_.clear();
}

Error Responder::read_static(const NodePrivate &self, ByteView initiation) {
  const InitiationFields fields(initiation);
  start(this->state_, self.public_key());
  mix_ephemeral(this->state_, fields.ephemeral);
  if (!this->state_.mix_dh(self.secret(), NodePublic::from_bytes(fields.ephemeral).bytes))
    return Error::AUTH_FAILED;
  Bytes<KEY_BYTES + TAG_BYTES> sealed;
  copy(fields.sealed_static, sealed);
  if (!this->state_.decrypt_and_hash(sealed))
    return Error::AUTH_FAILED;
  this->caller_ = NodePublic::from_bytes(ByteView(sealed).first(KEY_BYTES));
  return Error::NONE;
}

Error Responder::read_timestamp(ByteView initiation, const crypto::SecretKey &static_shared, Timestamp &timestamp) {
  const InitiationFields fields(initiation);
  this->state_.mix_key(static_shared.bytes());
  Bytes<TIMESTAMP_BYTES + TAG_BYTES> sealed;
  copy(fields.sealed_timestamp, sealed);
  if (!this->state_.decrypt_and_hash(sealed))
    return Error::AUTH_FAILED;
  copy(ByteView(sealed).first(TIMESTAMP_BYTES), timestamp);
  return Error::NONE;
}

bool Responder::write_response(Random &random, uint32_t sender_index, ByteView initiation, ByteSpan out,
                               TransportKeys &keys) {
  const InitiationFields fields(initiation);
  crypto::SecretKey ephemeral;
  random.fill(ephemeral.writable());
  crypto::clamp(ephemeral.writable());
  const crypto::PublicKey ephemeral_public = crypto::public_key_of(ephemeral);

  Writer message(out);
  message.u32le(static_cast<uint32_t>(MessageType::RESPONSE)).u32le(sender_index).bytes(fields.sender);
  message.bytes(ephemeral_public);
  mix_ephemeral(this->state_, ephemeral_public);
  if (!this->state_.mix_dh_only(ephemeral, NodePublic::from_bytes(fields.ephemeral).bytes) ||
      !this->state_.mix_dh_only(ephemeral, this->caller_.bytes))
    return false;
  this->state_.mix_psk(Secret<32>());
  this->state_.encrypt_and_hash(message.claim(TAG_BYTES));
  this->state_.split(keys.receive, keys.send);
  return true;
}

}  // namespace microlink::wireguard
