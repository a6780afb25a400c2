// SPDX-License-Identifier: MIT
/// What is accepted names an endpoint, and a request that we write is never taken for a response.
#include "microlink/stun/message.h"

using namespace microlink;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView input(data, size);
  const auto response = stun::parse_binding_response(input);
  if (response && (!response->reflexive.is_set() || !stun::looks_like_stun(input)))
    __builtin_trap();

  stun::TxId tx_id{};
  copy(input, tx_id);
  Bytes<stun::REQUEST_BYTES> request{};
  Writer out(request);
  stun::write_binding_request(out, tx_id);
  if (!out.ok() || !stun::looks_like_stun(request) || stun::parse_binding_response(request))
    __builtin_trap();
  return 0;
}
