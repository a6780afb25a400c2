// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/random.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"
#include "microlink/tls/trust_anchors.h"

namespace microlink::tls {

enum class Versions : uint8_t {
  TLS12_AND_TLS13,
  /// For DERP relays: mbedTLS 3.6 gives up on the Ed25519 meta certificate at the end of a relay's chain in TLS 1.3,
  /// while TLS 1.2 skips it. (Its Certificate parser returns the last certificate's forgiven error.)
  TLS12,
};

/// Whom to talk to and what to believe. Views are copied by start(); `anchors` must outlive the session.
struct Policy {
  /// DNS name or IP literal; sent as SNI when it is a name.
  std::string_view host;
  /// Empty: the certificate must be valid for `host`. "sha256-raw:<64 lower-case hex>": the SHA-256 of the one
  /// certificate decides instead of anchors (03-derp: certificates named "derpkey…" do not count; it must be valid for
  /// `host` and in date). Anything else: the name that the certificate must be valid for instead of `host`.
  std::string_view cert_name{};
  const TrustAnchors *anchors{nullptr};
  /// A trusted time, or UNKNOWN: then a certificate must not have ended before `build_time`, and its start is not
  /// checked.
  WallTime wall_time{WallTime::UNKNOWN};
  WallTime build_time{WallTime::UNKNOWN};
  Versions versions{Versions::TLS12_AND_TLS13};
  /// Believe every certificate. For a DERP node marked InsecureForTests, nothing else.
  bool insecure_for_tests{false};
};

/// A TLS client, sans IO: ciphertext and plaintext go in and out as bytes; the owner moves them. TLS 1.2 and 1.3 by
/// mbedTLS 3.6, no ALPN, no renegotiation, no resumption, no early data. This module alone knows mbedTLS.
///
/// One pump for both directions, until neither moves:
///
///     while (!ciphertext_in.empty() && !session.is_finished()) {
///       n = session.read(ciphertext_in, plain);          // 0: all consumed, or write() must run first
///       … n bytes of plaintext …
///       while ((n = session.write(plaintext_out, out)) && *n != 0) … send n bytes …
///     }
///
/// Memory: through mbedTLS's allocator (memory.h), taken by start() and the handshake and freed by stop(). While a
/// record is under way it has a buffer of its length (record_buffers.h); any record of up to 16 KiB passes. The object
/// itself is one pointer and a few bytes.
class Session {
 public:
  enum class State : uint8_t {
    IDLE,         ///< start() → HANDSHAKING. Holds no memory
    HANDSHAKING,  ///< entered by start(): a ClientHello is due. Verified → OPEN, anything wrong → FAILED. No timer
                  ///< here: the owner gives up after its own patience (derp and control have login timers)
    OPEN,         ///< plaintext flows. close_notify → CLOSED, anything wrong → FAILED
    CLOSED,       ///< ended in good order by either side. write() still yields a last alert
    FAILED,       ///< see failure_text(). write() still yields a last alert
  };
  static constexpr size_t MAX_HOST_BYTES = 80;
  /// Plaintext that one read() can need at most; smaller buffers are fine, the rest comes with the next call.
  static constexpr size_t MAX_RECORD_BYTES = 16384;

  Session() = default;
  ~Session() { this->stop(); }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  /// Begin a handshake (an earlier session is dropped). `random` must outlive the session. MALFORMED: a host or a pin
  /// that cannot be. NO_SPACE: no memory. UNTRUSTED: no anchors, no pin and not insecure. The state is IDLE then.
  Error start(const Policy &policy, Random &random);
  /// Free everything; → IDLE.
  void stop();

  /// Consume ciphertext from the front of `ciphertext`; how many bytes of plaintext were written to `plaintext`. 0 with
  /// an empty `ciphertext`: more is needed. 0 with some left: write() has something to send first, or the state changed
  /// (call again). Plaintext may also be waiting inside: call until 0 even when `ciphertext` is empty.
  /// Errors, each once the session is over and then again and again: CLOSED (close_notify); UNTRUSTED (certificate);
  /// AUTH_FAILED (a record was tampered with); REJECTED (the peer sent a fatal alert); NO_SPACE (a record longer than
  /// the buffers, or no memory); MALFORMED (not TLS, or a broken handshake). UNEXPECTED when IDLE.
  Result<size_t> read(ByteView &ciphertext, ByteSpan plaintext);
  /// Consume plaintext from the front of `plaintext` and fill `ciphertext`; how many bytes of it. Handshake and alerts
  /// come out with an empty `plaintext`. Call until it yields 0. Nothing of `plaintext` is consumed before OPEN. Errors
  /// as read(), but only after everything was fetched.
  Result<size_t> write(ByteView &plaintext, ByteSpan ciphertext);
  /// Say goodbye: write() yields a close_notify, then the session is CLOSED. No-op unless OPEN.
  void close();

  State state() const { return this->state_; }
  bool is_finished() const { return this->state_ == State::CLOSED || this->state_ == State::FAILED; }
  /// Why it FAILED in a few words, e.g. "certificate: expired"; "" otherwise. A constant.
  const char *failure_text() const { return this->failure_text_; }
  /// After FAILED: change `policy` so that the next session to the same server may do better (TLS 1.2 for 1.3, 1.3 for
  /// a server that refuses 1.2). False: nothing to change. Worth remembering by host.
  bool advise(Policy &policy) const;
  /// "TLSv1.2" and the like once OPEN, else "".
  const char *version() const;

 private:
  struct Impl;
  enum class Advice : uint8_t { NONE, AVOID_TLS13, TRY_TLS13 };

  void fail_(int code);
  int handshake_();

  Impl *impl_{nullptr};
  const char *failure_text_{""};
  Error failure_{Error::NONE};
  State state_{State::IDLE};
  Advice advice_{};
};

}  // namespace microlink::tls
