// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/secret.h"

namespace microlink::crypto {

constexpr size_t KEY_BYTES = 32;
using PublicKey = Bytes<KEY_BYTES>;
using SecretKey = Secret<KEY_BYTES>;

/// Clamp as RFC 7748 §5 and Go's key package do, so that the stored bytes are canonical.
void clamp(ByteSpan private_key);
PublicKey public_key_of(const SecretKey &private_key);
/// X25519. False for an all-zero result (a low-order point), which must be refused; `shared` is wiped then.
[[nodiscard]] bool x25519(const SecretKey &private_key, const PublicKey &public_key, SecretKey &shared);

}  // namespace microlink::crypto
