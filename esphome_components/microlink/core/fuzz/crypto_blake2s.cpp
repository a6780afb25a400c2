// SPDX-License-Identifier: MIT
/// BLAKE2s: any split of the input and any alignment give the digest of the whole.
///
///   digest length 1 | key length 1 | chunk 1 | alignment 1 | key | text
#include <algorithm>
#include <vector>

#include "microlink/base/reader.h"
#include "microlink/crypto/blake2s.h"

using namespace microlink;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Reader in({data, size});
  const size_t digest_bytes = 1 + in.u8() % 32U;
  const size_t key_bytes = in.u8() % 33U;
  const size_t chunk = 1 + in.u8();
  const size_t alignment = in.u8() % 8U;
  const ByteView key = in.take(key_bytes);
  if (!in.ok())
    return 0;
  Bytes<32> whole{}, split{};
  crypto::Blake2s(digest_bytes, key).update(in.rest()).finish(ByteSpan(whole).first(digest_bytes));
  std::vector<uint8_t> room(alignment + in.left());
  ByteSpan rest = ByteSpan(room).subspan(alignment);
  copy(in.rest(), rest);
  crypto::Blake2s hash(digest_bytes, key);
  while (!rest.empty()) {
    const size_t n = std::min(chunk, rest.size());
    hash.update(rest.first(n));
    rest = rest.subspan(n);
  }
  hash.finish(ByteSpan(split).first(digest_bytes));
  if (whole != split)
    __builtin_trap();
  return 0;
}
