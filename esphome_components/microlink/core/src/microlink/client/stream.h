// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include "microlink/base/log.h"
#include "microlink/ports.h"
#include "microlink/tls/session.h"

namespace microlink::client {

/// One TCP connection of the client, with TLS on top where it is wanted. Its user deals in plain bytes.
///
///   FREE       nothing. open() → OPENING
///   OPENING    the port was asked. Connected → WAITING or OPEN; refused → FREE
///   WAITING    for start_tls(), which comes when no other stream is in its handshake. → SECURING
///   SECURING   TLS handshake. Done → OPEN; refused → FREE. No timer: whoever asked for the stream has one
///   OPEN       plain bytes flow. Ended by either side → FREE
class Stream {
 public:
  enum class State : uint8_t { FREE, OPENING, WAITING, SECURING, OPEN };

  /// What to connect to. `host` is the user's and must stay until the stream is closed; TLS policy's views are copied
  /// by tls::Session when it starts.
  struct Target {
    std::string_view host;
    uint16_t port{0};
    /// Set: connect there instead of asking DNS for `host`.
    IpAddress address{};
    bool tls{false};
  };

  /// Begin; what was open is dropped. The policy is built by `secure()` later, when the time is known best.
  void open(const Target &target);
  /// Drop it; a CLOSE_STREAM follows if the port knows of it.
  void close();
  /// The port says that TCP is up. Returns whether the stream is OPEN now (no TLS); else start_tls() is due.
  bool handle_connected();
  /// `policy` is bent to what was learnt from earlier failures with this host. Errors: see tls::Session::start().
  Error start_tls(tls::Policy policy, Random &random);
  /// After a failure: remember how the next session with this host may do better.
  void learn();
  /// The port says that it is gone.
  void handle_gone();

  /// Take plain bytes from what arrived: consumes from `in`, returns a view (of `in` itself without TLS, else of
  /// `room`); empty when nothing is left, or when poll_handshake() must run first.
  Result<ByteSpan> take_plain(ByteSpan &in, ByteSpan room);
  /// Handshake records, alerts. How many bytes stand in `out`.
  size_t poll_handshake(ByteSpan out);
  /// Seal `plain`, which has at most MAX_PLAIN_BYTES, into `out`; 0 when TLS failed.
  size_t seal(ByteView plain, ByteSpan out);
  /// Whether the TLS handshake ended well since the last call.
  bool take_became_open() { return std::exchange(this->became_open_, false); }
  /// What sealing adds, at the most.
  static constexpr size_t OVERHEAD_BYTES = 64;
  /// So that a sealed chunk always fits the port's scratch buffer.
  static constexpr size_t MAX_PLAIN_BYTES = SCRATCH_BYTES - OVERHEAD_BYTES;

  State state() const { return this->state_; }
  bool is_open() const { return this->state_ == State::OPEN; }
  bool is_blocked() const { return this->blocked_; }
  void set_blocked(bool blocked) { this->blocked_ = blocked; }
  bool has_tls() const { return this->target_tls_; }
  std::string_view host() const { return this->host_; }
  uint16_t port() const { return this->port_; }
  const IpAddress &address() const { return this->address_; }
  const tls::Session &tls() const { return this->tls_; }

  /// What the port has to be told, each once.
  bool take_open_due() { return std::exchange(this->open_due_, false); }
  bool take_close_due() { return std::exchange(this->close_due_, false); }

 private:
  void note_handshake_();

  State state_{State::FREE};
  bool became_open_{false};
  bool open_due_{false};
  bool close_due_{false};
  bool blocked_{false};
  bool target_tls_{false};
  uint16_t port_{0};
  tls::Versions versions_{};  ///< of the running session
  tls::Versions learnt_versions_{};
  uint32_t learnt_for_{0};  ///< hash of the host; one that is taken for another costs a second handshake
  std::string_view host_;
  IpAddress address_{};
  tls::Session tls_;
};

static_assert(sizeof(void *) != 4 || sizeof(Stream) <= 56, "there are five");

}  // namespace microlink::client
