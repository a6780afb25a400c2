// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "microlink/base/random.h"
#include "microlink/noise/control_ik.h"

namespace microlink::noise {

/// Control's side of the handshake, for tests.
struct Answer {
  Bytes<RESPONSE_BYTES> response{};
  crypto::PublicKey machine{};
  Bytes<32> tx_key{};
  Bytes<32> rx_key{};
  Bytes<32> handshake_hash{};
};

/// Empty when the initiation is not for this control key and version (`version` in decimal).
std::optional<Answer> respond(const crypto::SecretKey &control, ByteView initiation, const std::string &version,
                              Random &random);

}  // namespace microlink::noise
