// SPDX-License-Identifier: MIT
/// RegisterResponse and /key: whole and split input must give the same result.
#include "microlink/tailcfg/key_response.h"
#include "microlink/tailcfg/register.h"

using namespace microlink;
using namespace microlink::tailcfg;

namespace {

template<typename Parser> void feed(Parser &parser, ByteView input, size_t piece) {
  while (!input.empty()) {
    const size_t n = std::min(piece, input.size());
    (void) parser.handle_bytes(input.first(n));
    input = input.subspan(n);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const ByteView input(data + 1, size - 1);
  const size_t piece = 1 + data[0] % 16U;
  RegisterResponseParser whole, split;
  feed(whole, input, size);
  feed(split, input, piece);
  const Error error = whole.finish();
  if (error != split.finish())
    __builtin_trap();
  const RegisterResponse &a = whole.response();
  const RegisterResponse &b = split.response();
  if (error == Error::NONE &&
      (!(a.error == b.error) || !(a.auth_url == b.auth_url) || a.node_key_expired != b.node_key_expired ||
       a.machine_authorized != b.machine_authorized))
    __builtin_trap();
  KeyResponseParser key_whole, key_split;
  feed(key_whole, input, size);
  feed(key_split, input, piece);
  const auto key = key_whole.finish();
  if (key.error() != key_split.finish().error() || (key && (!key->is_set() || *key != *key_split.finish())))
    __builtin_trap();
  return 0;
}
