// SPDX-License-Identifier: MIT
/// The ts2021 response: nothing that control did not make for this very attempt gives keys.
#include "microlink/crypto/drbg.h"
#include "microlink/noise/control_ik.h"

using namespace microlink;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const crypto::SecretKey machine(Bytes<32>{1}), control(Bytes<32>{2});
  static const crypto::PublicKey machine_public = crypto::public_key_of(machine);
  static const crypto::PublicKey control_public = crypto::public_key_of(control);
  crypto::Drbg random;
  noise::ControlHandshake handshake;
  Bytes<noise::INITIATION_BYTES> initiation;
  if (handshake.start(131, machine, machine_public, control_public, random, initiation) != Error::NONE)
    __builtin_trap();
  Secret<32> tx, rx;
  const Error error = handshake.finish({data, size}, tx, rx);
  const bool length_error = error == (size < noise::RESPONSE_BYTES ? Error::TRUNCATED : Error::MALFORMED);
  if (!length_error && !(error == Error::AUTH_FAILED && size == noise::RESPONSE_BYTES))
    __builtin_trap();
  if (handshake.state() != noise::ControlHandshake::State::IDLE || !equal(tx.bytes(), Bytes<32>{}) ||
      !equal(rx.bytes(), Bytes<32>{}))
    __builtin_trap();
  return 0;
}
