// SPDX-License-Identifier: MIT
#include "tests/sim/stun_answer.h"

#include "microlink/base/writer.h"

namespace microlink::sim {

namespace {

constexpr uint32_t MAGIC_COOKIE = 0x2112a442;

}  // namespace

std::vector<uint8_t> stun_answer(ByteView request, const Endpoint &seen) {
  std::vector<uint8_t> out(32);
  Writer writer(out);
  writer.u16be(0x0101).u16be(12).u32be(MAGIC_COOKIE).bytes(request.subspan(8, 12));
  writer.u16be(0x0020).u16be(8).u16be(1).u16be(static_cast<uint16_t>(seen.port ^ MAGIC_COOKIE >> 16));
  uint32_t address = 0;
  for (size_t i = 0; i != 4; i++)
    address = address << 8 | seen.address.raw()[i];
  writer.u32be(address ^ MAGIC_COOKIE);
  return out;
}

}  // namespace microlink::sim
