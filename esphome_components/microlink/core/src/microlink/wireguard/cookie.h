// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/ip.h"
#include "microlink/base/random.h"
#include "microlink/base/secret.h"
#include "microlink/base/short_time.h"
#include "microlink/keys/keys.h"
#include "microlink/wireguard/messages.h"

namespace microlink::wireguard {

/// mac1 and mac2 (white paper §5.4.4, §5.4.7), seen by who is being called.
///
/// mac1 costs nothing to check and shows that the sender knows our public key. mac2, asked for under load only, shows
/// that it can receive at its source address.
class CookieChecker {
 public:
  static constexpr Duration COOKIE_REFRESH_TIME = seconds(120);

  /// Prepare the keys that depend on our public key; call again when it changes.
  void set_identity(const NodePublic &self);

  /// `message` is an initiation or a response as a whole.
  bool has_valid_mac1(ByteView message) const;
  bool has_valid_mac2(Instant now, Random &random, ByteView message, const Endpoint &source);
  /// A cookie reply of COOKIE_REPLY_BYTES into `out`, to `message`'s sender at `source`.
  void write_reply(Instant now, Random &random, ByteView message, const Endpoint &source, ByteSpan out);

 private:
  Mac cookie_for_(Instant now, Random &random, const Endpoint &source);

  Bytes<32> mac1_key_{};
  Secret<32> cookie_key_;
  Secret<32> secret_;  ///< changes every COOKIE_REFRESH_TIME
  Instant secret_until_{INT64_MIN};
};

/// The caller's side for one peer: writes the macs and keeps the cookie that a reply brought.
struct CookieJar {
  Mac last_mac1{};
  Mac cookie{};
  Stamp cookie_received;  ///< a wrap makes one message carry a mac2 that is worth nothing
  bool awaits_reply{false};

  /// Fill mac1 and mac2 at the end of `message`, which goes to `peer`.
  void write_macs(Instant now, const NodePublic &peer, ByteSpan message);
  /// AUTH_FAILED, or UNEXPECTED when no message of ours is waiting for one.
  Error handle_reply(Instant now, const NodePublic &peer, ByteView reply);
};

}  // namespace microlink::wireguard
