// SPDX-License-Identifier: MIT
#include "microlink/http/upgrade.h"

using microlink::ByteView;
using microlink::http::UpgradeResponse;

/// The first byte is the chunk size of a second reader, which must come to the same end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const ByteView in(data + 1, size - 1);
  UpgradeResponse whole("DERP");
  const size_t used = whole.handle_bytes(in);
  UpgradeResponse pieces("DERP");
  size_t at = 0;
  while (at != in.size() && pieces.state() == UpgradeResponse::State::HEAD)
    at += pieces.handle_bytes(in.subspan(at, std::min<size_t>(in.size() - at, 1u + data[0] % 16)));
  if (at != used || whole.state() != pieces.state() || whole.status() != pieces.status())
    __builtin_trap();
  return 0;
}
