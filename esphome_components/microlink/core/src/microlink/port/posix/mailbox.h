// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <mutex>

#include "microlink/port/posix/driven.h"
#include "microlink/port/posix/fd.h"

namespace microlink::posix {

/// What the owner of a node may ask of it.
struct Command {
  enum class Kind : uint8_t { UP, DOWN, LOGOUT, PING, ROTATE_KEY, NETCHECK, SET_AUTH_KEY, SET_ALLOWED_PEERS, STOP };
  Kind kind;
  std::string
      text{};  ///< PING: name, address or node key of the peer; SET_AUTH_KEY: the key; SET_ALLOWED_PEERS: the list
};

/// An Event that owns its text.
struct OwnedEvent {
  Event::Kind kind;
  NodePublic peer{};
  Endpoint path{};
  uint16_t region{0};
  Duration latency{};
  std::string text{};
  Error error{Error::NONE};

  static OwnedEvent from(const Event &event) {
    return {event.kind, event.peer, event.path, event.region, event.latency, std::string(event.text), event.error};
  }
};

/// The one door between a node's thread and its owner's: commands in, events and the latest snapshot out. One mutex,
/// which is a leaf; nobody else's code runs under it.
class Mailbox {
 public:
  Mailbox();

  // The owner's side.

  /// False when MAX_COMMANDS wait already.
  bool post(Command command);
  std::optional<OwnedEvent> take_event();
  /// The latest snapshot, once; false when nothing is new.
  bool take_snapshot(Snapshot &out);
  /// How many events were lost since the last call, because more than MAX_EVENTS waited.
  uint32_t take_lost_events();

  // The node's side.

  /// Readable while a command waits.
  int fd() const { return this->wake_.get(); }
  std::optional<Command> take_command();
  /// Full: the oldest event goes.
  void put_event(OwnedEvent event);
  void put_snapshot(Snapshot snapshot);

  static constexpr size_t MAX_COMMANDS = 16;
  static constexpr size_t MAX_EVENTS = 64;

 private:
  const Fd wake_;
  std::mutex mutex_;
  std::deque<Command> commands_;
  std::deque<OwnedEvent> events_;
  Snapshot snapshot_;
  bool snapshot_is_new_{false};
  uint32_t lost_events_{0};
};

}  // namespace microlink::posix
