// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "microlink/base/ring_buffer.h"
#include "microlink/client.h"
#include "microlink/netmap/allowlist.h"

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
  bool is_new_login_url{false};  ///< there is one, and it is another one than in the snapshot that was taken before
  bool is_new_message{false};
  FixedString<MAX_NODE_NAME_BYTES> name;
  FixedString<256> allowed_peers;  ///< the list as text, cut when it is longer; "*" is everybody
  size_t allowed_entries{0};
  IpAddress ipv4{};
  IpAddress ipv6{};
  uint16_t home_derp{0};
  size_t peers_in_table{0};
};

/// The one door between a node's task and its owner's: commands in, the latest snapshot out, in fixed memory. One
/// mutex, which is a leaf; nobody else's code runs under it. How long it is held is counted (script/bench-rv32), which
/// is why its type is open.
template<typename Mutex> class MailboxWith {
 public:
  static constexpr size_t MAX_COMMANDS = 4;

  // The owner's side.

  /// False when MAX_COMMANDS wait already. Of auth keys only the latest one counts; it waits apart.
  bool post(const Command &command) {
    const Lock lock(this->mutex_);
    if (command.kind != Command::Kind::SET_AUTH_KEY)
      return this->commands_.push(command.kind);
    this->key_ = command.text;
    return true;
  }
  /// The list of allowed peers from now on; only the latest one counts. False when it makes no sense.
  bool post_allowed_peers(std::string_view list) {
    netmap::Allowlist packed;
    if (packed.assign(list) != Error::NONE)
      return false;
    const Lock lock(this->mutex_);
    this->list_ = packed;
    this->list_is_new_ = true;
    return true;
  }
  /// The latest snapshot, once; false when nothing is new.
  bool take_snapshot(Snapshot &out) {
    const Lock lock(this->mutex_);
    if (!this->snapshot_is_new_)
      return false;
    this->snapshot_is_new_ = false;
    out = this->snapshot_;
    return true;
  }

  // The node's side.

  /// Never SET_AUTH_KEY.
  std::optional<Command::Kind> take_command() {
    const Lock lock(this->mutex_);
    return this->commands_.pop();
  }
  /// Empty when none waits. It waits until a client has it.
  FixedString<128> auth_key() {
    const Lock lock(this->mutex_);
    return this->key_;
  }
  /// A client has it. A newer one waits on.
  void forget_auth_key(const FixedString<128> &given) {
    const Lock lock(this->mutex_);
    if (this->key_ == given)
      this->key_ = {};
  }
  bool take_allowed_peers(netmap::Allowlist &out) {
    const Lock lock(this->mutex_);
    if (!this->list_is_new_)
      return false;
    out = this->list_;
    this->list_is_new_ = false;
    return true;
  }
  void put_snapshot(const Snapshot &snapshot) {
    const Lock lock(this->mutex_);
    const bool url_is_news = this->is_news_(snapshot.login_url, this->snapshot_.login_url, &Snapshot::is_new_login_url);
    const bool message_is_news = this->is_news_(snapshot.message, this->snapshot_.message, &Snapshot::is_new_message);
    this->snapshot_ = snapshot;
    this->snapshot_.is_new_login_url = url_is_news;
    this->snapshot_.is_new_message = message_is_news;
    this->snapshot_is_new_ = true;
  }

 private:
  /// As std::lock_guard, whose header wants threads.
  class Lock {
   public:
    explicit Lock(Mutex &mutex) : mutex_(mutex) { this->mutex_.lock(); }
    ~Lock() { this->mutex_.unlock(); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

   private:
    Mutex &mutex_;
  };
  /// Also when it stood in a snapshot before that nobody took.
  bool is_news_(std::string_view now, std::string_view before, bool Snapshot::*was_news) const {
    return !now.empty() && (now != before || (this->snapshot_is_new_ && this->snapshot_.*was_news));
  }

  Mutex mutex_;
  RingBuffer<Command::Kind, MAX_COMMANDS> commands_;
  FixedString<128> key_;  ///< until there is a client for it
  Snapshot snapshot_;
  netmap::Allowlist list_;  ///< packed: as text it may be three times as long
  bool list_is_new_{false};
  bool snapshot_is_new_{false};
};

}  // namespace microlink::chip
