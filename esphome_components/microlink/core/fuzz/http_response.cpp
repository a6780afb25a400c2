// SPDX-License-Identifier: MIT
#include "microlink/http/response.h"

using microlink::ByteView;
using microlink::http::Response;

namespace {

struct Outcome {
  Response::State state;
  size_t used{0};
  size_t body{0};
  uint32_t sum{0};
  bool operator==(const Outcome &) const = default;
};

Outcome read(ByteView in, size_t chunk) {
  Response response(500);
  Outcome out{};
  while (out.used != in.size() && response.state() <= Response::State::BODY) {
    ByteView body;
    const size_t n = response.handle_bytes(in.subspan(out.used, std::min(chunk, in.size() - out.used)), body);
    if (n == 0 && response.state() <= Response::State::BODY)
      __builtin_trap();
    out.used += n;
    out.body += body.size();
    for (const uint8_t byte : body)
      out.sum = out.sum * 31 + byte;
  }
  out.state = response.state();
  if (out.body > 500)
    __builtin_trap();
  if (out.state == Response::State::BAD)
    return {.state = out.state};  // where it was noticed depends on the chunks
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const ByteView in(data + 1, size - 1);
  if (read(in, SIZE_MAX) != read(in, 1u + data[0] % 16))
    __builtin_trap();
  return 0;
}
