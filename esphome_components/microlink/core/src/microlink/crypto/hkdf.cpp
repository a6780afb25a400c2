// SPDX-License-Identifier: MIT
#include "microlink/crypto/blake2s.h"

#include <cassert>

namespace microlink::crypto {

namespace {

constexpr size_t BLOCK_BYTES = 64;

/// The key as RFC 2104 mixes it in, one block, XORed with `pad`.
void start(Blake2s &hash, ByteView key, uint8_t pad) {
  alignas(4) Bytes<BLOCK_BYTES> block;
  block.fill(pad);
  for (size_t i = 0; i != key.size(); i++)
    block[i] ^= key[i];
  hash.update(block);
  wipe(block);
}

}  // namespace

Bytes<32> blake2s(std::initializer_list<ByteView> parts) {
  Blake2s hash;
  for (const ByteView part : parts)
    hash.update(part);
  Bytes<32> out;
  hash.finish(out);
  return out;
}

Bytes<16> blake2s_mac(ByteView key, std::initializer_list<ByteView> parts) {
  Blake2s hash(16, key);
  for (const ByteView part : parts)
    hash.update(part);
  Bytes<16> out;
  hash.finish(out);
  return out;
}

void hmac_blake2s(ByteView key, std::initializer_list<ByteView> parts, Secret<32> &out) {
  Secret<32> long_key;
  if (key.size() > BLOCK_BYTES) {
    Blake2s().update(key).finish(long_key.writable());
    key = long_key.bytes();
  }
  Secret<32> digest;
  Blake2s inner;
  start(inner, key, 0x36);
  for (const ByteView part : parts)
    inner.update(part);
  inner.finish(digest.writable());
  Blake2s outer;
  start(outer, key, 0x5c);
  outer.update(digest.bytes()).finish(out.writable());
}

void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1) {
  Secret<32> prk;
  hmac_blake2s(chaining_key, {input}, prk);
  hmac_blake2s(prk.bytes(), {Bytes<1>{1}}, out1);
}

void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1, Secret<32> &out2) {
  Secret<32> prk;
  hmac_blake2s(chaining_key, {input}, prk);
  hmac_blake2s(prk.bytes(), {Bytes<1>{1}}, out1);
  hmac_blake2s(prk.bytes(), {out1.bytes(), Bytes<1>{2}}, out2);
}

void hkdf(ByteView chaining_key, ByteView input, Secret<32> &out1, Secret<32> &out2, Secret<32> &out3) {
  Secret<32> prk;
  hmac_blake2s(chaining_key, {input}, prk);
  hmac_blake2s(prk.bytes(), {Bytes<1>{1}}, out1);
  hmac_blake2s(prk.bytes(), {out1.bytes(), Bytes<1>{2}}, out2);
  hmac_blake2s(prk.bytes(), {out2.bytes(), Bytes<1>{3}}, out3);
}

}  // namespace microlink::crypto
