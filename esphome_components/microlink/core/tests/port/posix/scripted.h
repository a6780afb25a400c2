// SPDX-License-Identifier: MIT
#pragma once

#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "microlink/port/posix/driven.h"

namespace microlink::posix {

/// A directory that goes with the test.
class TemporaryDir {
 public:
  TemporaryDir() {
    char name[] = "/tmp/microlink-test-XXXXXX";
    this->path_ = ::mkdtemp(name);
  }
  ~TemporaryDir() { std::filesystem::remove_all(this->path_); }
  std::string operator/(const std::string &name) const { return this->path_ + "/" + name; }

 private:
  std::string path_;
};

/// An Input or Action that owns its bytes.
struct SeenInput {
  Input::Kind kind;
  StreamId stream;
  Record record;
  Error error;
  Endpoint from;
  std::string bytes;
  std::vector<Endpoint> endpoints;
  std::string host;
};

/// What the test and the scripted client share; outlives the client.
struct Script {
  std::string allowed_peers;
  std::vector<SeenInput> seen;
  std::deque<Event> events;
  Instant timeout{Instant::NEVER};
  Snapshot snapshot;
  std::string auth_key;
  std::function<void(const SeenInput &)> on_input;  ///< may call act()
  Error ping_error{Error::NONE};
  std::vector<NodePublic> pings;
  Error find_error{Error::UNKNOWN_PEER};  ///< for a name that is not in the snapshot
  size_t netchecks{0};
  bool stops_when_told{true};
  /// What logout() says at once; empty: control is silent.
  std::vector<Event> logout_events{{.kind = Event::Kind::LOGGED_OUT}, {.kind = Event::Kind::STOPPED}};

  struct OwnedAction {
    Action action;
    std::string bytes;
    std::string host;
    std::vector<Endpoint> endpoints;
  };
  std::deque<OwnedAction> actions;

  void act(Action action, std::string bytes = {}, std::string host = {}, std::vector<Endpoint> endpoints = {}) {
    this->actions.push_back({action, std::move(bytes), std::move(host), std::move(endpoints)});
  }
  size_t count(Input::Kind kind) const {
    size_t n = 0;
    for (const SeenInput &input : this->seen)
      n += input.kind == kind;
    return n;
  }
  const SeenInput *last(Input::Kind kind) const {
    for (auto it = this->seen.rbegin(); it != this->seen.rend(); ++it) {
      if (it->kind == kind)
        return &*it;
    }
    return nullptr;
  }
};

/// A client that does what a test says.
class Scripted final : public Driven {
 public:
  explicit Scripted(Script &script) : script_(script) {}

  Error set_auth_key(std::string_view auth_key) override {
    this->script_.auth_key = auth_key;
    return Error::NONE;
  }
  void handle(Instant now, const Input &input) override {
    if (input.kind == Input::Kind::TIMEOUT && this->script_.timeout <= now)
      this->script_.timeout = Instant::NEVER;
    if (input.kind == Input::Kind::STOP && this->script_.stops_when_told)
      this->script_.events.push_back({.kind = Event::Kind::STOPPED});
    this->script_.seen.push_back({input.kind,
                                  input.stream,
                                  input.record,
                                  input.error,
                                  input.from,
                                  std::string(as_text(input.bytes)),
                                  {input.endpoints.begin(), input.endpoints.end()},
                                  std::string(input.host)});
    if (this->script_.on_input)
      this->script_.on_input(SeenInput(this->script_.seen.back()));
    for (uint8_t &byte : input.bytes)
      byte ^= 0xff;  // a client decrypts in place: nobody may rely on the bytes afterwards
  }
  std::optional<Action> poll_action(Instant, ByteSpan) override {
    if (this->script_.actions.empty())
      return std::nullopt;
    this->current_ = std::move(this->script_.actions.front());
    this->script_.actions.pop_front();
    Action out = this->current_.action;
    out.bytes = as_bytes(this->current_.bytes);
    out.host = this->current_.host;
    out.endpoints = this->current_.endpoints;
    return out;
  }
  std::optional<Event> poll_event() override {
    if (this->script_.events.empty())
      return std::nullopt;
    const Event out = this->script_.events.front();
    this->script_.events.pop_front();
    return out;
  }
  Instant next_timeout() const override { return this->script_.timeout; }
  Error ping(Instant, const NodePublic &peer) override {
    this->script_.pings.push_back(peer);
    return this->script_.ping_error;
  }
  Error rotate_node_key(Instant) override { return Error::NONE; }
  void logout(Instant) override {
    if (!this->script_.logout_events.empty())
      this->script_.act({.kind = Action::Kind::ERASE, .record = Record::NODE_KEY});
    for (const Event &event : this->script_.logout_events)
      this->script_.events.push_back(event);
  }
  void netcheck(Instant) override { this->script_.netchecks++; }
  Error set_allowed_peers(Instant, std::string_view list) override {
    const Error error = Client::check_allowed_peers(list);
    if (error == Error::NONE)
      this->script_.allowed_peers = list;
    return error;
  }
  Snapshot snapshot() const override { return this->script_.snapshot; }
  Result<PeerStatus> find(Instant, std::string_view name) override {
    for (const PeerStatus &peer : this->script_.snapshot.peers) {
      if (peer.name.view() == name || peer.node_key.to_text().view() == name)
        return peer;
    }
    return this->script_.find_error;
  }
  std::optional<NodePublic> resolve(std::string_view name) const override {
    for (const PeerStatus &peer : this->script_.snapshot.peers) {
      if (peer.name.view() == name)
        return peer.node_key;
    }
    return std::nullopt;
  }

 private:
  Script &script_;
  Script::OwnedAction current_;
};

inline DrivenFactory scripted_factory(Script &script) {
  return [&script](const Config &, const TrustStore &, LogSink *) { return std::make_unique<Scripted>(script); };
}

}  // namespace microlink::posix
