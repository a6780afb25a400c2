// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/json/tokenizer.h"
#include "microlink/tailcfg/types.h"

namespace microlink::tailcfg {

/// Reads the answer to GET /key?v=… ({"publicKey":"mkey:…", …}) as it arrives.
class KeyResponseParser {
 public:
  static constexpr size_t MAX_BYTES = 64U << 10;

  void reset() { *this = KeyResponseParser{}; }
  /// A piece of the body. MALFORMED (not a JSON object, above MAX_BYTES) is for good, until reset().
  Error handle_bytes(ByteView bytes);
  /// The body ended: control's Noise key. TRUNCATED if the object is not complete, MALFORMED if there is no usable key.
  Result<MachinePublic> finish() const;

 private:
  json::Tokenizer tokenizer_;
  MachinePublic key_{};
  size_t bytes_{0};
  Error error_{Error::NONE};
  bool is_public_key_{false};
  bool done_{false};
};

}  // namespace microlink::tailcfg
