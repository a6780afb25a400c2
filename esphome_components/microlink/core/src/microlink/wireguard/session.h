// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/secret.h"
#include "microlink/base/short_time.h"
#include "microlink/base/split_number.h"
#include "microlink/wireguard/cookie.h"
#include "microlink/wireguard/handshake.h"
#include "microlink/wireguard/replay_window.h"

namespace microlink::wireguard {

constexpr Duration REKEY_AFTER_TIME = seconds(120);
constexpr Duration REJECT_AFTER_TIME = seconds(180);
constexpr Duration REKEY_ATTEMPT_TIME = seconds(90);
constexpr Duration REKEY_TIMEOUT = seconds(5);
constexpr uint32_t REKEY_JITTER_MS = 333;
constexpr Duration KEEPALIVE_TIMEOUT = seconds(10);
/// So much earlier a keepalive goes if the device is awake anyway.
constexpr Duration KEEPALIVE_SLACK = seconds(1);
constexpr Duration WIPE_AFTER_TIME = REJECT_AFTER_TIME * 3;
constexpr uint64_t REKEY_AFTER_MESSAGES = uint64_t{1} << 60;
constexpr uint64_t REJECT_AFTER_MESSAGES = UINT64_MAX - (uint64_t{1} << 13);

/// Keys of one direction pair. Three exist of a peer (white paper §6.3): `next` was answered but not confirmed,
/// `current` sends, the late ones still receive what was under way. What a role does not need is not stored in it, and
/// only current ones exist for every peer: the others are needed for a round trip and share a few places. All go after
/// REJECT_AFTER_TIME, long before their stamps wrap.
struct ReceiveKey {
  Secret<32> key;
  uint32_t local_index{0};  ///< 0 = unused

  bool is_set() const { return this->local_index != 0; }
  void clear() {
    this->key.clear();
    this->local_index = 0;
  }
};

struct CurrentSession {
  SplitNumber send_counter;
  ReplayWindow window;
  Stamp created;
  Secret<32> send_key;
  ReceiveKey receive;
  uint32_t remote_index{0};

  void start(Stamp made, const Secret<32> &send, const Secret<32> &receive_key, uint32_t local, uint32_t remote) {
    this->window.reset();
    this->send_counter = 0;
    this->created = made;
    this->send_key.copy_from(send);
    this->receive.key.copy_from(receive_key);
    this->receive.local_index = local;
    this->remote_index = remote;
  }
  void clear() {
    this->send_key.clear();
    this->receive.clear();
  }
};

struct LateSession {
  ReplayWindow window;
  Stamp created;
  ReceiveKey receive;

  void start(const ReplayWindow &seen, Stamp made, const ReceiveKey &from) {
    this->window = seen;
    this->created = made;
    this->receive.key.copy_from(from.key);
    this->receive.local_index = from.local_index;
  }
};

struct NextSession {
  Stamp created;
  Secret<32> send_key;
  ReceiveKey receive;
  uint32_t remote_index{0};
  CookieJar cookies;  ///< of our responses

  void clear() {
    this->send_key.clear();
    this->receive.clear();
  }
};

}  // namespace microlink::wireguard
