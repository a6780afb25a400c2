// SPDX-License-Identifier: MIT
/// NaCl box: arbitrary bytes never open, unless they were sealed; sealed ones do.
#include <vector>

#include "microlink/base/reader.h"
#include "microlink/crypto/box.h"
#include "microlink/crypto/drbg.h"

using namespace microlink;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const crypto::SecretKey mine(Bytes<32>{1}), theirs(Bytes<32>{2});
  static const crypto::PublicKey my_public = crypto::public_key_of(mine), their_public = crypto::public_key_of(theirs);
  static crypto::BoxKey here, there;
  if (!here.precompute(mine, their_public) || !there.precompute(theirs, my_public))
    __builtin_trap();
  const ByteView in(data, size);
  std::vector<uint8_t> out(size);
  if (here.open(in, out))
    __builtin_trap();
  crypto::Drbg random;
  random.seed(in);
  std::vector<uint8_t> sealed(size + crypto::BOX_OVERHEAD);
  here.seal(random, in, sealed);
  const auto opened = there.open(sealed, out);
  if (!opened || *opened != size || !equal(out, in))
    __builtin_trap();
  return 0;
}
