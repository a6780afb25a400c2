// SPDX-License-Identifier: MIT
/// The packet AEAD against libsodium's: the same bytes for any key, nonce, associated data, text and alignment; forged
/// input is refused by both.
///
///   key 32 | nonce 12 | alignment 1 | associated data length 1 | associated data | text
#include <sodium.h>

#include <vector>

#include "microlink/base/reader.h"
#include "microlink/crypto/aead.h"

using namespace microlink;

namespace {

void require(bool ok) {
  if (!ok)
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Reader in({data, size});
  const auto raw_key = in.array<32>();
  const crypto::Nonce nonce = in.array<12>();
  const size_t alignment = in.u8() % 8;
  const size_t ad_bytes = in.u8();
  if (!in.ok() || ad_bytes > in.left())
    return 0;
  const ByteView ad = in.take(ad_bytes);
  const ByteView text = in.rest();
  const Secret<32> key(raw_key);

  std::vector<uint8_t> expected(text.size() + crypto::TAG_BYTES);
  crypto_aead_chacha20poly1305_ietf_encrypt(expected.data(), nullptr, text.data(), text.size(), ad.data(), ad.size(),
                                            nullptr, nonce.data(), raw_key.data());
  std::vector<uint8_t> room(alignment + expected.size());
  const ByteSpan sealed = ByteSpan(room).subspan(alignment);
  copy(text, sealed);
  crypto::seal(key, nonce, ad, sealed);
  require(equal(sealed, expected));
  require(crypto::open(key, nonce, ad, sealed));
  require(equal(sealed.first(text.size()), text));

  // The input itself as a message: nearly always forged.
  room.assign(alignment + text.size(), 0);
  const ByteSpan message = ByteSpan(room).subspan(alignment);
  copy(text, message);
  std::vector<uint8_t> plain(text.size());
  const bool valid = text.size() >= crypto::TAG_BYTES &&
                     crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, text.data(), text.size(),
                                                               ad.data(), ad.size(), nonce.data(), raw_key.data()) == 0;
  require(crypto::open(key, nonce, ad, message) == valid);
  for (const uint8_t byte : message)
    require(valid || byte == 0);
  return 0;
}
