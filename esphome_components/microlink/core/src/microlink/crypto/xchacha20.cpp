// SPDX-License-Identifier: MIT
#include <sodium.h>

#include "microlink/crypto/aead.h"

namespace microlink::crypto {

namespace {

/// draft-irtf-cfrg-xchacha §2: the first 16 bytes of the nonce go into the key, the other 8 are the nonce.
Nonce derive(const Secret<32> &key, const Bytes<24> &nonce, Secret<32> &subkey) {
  crypto_core_hchacha20(subkey.writable().data(), nonce.data(), key.bytes().data(), nullptr);
  Nonce rest{};
  copy(ByteView(nonce).subspan(16), ByteSpan(rest).subspan(4));
  return rest;
}

}  // namespace

void xseal(const Secret<32> &key, const Bytes<24> &nonce, ByteView ad, ByteSpan text_and_tag) {
  Secret<32> subkey;
  const Nonce rest = derive(key, nonce, subkey);
  seal(subkey, rest, ad, text_and_tag);
}

bool xopen(const Secret<32> &key, const Bytes<24> &nonce, ByteView ad, ByteSpan text_and_tag) {
  Secret<32> subkey;
  const Nonce rest = derive(key, nonce, subkey);
  return open(subkey, rest, ad, text_and_tag);
}

}  // namespace microlink::crypto
