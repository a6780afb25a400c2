// SPDX-License-Identifier: MIT
#include "microlink/wireguard/cookie.h"

#include "microlink/base/writer.h"
#include "microlink/crypto/aead.h"
#include "microlink/crypto/blake2s.h"

namespace microlink::wireguard {

namespace {

constexpr std::string_view LABEL_MAC1 = "mac1----";
constexpr std::string_view LABEL_COOKIE = "cookie--";
constexpr size_t NONCE_OFFSET = 8;
constexpr size_t SEALED_OFFSET = 32;

Bytes<32> labelled_key(std::string_view label, const NodePublic &key) {
  return crypto::blake2s({as_bytes(label), key.bytes});
}

/// Everything before mac1, mac1, and mac2 of an initiation or response.
ByteView before_mac1(ByteView message) { return message.first(message.size() - MACS_BYTES); }
ByteView mac1_of(ByteView message) { return message.last(MACS_BYTES).first(MAC_BYTES); }
ByteView mac2_of(ByteView message) { return message.last(MAC_BYTES); }

}  // namespace

void CookieChecker::set_identity(const NodePublic &self) {
  this->mac1_key_ = labelled_key(LABEL_MAC1, self);
  copy(labelled_key(LABEL_COOKIE, self), this->cookie_key_.writable());
}

bool CookieChecker::has_valid_mac1(ByteView message) const {
  return ct_equal(crypto::blake2s_mac(this->mac1_key_, {before_mac1(message)}), mac1_of(message));
}

bool CookieChecker::has_valid_mac2(Instant now, Random &random, ByteView message, const Endpoint &source) {
  const Mac cookie = this->cookie_for_(now, random, source);
  const Mac expected = crypto::blake2s_mac(cookie, {message.first(message.size() - MAC_BYTES)});
  return ct_equal(expected, mac2_of(message));
}

void CookieChecker::write_reply(Instant now, Random &random, ByteView message, const Endpoint &source, ByteSpan out) {
  Writer reply(out);
  reply.u32le(static_cast<uint32_t>(MessageType::COOKIE_REPLY)).bytes(message.subspan(4, 4));
  Bytes<24> nonce;
  random.fill(nonce);
  reply.bytes(nonce);
  const ByteSpan sealed = reply.claim(MAC_BYTES + crypto::TAG_BYTES);
  copy(this->cookie_for_(now, random, source), sealed);
  crypto::xseal(this->cookie_key_, nonce, mac1_of(message), sealed);
}

Mac CookieChecker::cookie_for_(Instant now, Random &random, const Endpoint &source) {
  if (now >= this->secret_until_) {
    random.fill(this->secret_.writable());
    this->secret_until_ = now + COOKIE_REFRESH_TIME;
  }
  const Bytes<2> port{static_cast<uint8_t>(source.port >> 8), static_cast<uint8_t>(source.port)};
  return crypto::blake2s_mac(this->secret_.bytes(), {source.address.raw(), port});
}

void CookieJar::write_macs(Instant now, const NodePublic &peer, ByteSpan message) {
  this->last_mac1 = crypto::blake2s_mac(labelled_key(LABEL_MAC1, peer), {before_mac1(message)});
  this->awaits_reply = true;
  copy(this->last_mac1, message.last(MACS_BYTES).first(MAC_BYTES));
  Mac mac2{};
  if (this->cookie_received.age(now) < CookieChecker::COOKIE_REFRESH_TIME)
    mac2 = crypto::blake2s_mac(this->cookie, {message.first(message.size() - MAC_BYTES)});
  copy(mac2, message.last(MAC_BYTES));
}

Error CookieJar::handle_reply(Instant now, const NodePublic &peer, ByteView reply) {
  if (!this->awaits_reply)
    return Error::UNEXPECTED;
  Bytes<24> nonce;
  copy(reply.subspan(NONCE_OFFSET, nonce.size()), nonce);
  Bytes<MAC_BYTES + crypto::TAG_BYTES> sealed;
  copy(reply.subspan(SEALED_OFFSET), sealed);
  const Secret<32> key(labelled_key(LABEL_COOKIE, peer));
  if (!crypto::xopen(key, nonce, this->last_mac1, sealed))
    return Error::AUTH_FAILED;
  copy(ByteView(sealed).first(MAC_BYTES), this->cookie);
  this->cookie_received = Stamp(now);
  this->awaits_reply = false;
  return Error::NONE;
}

}  // namespace microlink::wireguard
