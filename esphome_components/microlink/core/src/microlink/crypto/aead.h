// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/secret.h"

namespace microlink::crypto {

constexpr size_t TAG_BYTES = 16;
constexpr size_t NONCE_BYTES = 12;
using Nonce = Bytes<NONCE_BYTES>;

/// 4 zero bytes and the counter: little-endian as in WireGuard and Noise, big-endian as in ts2021.
Nonce nonce_le(uint64_t counter);
Nonce nonce_be(uint64_t counter);

/// ChaCha20-Poly1305 (RFC 8439), own code, in place, any length and alignment; constant time.
/// Fastest where the span starts at a multiple of 4 bytes.
/// `text` is the plaintext followed by TAG_BYTES of room; it becomes ciphertext and tag.
void seal(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag);
/// The reverse: on success the front of the span is the plaintext. False, with the span wiped, when the tag is wrong
/// or the span is shorter than a tag.
[[nodiscard]] bool open(const Secret<32> &key, const Nonce &nonce, ByteView ad, ByteSpan text_and_tag);

/// XChaCha20-Poly1305 with a 24-byte nonce, for WireGuard's cookies. Same layout.
void xseal(const Secret<32> &key, const Bytes<24> &nonce, ByteView ad, ByteSpan text_and_tag);
[[nodiscard]] bool xopen(const Secret<32> &key, const Bytes<24> &nonce, ByteView ad, ByteSpan text_and_tag);

}  // namespace microlink::crypto
