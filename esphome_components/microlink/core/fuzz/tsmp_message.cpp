// SPDX-License-Identifier: MIT
/// What is read as TSMP can be written and is read back the same; echo replies are never answered.
#include <cstring>
#include <vector>

#include "microlink/tsmp/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace microlink;
  std::vector<uint8_t> packet(data, data + size);
  if (const auto parsed = ip::parse_packet(packet)) {
    const auto message = tsmp::parse(parsed->protocol == ip::TSMP ? parsed->transport : ByteView(packet));
    Bytes<128> room;
    const bool one_family = parsed->source.is_v4() == parsed->destination.is_v4();
    if (message) {
      const auto n = tsmp::write(*message, parsed->source, parsed->destination, 1, room);
      if (static_cast<bool>(n) != one_family)
        __builtin_trap();
      if (!n)
        return 0;
      const auto again = ip::parse_packet(ByteView(room).first(*n));
      if (!again || again->protocol != ip::TSMP)
        __builtin_trap();
      const auto read = tsmp::parse(again->transport);
      if (!read || read->type != message->type || read->data != message->data ||
          read->source_port != message->source_port || read->disco_key != message->disco_key)
        __builtin_trap();
    }
    (void) tsmp::write_pong(*parsed, {}, room);
  }
  if (tsmp::answer_echo(packet) == Error::NONE && tsmp::answer_echo(packet) == Error::NONE)
    __builtin_trap();
  return 0;
}
