// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/random.h"
#include "microlink/base/secret.h"

namespace microlink::crypto {

/// Random bytes from a 32-byte seed: ChaCha20 with fast key erasure (the key is replaced after every request). The
/// client draws everything from one of these, so that a recorded run can be replayed byte for byte.
class Drbg final : public Random {
 public:
  /// Before this every byte is drawn from an all-zero key: the owner seeds first.
  void seed(ByteView seed);
  void fill(ByteSpan out) override;

 private:
  Secret<32> key_;
};

}  // namespace microlink::crypto
