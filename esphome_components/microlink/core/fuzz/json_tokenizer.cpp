// SPDX-License-Identifier: MIT
/// The first byte chooses how the rest is split; whole and split input must give the same tokens.
#include <cstring>

#include "microlink/json/tokenizer.h"

using namespace microlink;
using json::Token;

namespace {

uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001b3ULL; }

/// A hash over all tokens.
uint64_t digest(ByteView input, size_t chunk) {
  json::Tokenizer tokenizer;
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (;;) {
    const size_t n = std::min(chunk, input.size());
    tokenizer.feed(input.first(n));
    input = input.subspan(n);
    if (input.empty())
      tokenizer.finish();
    for (;;) {
      const Token token = tokenizer.next();
      if (token == Token::NEED_MORE)
        break;
      hash = mix(hash, static_cast<uint64_t>(token));
      hash = mix(hash, tokenizer.depth());
      if (tokenizer.depth() > json::Tokenizer::MAX_DEPTH || tokenizer.text().size() > JSON_MAX_TEXT_BYTES)
        __builtin_trap();
      if (token == Token::KEY || token == Token::STRING || token == Token::NUMBER) {
        for (const char c : tokenizer.text())
          hash = mix(hash, static_cast<uint8_t>(c));
      }
      if (token == Token::DONE && tokenizer.depth() != 0)
        __builtin_trap();
      if (token == Token::DONE || token == Token::BAD)
        return hash;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const ByteView input(data + 1, size - 1);
  if (digest(input, size) != digest(input, 1 + data[0] % 16U))
    __builtin_trap();
  return 0;
}
