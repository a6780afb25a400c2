// SPDX-License-Identifier: MIT
#pragma once

#include <mutex>
#include <utility>

#include "microlink/base/ring_buffer.h"
#include "microlink/client.h"

namespace microlink::chip {

/// What the owner of a node may ask of it.
struct Command {
  enum class Kind : uint8_t { UP, DOWN, LOGOUT, ROTATE_KEY, NETCHECK, SET_AUTH_KEY, STOP };
  Kind kind{Kind::UP};
  FixedString<128> text{};  ///< SET_AUTH_KEY: the key
};

/// What a node says about itself at one moment, owned.
struct Snapshot {
  State state{State::STOPPED};
  FixedString<MAX_URL_BYTES> login_url;
  FixedString<128> message;
  FixedString<MAX_NODE_NAME_BYTES> name;
  FixedString<256> allowed_peers;  ///< the list as text, cut when it is longer; "*" is everybody
  size_t allowed_entries{0};
  IpAddress ipv4{};
  IpAddress ipv6{};
  uint16_t home_derp{0};
  size_t peers_in_table{0};
};

/// The one door between a node's task and its owner's: commands in, the latest snapshot out, in fixed memory. One
/// mutex, which is a leaf; nobody else's code runs under it.
class Mailbox {
 public:
  static constexpr size_t MAX_COMMANDS = 4;
  static constexpr size_t MAX_LIST_BYTES = 640;  ///< of allowed peers: seven node keys, or sixteen names

  // The owner's side.

  /// False when MAX_COMMANDS wait already.
  bool post(const Command &command) {
    const std::lock_guard lock(this->mutex_);
    if (!this->commands_.push(command.kind))
      return false;
    if (command.kind == Command::Kind::SET_AUTH_KEY)
      this->key_ = command.text;
    return true;
  }
  /// The list of allowed peers from now on; only the latest one counts. False when it is longer than MAX_LIST_BYTES.
  bool post_allowed_peers(std::string_view list) {
    const std::lock_guard lock(this->mutex_);
    this->list_is_new_ = this->list_.assign(list);
    return this->list_is_new_;
  }
  /// The latest snapshot, once; false when nothing is new.
  bool take_snapshot(Snapshot &out) {
    const std::lock_guard lock(this->mutex_);
    if (!this->snapshot_is_new_)
      return false;
    this->snapshot_is_new_ = false;
    out = this->snapshot_;
    return true;
  }

  // The node's side.

  std::optional<Command> take_command() {
    const std::lock_guard lock(this->mutex_);
    if (this->commands_.empty())
      return std::nullopt;
    Command out{.kind = this->commands_[0]};
    (void) this->commands_.pop();
    if (out.kind == Command::Kind::SET_AUTH_KEY)
      out.text = std::exchange(this->key_, {});
    return out;
  }
  bool take_allowed_peers(FixedString<MAX_LIST_BYTES> &out) {
    const std::lock_guard lock(this->mutex_);
    out = this->list_;
    return std::exchange(this->list_is_new_, false);
  }
  void put_snapshot(const Snapshot &snapshot) {
    const std::lock_guard lock(this->mutex_);
    this->snapshot_ = snapshot;
    this->snapshot_is_new_ = true;
  }

 private:
  std::mutex mutex_;
  RingBuffer<Command::Kind, MAX_COMMANDS> commands_;
  FixedString<128> key_;  ///< of the last SET_AUTH_KEY that waits
  Snapshot snapshot_;
  FixedString<MAX_LIST_BYTES> list_;
  bool list_is_new_{false};
  bool snapshot_is_new_{false};
};

}  // namespace microlink::chip
