// SPDX-License-Identifier: MIT
/// A stream of DERP frames in two ways: at once and in pieces of the first byte's size. Both must give the same.
#include <vector>

#include "microlink/derp/frames.h"

namespace {

using namespace microlink;
using namespace microlink::derp;

void require(bool condition) {
  if (!condition)
    __builtin_trap();
}

struct Seen {
  FrameType type;
  uint32_t size;
  std::vector<uint8_t> body;
  bool operator==(const Seen &) const = default;
};

std::vector<Seen> read_all(std::vector<uint8_t> stream, size_t piece, bool &failed) {
  GatherBuffer gather;
  FrameReader reader(gather);
  std::vector<Seen> out;
  ByteSpan rest(stream);
  while (!rest.empty() && !failed) {
    ByteSpan in = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(in.size());
    while (true) {
      const auto frame = reader.next(in);
      failed = !frame;
      if (!frame || !*frame)
        break;
      require((*frame)->size <= MAX_FRAME_BYTES);
      require((*frame)->body.size() == std::min<size_t>((*frame)->size, FrameReader::BUFFER_BYTES));
      out.push_back({(*frame)->type, (*frame)->size, {(*frame)->body.begin(), (*frame)->body.end()}});
    }
    require(in.empty() || failed);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const std::vector<uint8_t> stream(data + 1, data + size);
  bool failed_whole = false;
  bool failed_cut = false;
  const auto whole = read_all(stream, stream.size(), failed_whole);
  require(whole == read_all(stream, 1 + data[0], failed_cut));
  require(failed_whole == failed_cut);
  for (const Seen &each : whole) {
    (void) parse_server_key(each.body);
    const auto info = parse_server_info(each.body);
    (void) info;
    (void) looks_like_disco(each.body);
    if (each.body.size() == each.size) {
      std::vector<uint8_t> again(FRAME_HEADER_BYTES + each.size);
      Writer out(again);
      write_frame(out, each.type, each.body);
      require(out.ok() && out.left() == 0);
    }
  }
  return 0;
}
