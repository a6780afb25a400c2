// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/control/event.h"
#include "microlink/http/upgrade.h"
#include "microlink/noise/control_ik.h"

namespace microlink::control {

/// One try at a ts2021 connection: the HTTP upgrade with the Noise initiation in it, and the server's response (01
/// §3.2, §3.3). What comes after the response is left to the channel.
class Attempt {
 public:
  Attempt();

  enum class State : uint8_t {
    IDLE,         ///< nothing under way
    OPENING,      ///< the connection is being opened. Exit: open() → REQUESTING
    REQUESTING,   ///< the upgrade request is to be sent. Exit: poll_transmit() → UPGRADING
    UPGRADING,    ///< waiting for 101. Exits → HANDSHAKING, FAILED
    HANDSHAKING,  ///< waiting for 51 bytes. Exits → DONE, FAILED
    DONE,         ///< finish() gives the keys
    FAILED,
  };
  State state() const { return this->state_; }
  bool is_active() const { return this->state_ != State::IDLE && this->state_ != State::FAILED; }
  /// Whether it failed after the server had agreed to the upgrade: the server does not hold the key, or refuses the
  /// capability version.
  bool failed_in_handshake() const { return this->failed_in_handshake_; }
  /// HTTP status of a refusal, 0 if there was none.
  uint16_t status() const { return this->upgrade_.status(); }

  void begin() { this->reset_(State::OPENING); }
  void clear() { this->reset_(State::IDLE); }
  /// The connection is there. UNTRUSTED: the control key is not one.
  Error open(const MachinePrivate &machine, const MachinePublic &control, Random &random);
  /// Takes from the front of `in`; afterwards the state tells.
  void handle_bytes(ByteView &in);
  void handle_closed() { this->fail_(); }
  /// How much may be read at once so that it is the attempt's.
  size_t wanted_bytes() const { return noise::RESPONSE_BYTES - this->response_size_; }
  /// The upgrade request, once: its size, or 0.
  size_t poll_transmit(std::string_view authority, ByteSpan out);
  /// After DONE: the keys of the records; IDLE again.
  void finish(Secret<32> &tx_key, Secret<32> &rx_key);

 private:
  void reset_(State state);
  void fail_();

  noise::ControlHandshake handshake_;
  http::UpgradeResponse upgrade_;
  Bytes<noise::INITIATION_BYTES> initiation_{};
  Bytes<noise::RESPONSE_BYTES> response_{};
  Secret<32> tx_key_;
  Secret<32> rx_key_;
  size_t response_size_{0};
  State state_{State::IDLE};
  bool failed_in_handshake_{false};
};

}  // namespace microlink::control
