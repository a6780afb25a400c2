// SPDX-License-Identifier: MIT
#include "microlinkd/requests.h"

#include <algorithm>

#include "microlinkd/allowed_peers.h"

namespace microlink::tools {

namespace {

constexpr char DOWN_MESSAGE[] = "the node is down; run: microlinkd up";

/// Connected, or on the way there: who is not in the table yet may be in it in a moment.
bool may_know_more(ControlState state) {
  return state != ControlState::OFFLINE && state != ControlState::WAITING_FOR_LOGIN;
}

std::string control_away(const std::string &name) {
  return error_json("not-ready",
                    "\"" + name + "\" is not in the table, and control cannot be asked; see: microlinkd status");
}

std::string unknown_peer(const std::string &name) {
  return error_json("unknown-peer", "no peer \"" + name + "\" that this node may know; see: microlinkd peers");
}

}  // namespace

void Requests::handle(Instant now, ClientId client, std::string_view line) {
  const auto request = JsonValue::parse(line);
  if (!request || !request->is(JsonValue::Kind::OBJECT) || !(*request)["command"].is(JsonValue::Kind::STRING))
    this->reply_(client, error_json("bad-request", "a request is one line: {\"command\":\"…\"}"));
  else if (this->pending_.size() >= MAX_PENDING)
    this->reply_(client, error_json("busy", "too many requests wait for an answer; try again"));
  else
    this->dispatch_(now, client, *request);
}

void Requests::dispatch_(Instant now, ClientId client, const JsonValue &request) {
  const std::string &command = request["command"].text();
  if (command == "status")
    this->reply_(client, status_json(this->node_->snapshot()));
  else if (command == "peers")
    this->reply_(client, peers_json(this->node_->snapshot()));
  else if (command == "watch")
    this->wait_(now, client, Pending::Kind::WATCH, Duration::ZERO);
  else if (command == "up")
    this->up_(client);
  else if (command == "down") {
    this->node_->down();
    this->wait_(now, client, Pending::Kind::DOWN, Duration::ZERO);
  } else {
    this->dispatch_online_(now, client, command, request);
  }
}

/// The commands that a running client is needed for.
void Requests::dispatch_online_(Instant now, ClientId client, std::string_view command, const JsonValue &request) {
  constexpr std::string_view KNOWN[] = {"ping", "netcheck", "rotate-key", "allow", "logout"};
  posix::Driven *driven = this->node_->driven();
  if (std::find(std::begin(KNOWN), std::end(KNOWN), command) == std::end(KNOWN)) {
    this->reply_(client, error_json("unknown-command", "this daemon does not know \"" + std::string(command) + "\""));
  } else if (this->node_->state() == posix::Node::State::LEAVING) {
    this->reply_(client, error_json("not-ready", "the node is logging out"));
  } else if (driven == nullptr) {
    this->reply_(client, error_json("down", DOWN_MESSAGE));
  } else if (command == "ping") {
    this->ping_(now, client, request);
  } else if (command == "allow") {
    this->allow_(client, request);
  } else if (command == "netcheck") {
    this->wait_(now, client, Pending::Kind::NETCHECK, NETCHECK_MOST);
    driven->netcheck(this->node_->runner().tick());
    this->node_->runner().drain();
  } else if (command == "rotate-key") {
    // Before the command: its answer may come from within.
    this->wait_(now, client, Pending::Kind::ROTATE, ROTATE_TIME);
    if (driven->rotate_node_key(this->node_->runner().tick()) != Error::NONE) {
      this->pending_.pop_back();
      this->reply_(client, error_json("not-ready", "control is not connected; try again when the node is online"));
    }
    this->node_->runner().drain();
  } else {
    this->wait_(now, client, Pending::Kind::LOGOUT, Duration::ZERO);
    this->node_->logout();
  }
}

/// Without `peers` the list is only shown.
void Requests::allow_(ClientId client, const JsonValue &request) {
  posix::Driven *driven = this->node_->driven();
  if (const JsonValue &peers = request["peers"]; !peers.is(JsonValue::Kind::NIL)) {
    std::string problem;
    const std::string list = list_of(peers, problem);
    if (problem.empty() && driven->set_allowed_peers(this->node_->runner().tick(), list) != Error::NONE)
      problem = "the list cannot be set";
    this->node_->runner().drain();
    if (!problem.empty()) {
      this->reply_(client, error_json("bad-request", problem));
      return;
    }
  }
  this->reply_(client, allow_json(this->node_->snapshot()));
}

void Requests::ping_(Instant now, ClientId client, const JsonValue &request) {
  const std::string &name = request["peer"].text();
  posix::Driven *driven = this->node_->driven();
  const auto peer = driven->find(this->node_->runner().tick(), name);
  if (peer) {
    this->send_ping_(now, client, name, peer->node_key);
  } else if (peer.error() != Error::NOT_READY) {
    this->reply_(client, unknown_peer(name));
  } else if (!may_know_more(driven->snapshot().control)) {
    this->reply_(client, control_away(name));
  } else {
    this->wait_(now, client, Pending::Kind::FIND, Client::FIND_LIMIT);
    this->pending_.back().ping.peer = name;
  }
  this->node_->runner().drain();
}

void Requests::send_ping_(Instant now, ClientId client, const std::string &name, const NodePublic &peer) {
  this->wait_(now, client, Pending::Kind::PING, PING_TIME);
  this->pending_.back().ping.peer = name;
  this->pending_.back().ping.node_key = peer;
  const Error error = this->node_->driven()->ping(this->node_->runner().tick(), peer);
  if (error == Error::NONE)
    return;
  this->pending_.pop_back();
  if (error == Error::UNKNOWN_PEER)
    this->reply_(client, unknown_peer(name));
  else if (error == Error::REJECTED)
    this->reply_(client,
                 error_json("not-allowed", name + " is not allowed to talk with this node; see: microlinkd allow"));
  else
    this->reply_(client, error_json("not-ready", "the node is not connected yet; see: microlinkd status"));
}

/// Peers that control was asked for: whoever is there is pinged, whoever is not in the tailnet is not waited for.
void Requests::find_again_(Instant now) {
  posix::Driven *driven = this->node_->driven();
  if (driven == nullptr)
    return;
  bool asked = false;
  // What is found goes to the end of the list and is passed again, as a PING.
  for (size_t i = 0; i != this->pending_.size();) {
    if (this->pending_[i].kind != Pending::Kind::FIND) {
      i++;
      continue;
    }
    const Pending waiting = this->pending_[i];
    const auto peer = driven->find(this->node_->runner().tick(), waiting.ping.peer);
    asked = true;
    const bool not_yet = !peer && peer.error() == Error::NOT_READY;
    if (not_yet && may_know_more(driven->snapshot().control)) {
      i++;
      continue;
    }
    this->pending_.erase(this->pending_.begin() + static_cast<ptrdiff_t>(i));
    if (peer)
      this->send_ping_(now, waiting.client, waiting.ping.peer, peer->node_key);
    else
      this->reply_(waiting.client, not_yet ? control_away(waiting.ping.peer) : unknown_peer(waiting.ping.peer));
  }
  if (asked)
    this->node_->runner().drain();
}

void Requests::up_(ClientId client) {
  if (this->node_->state() == posix::Node::State::DOWN && this->auth_key_ != nullptr)
    this->node_->set_auth_key(this->auth_key_());
  const std::string problem = this->node_->up();
  this->reply_(client, problem.empty() ? ok_json() : error_json("state-dir", problem));
}

void Requests::wait_(Instant now, ClientId client, Pending::Kind kind, Duration at_most) {
  this->pending_.push_back({kind, client, now, at_most == Duration::ZERO ? Instant::NEVER : now + at_most, Pong{}});
}

void Requests::forget(ClientId client) {
  std::erase_if(this->pending_, [client](const Pending &pending) { return pending.client == client; });
  std::erase_if(this->replies_, [client](const Reply &reply) { return reply.client == client; });
}

void Requests::on_event(Instant, const Event &event) {
  if (event.kind == Event::Kind::PONG || event.kind == Event::Kind::PING_TIMED_OUT)
    this->answer_ping_(event);
  for (auto it = this->pending_.begin(); it != this->pending_.end();)
    it = this->settle_by_event_(*it, event) ? this->pending_.erase(it) : it + 1;
}

/// Whether the request has its answer.
bool Requests::settle_by_event_(Pending &pending, const Event &event) {
  const bool rotates = pending.kind == Pending::Kind::ROTATE;
  const bool leaves = pending.kind == Pending::Kind::LOGOUT;
  if (pending.kind == Pending::Kind::WATCH) {
    this->replies_.push_back({pending.client, event_json(event, this->node_->snapshot()), false});
  } else if (rotates && event.kind == Event::Kind::KEY_ROTATED) {
    const NodePublic key = this->node_->snapshot().node_key;
    this->reply_(pending.client, ok_json(&key));
    return true;
  } else if (rotates && event.kind == Event::Kind::ROTATION_FAILED) {
    this->reply_(pending.client, error_json("refused", event.text));
    return true;
  } else if (leaves && event.kind == Event::Kind::LOGOUT_FAILED) {
    this->reply_(pending.client, error_json(event.error == Error::REJECTED ? "refused" : "timed-out", event.text));
    return true;
  } else if (leaves && event.kind == Event::Kind::LOGGED_OUT) {
    pending.kind = Pending::Kind::DOWN;  // what is left
  }
  return false;
}

/// All that asked for that peer: the client makes one ping of them.
void Requests::answer_ping_(const Event &event) {
  for (auto it = this->pending_.begin(); it != this->pending_.end();) {
    if (it->kind != Pending::Kind::PING || it->ping.node_key != event.peer) {
      ++it;
      continue;
    }
    if (event.kind == Event::Kind::PONG) {
      it->ping.path = event.path;
      it->ping.region = event.region;
      it->ping.latency = event.latency;
      this->reply_(it->client, pong_json(it->ping));
    } else {
      this->reply_(it->client, error_json("timed-out", "no answer from " + it->ping.peer));
    }
    it = this->pending_.erase(it);
  }
}

void Requests::update(Instant now) {
  this->find_again_(now);
  for (size_t i = 0; i != this->pending_.size();) {
    if (this->settle_(now, this->pending_[i]))
      this->pending_.erase(this->pending_.begin() + static_cast<ptrdiff_t>(i));
    else
      i++;
  }
}

/// Whether the request has its answer.
bool Requests::settle_(Instant now, const Pending &pending) {
  const bool down = this->node_->state() == posix::Node::State::DOWN;
  switch (pending.kind) {
    case Pending::Kind::WATCH:
      return false;
    case Pending::Kind::DOWN:
      if (down)
        this->reply_(pending.client, ok_json());
      return down;
    case Pending::Kind::LOGOUT:
      if (down)
        this->reply_(pending.client,
                     error_json("failed", "the node went down before control had confirmed the logout"));
      return down;
    case Pending::Kind::NETCHECK: {
      if (down || now - pending.since < NETCHECK_LEAST)
        break;
      const posix::Snapshot snapshot = this->node_->snapshot();
      if (snapshot.relays.empty() && pending.deadline > now)
        return false;
      this->reply_(pending.client, netcheck_json(snapshot));
      return true;
    }
    case Pending::Kind::FIND:
    case Pending::Kind::PING:
    case Pending::Kind::ROTATE:
      break;
  }
  if (down) {
    this->reply_(pending.client, error_json("down", DOWN_MESSAGE));
    return true;
  }
  if (pending.deadline > now)
    return false;
  this->reply_(pending.client, error_json("timed-out", "no answer in time"));
  return true;
}

Instant Requests::next_timeout(Instant now) const {
  Instant out = Instant::NEVER;
  for (const Pending &pending : this->pending_) {
    out = earlier(out, pending.deadline);
    // A netcheck is looked at as soon as it may be answered, and then with every turn.
    if (const Instant first = pending.since + NETCHECK_LEAST; pending.kind == Pending::Kind::NETCHECK && first > now)
      out = earlier(out, first);
  }
  return out;
}

std::optional<Requests::Reply> Requests::poll_reply() {
  if (this->replies_.empty())
    return std::nullopt;
  Reply out = std::move(this->replies_.front());
  this->replies_.pop_front();
  return out;
}

}  // namespace microlink::tools
