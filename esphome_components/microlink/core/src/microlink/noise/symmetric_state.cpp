// SPDX-License-Identifier: MIT
#include "microlink/noise/symmetric_state.h"

#include <cassert>

#include "microlink/crypto/aead.h"

namespace microlink::noise {

void SymmetricState::start(std::string_view protocol_name) {
  assert(protocol_name.size() > 32);
  this->h_ = crypto::blake2s({as_bytes(protocol_name)});
  copy(this->h_, this->ck_.writable());
  this->k_.clear();
}

void SymmetricState::mix_hash(ByteView input) { this->h_ = crypto::blake2s({this->h_, input}); }

void SymmetricState::mix_key(ByteView input) { crypto::hkdf(this->ck_.bytes(), input, this->ck_, this->k_); }

void SymmetricState::mix_key_only(ByteView input) { crypto::hkdf(this->ck_.bytes(), input, this->ck_); }

void SymmetricState::mix_psk(const Secret<32> &psk) {
  Secret<32> t;
  crypto::hkdf(this->ck_.bytes(), psk.bytes(), this->ck_, t, this->k_);
  this->mix_hash(t.bytes());
}

bool SymmetricState::mix_dh(const crypto::SecretKey &private_key, const crypto::PublicKey &public_key) {
  crypto::SecretKey shared;
  if (!crypto::x25519(private_key, public_key, shared))
    return false;
  this->mix_key(shared.bytes());
  return true;
}

bool SymmetricState::mix_dh_only(const crypto::SecretKey &private_key, const crypto::PublicKey &public_key) {
  crypto::SecretKey shared;
  if (!crypto::x25519(private_key, public_key, shared))
    return false;
  this->mix_key_only(shared.bytes());
  return true;
}

void SymmetricState::encrypt_and_hash(ByteSpan text_and_tag) {
  crypto::seal(this->k_, crypto::nonce_le(0), this->h_, text_and_tag);
  this->mix_hash(text_and_tag);
}

bool SymmetricState::decrypt_and_hash(ByteSpan text_and_tag) {
  // The hash covers the ciphertext, which open() overwrites; it is kept only when the tag was right.
  const Bytes<32> mixed = crypto::blake2s({this->h_, text_and_tag});
  if (!crypto::open(this->k_, crypto::nonce_le(0), this->h_, text_and_tag))
    return false;
  this->h_ = mixed;
  return true;
}

void SymmetricState::split(Secret<32> &initiator_to_responder, Secret<32> &responder_to_initiator) const {
  crypto::hkdf(this->ck_.bytes(), {}, initiator_to_responder, responder_to_initiator);
}

void SymmetricState::copy_from(const SymmetricState &other) {
  this->h_ = other.h_;
  this->ck_.copy_from(other.ck_);
  this->k_.copy_from(other.k_);
}

void SymmetricState::clear() {
  wipe(this->h_);
  this->ck_.clear();
  this->k_.clear();
}

}  // namespace microlink::noise
