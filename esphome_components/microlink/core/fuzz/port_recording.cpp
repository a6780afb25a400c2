// SPDX-License-Identifier: MIT
#include "microlink/port/posix/recording_format.h"

using namespace microlink;
using namespace microlink::posix;

/// What the readers of a recording accept, the writers write again the same way.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView payload(data, size);
  ReadInput read;
  if (read_input(payload, read) == Error::NONE) {
    std::vector<uint8_t> first;
    write_input(first, read.input);
    ReadInput again;
    if (read_input(first, again) != Error::NONE)
      __builtin_trap();
    std::vector<uint8_t> second;
    write_input(second, again.input);
    if (first != second || (!is_secret(read.input) && !equal(first, payload)))
      __builtin_trap();
  }
  Config config;
  if (read_config(payload, config) == Error::NONE) {
    std::vector<uint8_t> first;
    write_config(first, config);
    Config again;
    if (read_config(first, again) != Error::NONE)
      __builtin_trap();
    std::vector<uint8_t> second;
    write_config(second, again);
    if (first != second)
      __builtin_trap();
  }
  return 0;
}
