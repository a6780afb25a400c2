// SPDX-License-Identifier: MIT
#include "microlink/noise/control_ik.h"

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"
#include "microlink/crypto/aead.h"

namespace microlink::noise {

namespace {

constexpr std::string_view PROTOCOL_NAME = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view PROLOGUE = "Tailscale Control Protocol v";
constexpr size_t SEALED_KEY_BYTES = crypto::KEY_BYTES + crypto::TAG_BYTES;
constexpr size_t INITIATION_PAYLOAD_BYTES = crypto::KEY_BYTES + SEALED_KEY_BYTES + crypto::TAG_BYTES;
constexpr size_t RESPONSE_PAYLOAD_BYTES = crypto::KEY_BYTES + crypto::TAG_BYTES;
static_assert(INITIATION_BYTES == 5 + INITIATION_PAYLOAD_BYTES);
static_assert(RESPONSE_BYTES == MESSAGE_HEADER_BYTES + RESPONSE_PAYLOAD_BYTES);

/// The prologue with the version in decimal.
void mix_prologue(SymmetricState &symmetric, uint16_t capability_version) {
  constexpr size_t MAX_DIGITS = 5;
  Bytes<PROLOGUE.size() + MAX_DIGITS> text;
  Writer out(text);
  out.text(PROLOGUE);
  uint16_t divisor = 1;
  while (capability_version / divisor >= 10)
    divisor = static_cast<uint16_t>(divisor * 10);
  for (; divisor != 0; divisor = static_cast<uint16_t>(divisor / 10))
    out.u8(static_cast<uint8_t>('0' + capability_version / divisor % 10));
  symmetric.mix_hash(out.written());
}

}  // namespace

Error ControlHandshake::start(uint16_t capability_version, const crypto::SecretKey &machine,
                              const crypto::PublicKey &machine_public, const crypto::PublicKey &control, Random &random,
                              std::span<uint8_t, INITIATION_BYTES> initiation) {
  this->machine_.copy_from(machine);
  random.fill(this->ephemeral_.writable());
  crypto::clamp(this->ephemeral_.writable());
  const crypto::PublicKey ephemeral_public = crypto::public_key_of(this->ephemeral_);

  Writer out(initiation);
  out.u16be(capability_version).u8(MESSAGE_INITIATION).u16be(INITIATION_PAYLOAD_BYTES).bytes(ephemeral_public);
  this->symmetric_.start(PROTOCOL_NAME);
  mix_prologue(this->symmetric_, capability_version);
  this->symmetric_.mix_hash(control);
  this->symmetric_.mix_hash(ephemeral_public);

  const ByteSpan sealed_key = out.claim(SEALED_KEY_BYTES);
  const ByteSpan tag = out.claim(crypto::TAG_BYTES);
  if (!this->symmetric_.mix_dh(this->ephemeral_, control)) {
    this->clear();
    return Error::UNTRUSTED;
  }
  copy(machine_public, sealed_key);
  this->symmetric_.encrypt_and_hash(sealed_key);
  if (!this->symmetric_.mix_dh(this->machine_, control)) {
    this->clear();
    return Error::UNTRUSTED;
  }
  this->symmetric_.encrypt_and_hash(tag);
  this->state_ = State::WAITING;
  return Error::NONE;
}

Error ControlHandshake::finish(ByteView response, Secret<32> &tx_key, Secret<32> &rx_key) {
  if (this->state_ != State::WAITING)
    return Error::UNEXPECTED;
  const Error error = this->read_response_(response, tx_key, rx_key);
  this->clear();
  return error;
}

Error ControlHandshake::read_response_(ByteView response, Secret<32> &tx_key, Secret<32> &rx_key) {
  Reader in(response);
  const uint8_t type = in.u8();
  const uint16_t length = in.u16be();
  const crypto::PublicKey ephemeral = in.array<crypto::KEY_BYTES>();
  Bytes<crypto::TAG_BYTES> tag = in.array<crypto::TAG_BYTES>();
  if (!in.ok())
    return Error::TRUNCATED;
  if (in.left() != 0 || type != MESSAGE_RESPONSE || length != RESPONSE_PAYLOAD_BYTES)
    return Error::MALFORMED;
  this->symmetric_.mix_hash(ephemeral);
  if (!this->symmetric_.mix_dh(this->ephemeral_, ephemeral) || !this->symmetric_.mix_dh(this->machine_, ephemeral) ||
      !this->symmetric_.decrypt_and_hash(tag))
    return Error::AUTH_FAILED;
  this->symmetric_.split(tx_key, rx_key);
  this->handshake_hash_ = this->symmetric_.hash();
  return Error::NONE;
}

void ControlHandshake::clear() {
  this->symmetric_.clear();
  this->machine_.clear();
  this->ephemeral_.clear();
  this->state_ = State::IDLE;
}

}  // namespace microlink::noise
