// SPDX-License-Identifier: MIT
#include <cstring>
#include <vector>

#include "microlink/control/noise_framing.h"

using namespace microlink;
using control::NoiseFraming;

namespace {

Error read_all(std::vector<uint8_t> in, size_t chunk, std::vector<uint8_t> &out) {
  const Secret<32> key{as_bytes("0123456789abcdef0123456789abcdef")};
  NoiseFraming framing;
  framing.start(key, key);
  for (size_t at = 0; at < in.size(); at += chunk) {
    ByteSpan piece = ByteSpan(in).subspan(at, std::min(chunk, in.size() - at));
    while (!piece.empty()) {
      const auto plaintext = framing.read(piece);
      if (!plaintext) {
        if (framing.read(piece).error() != plaintext.error())
          __builtin_trap();  // sticky
        return plaintext.error();
      }
      out.insert(out.end(), plaintext->begin(), plaintext->end());
    }
  }
  return Error::NONE;
}

}  // namespace

/// Raw bytes, and the same bytes sealed into records first: both in one piece and in small ones.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const size_t chunk = 1u + data[0];
  std::vector<uint8_t> raw(data + 1, data + size);
  std::vector<uint8_t> one, many;
  if (read_all(raw, raw.size(), one) != read_all(raw, chunk, many) || one != many)
    __builtin_trap();

  const Secret<32> key{as_bytes("0123456789abcdef0123456789abcdef")};
  NoiseFraming sender;
  sender.start(key, key);
  std::vector<uint8_t> wire;
  for (size_t at = 0; at < raw.size();) {
    const size_t n = std::min<size_t>(raw.size() - at, 1u + raw[at] % 64);
    std::vector<uint8_t> record(n + NoiseFraming::OVERHEAD_BYTES);
    std::memcpy(record.data() + NoiseFraming::HEADER_BYTES, raw.data() + at, n);
    if (sender.seal(record, n).value_or(0) != record.size())
      __builtin_trap();
    wire.insert(wire.end(), record.begin(), record.end());
    at += n;
  }
  std::vector<uint8_t> back;
  if (read_all(wire, chunk, back) != Error::NONE || back != raw)
    __builtin_trap();
  return 0;
}
