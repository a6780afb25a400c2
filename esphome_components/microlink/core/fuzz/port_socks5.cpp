// SPDX-License-Identifier: MIT
/// In pieces as in one: the same verdict and answers. It never wants more than a message can have, and who is let
/// through named a host and a port.
#include "microlink/port/lwip/socks5.h"

#include <algorithm>

using namespace microlink;
using lwip::Socks5;

namespace {

constexpr size_t MAX_MESSAGE_BYTES = 262;

std::string converse(Socks5 &socks, ByteView input, size_t piece) {
  std::string said;
  while (!input.empty() && socks.wants() != 0) {
    if (socks.wants() > MAX_MESSAGE_BYTES)
      __builtin_trap();
    const size_t n = std::min({piece, socks.wants(), input.size()});
    socks.take(input.first(n));
    said += socks.take_output();
    input = input.subspan(n);
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView input(data, size);
  Socks5 whole;
  Socks5 pieces;
  const std::string said = converse(whole, input, MAX_MESSAGE_BYTES);
  if (said != converse(pieces, input, 1) || whole.state() != pieces.state() || whole.host() != pieces.host())
    __builtin_trap();
  if (whole.state() == Socks5::State::READY && (whole.host().empty() || whole.port() == 0))
    __builtin_trap();
  return 0;
}
