// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(__linux__)
#include "microlink/port/chip/node.h"

#include <algorithm>

namespace microlink::chip {

Node::Node(const Options &options, System &system, LogSink *log)
    : options_(options), system_(system), log_sink_(log), log_(log, "node"), loop_(system, this, log) {}

Node::~Node() { this->loop_.detach(); }

bool Node::post(const Command &command) {
  const bool taken = this->mailbox_.post(command);
  // Also when it was not: the task may have missed what made the mailbox full.
  this->system_.wake_up();
  return taken;
}

bool Node::post_allowed_peers(std::string_view list) {
  const bool taken = this->mailbox_.post_allowed_peers(list);
  this->system_.wake_up();
  return taken;
}

Duration Node::turn(Instant latest) {
  const bool at_rest = this->state_ != State::DOWN && this->loop_.stopped();
  if (this->news_ || at_rest)
    latest = static_cast<Instant>(0);
  const Duration waited = this->loop_.turn(earlier(latest, earlier(this->stop_deadline_, this->retry_at_)));
  while (const auto command = this->mailbox_.take_command())
    this->perform_(*command);
  if (this->retry_at_ <= this->loop_.tick())
    this->up_();
  this->apply_quiet_();
  this->set_auth_key_();
  this->set_allowed_peers_();
  if (this->state_ != State::DOWN && (this->loop_.stopped() || this->stop_deadline_ <= this->loop_.tick()))
    this->finish_();
  if (this->news_)
    this->publish_();
  return waited;
}

void Node::perform_(Command::Kind command) {
  const bool is_up = this->state_ == State::UP;
  switch (command) {
    case Command::Kind::UP:
      this->up_();
      return;
    case Command::Kind::DOWN:
      this->down_(State::STOPPING);
      return;
    case Command::Kind::LOGOUT:
      this->down_(State::LEAVING);
      return;
    case Command::Kind::STOP:
      this->stop_asked_ = true;
      this->down_(State::STOPPING);
      return;
    case Command::Kind::ROTATE_KEY:
      if (!is_up || this->client_->rotate_node_key(this->loop_.tick()) != Error::NONE)
        this->log_.warning("the node key cannot be replaced while control is not connected");
      break;
    case Command::Kind::NETCHECK:
      if (is_up)
        this->client_->netcheck(this->loop_.tick());
      break;
    case Command::Kind::SET_AUTH_KEY:  // waits apart
      return;
  }
  this->loop_.drain();
}

/// A list that comes while there is no client waits for one.
void Node::set_allowed_peers_() {
  if (this->state_ != State::UP || !this->give_allowed_peers_())
    return;
  this->loop_.drain();
  this->news_ = true;
}

/// Apart, so that what it takes of the stack is free again when the sockets are used. False: nobody wants another list.
[[gnu::noinline]] bool Node::give_allowed_peers_() {
  netmap::Allowlist list;
  if (!this->mailbox_.take_allowed_peers(list))
    return false;
  // A block of IPv4 addresses grows most: 6 bytes become 19.
  FixedString<4 * MAX_ALLOWLIST_BYTES> text(list.is_everybody() ? "*" : "");
  for (size_t i = 0; i != list.size(); i++) {
    (void) text.append(" ");
    (void) text.append(list.text(i).view());
  }
  if (this->client_->set_allowed_peers(this->loop_.tick(), text) != Error::NONE)
    this->log_.error("the list of allowed peers makes no sense and stays as it was");
  return true;
}

void Node::apply_quiet_() {
  const bool quiet = this->quiet_;
  if (this->state_ != State::UP || this->client_is_quiet_ == quiet)
    return;
  this->client_is_quiet_ = quiet;
  this->client_->set_quiet(this->loop_.tick(), quiet);
  this->loop_.drain();
}

void Node::set_auth_key_() {
  if (this->state_ != State::UP)
    return;
  const FixedString<128> auth_key = this->mailbox_.auth_key();
  if (auth_key.empty())
    return;
  if (this->client_->set_auth_key(auth_key) != Error::NONE)
    this->log_.error("the auth key is too long");
  this->mailbox_.forget_auth_key(auth_key);
  this->loop_.drain();
}

void Node::up_() {
  if (this->state_ != State::DOWN)
    return;
  this->news_ = true;
  const FixedString<128> auth_key = this->mailbox_.auth_key();
  this->problem_ = this->make_client_(auth_key);
  if (*this->problem_ != '\0') {
    this->client_.reset();
    this->retry_at_ = this->loop_.tick() + this->retry_pause_;
    this->log_.error("%s; trying again in %u s", this->problem_,
                     static_cast<unsigned>(to_milliseconds(this->retry_pause_) / 1000));
    this->retry_pause_ = std::min(this->retry_pause_ * 2, LAST_RETRY);
    return;
  }
  this->mailbox_.forget_auth_key(auth_key);
  this->forget_retry_();
  this->client_is_quiet_ = false;
  this->state_ = State::UP;
}

/// Empty, or what is missing for a client.
const char *Node::make_client_(std::string_view auth_key) {
  this->options_.loop.relay_only = this->options_.config->relay_only;
  if (!this->is_open_ && !this->loop_.open(this->options_.loop))
    return "no socket is left for the node";
  this->is_open_ = true;
  this->client_ =
      std::make_unique<Client>(*this->options_.config, this->options_.trust, this->log_sink_, this->options_.memory);
  if (!this->client_->has_memory())
    return "not enough memory for a client: allow fewer peers (max_peers)";
  if (!auth_key.empty() && this->client_->set_auth_key(auth_key) != Error::NONE)
    this->log_.error("the auth key is too long");
  if (this->loop_.attach(*this->client_) != Error::NONE)
    return "the node cannot start: its identity cannot be read, or there is no randomness for one";
  return "";
}

void Node::forget_retry_() {
  this->problem_ = "";
  this->retry_at_ = Instant::NEVER;
  this->retry_pause_ = FIRST_RETRY;
}

void Node::down_(State next) {
  if (this->state_ == State::DOWN && this->retry_at_ != Instant::NEVER) {
    this->forget_retry_();
    this->news_ = true;
  }
  if (this->state_ != State::UP && (this->state_ != State::LEAVING || next == State::LEAVING))
    return;
  this->state_ = next;
  this->stop_deadline_ = this->loop_.tick() + STOP_TIME;
  if (next == State::LEAVING) {
    this->stop_deadline_ = this->stop_deadline_ + Client::LOGOUT_LIMIT;
    this->client_->logout(this->loop_.tick());
    this->loop_.drain();
  } else {
    this->loop_.feed({.kind = Input::Kind::STOP});
  }
}

void Node::finish_() {
  if (!this->loop_.stopped())
    this->log_.warning("the client did not stop in time; it is dropped");
  this->loop_.close();
  this->is_open_ = false;
  this->client_.reset();
  this->system_.set_overlay_addresses({});
  this->state_ = State::DOWN;
  this->stop_deadline_ = Instant::NEVER;
  this->news_ = true;
}

void Node::on_event(const Event &event) {
  this->news_ = true;
  if (event.kind == Event::Kind::LOGOUT_FAILED && this->state_ == State::LEAVING) {
    this->state_ = State::UP;
    this->stop_deadline_ = Instant::NEVER;
  }
}

void Node::publish_() {
  this->news_ = false;
  Snapshot out;
  if (this->retry_at_ != Instant::NEVER) {
    out.state = microlink::State::STARTING;
    out.message.assign(this->problem_);
  }
  if (this->state_ == State::UP || this->state_ == State::LEAVING) {
    const Status status = this->client_->status();
    out.state = status.state;
    out.login_url.assign(status.login_url);
    out.message.assign(status.message);
    out.name.assign(status.name.view());
    out.allowed_peers.assign(status.everybody_allowed ? "*" : "");
    out.allowed_entries = status.allowed_peers;
    for (size_t i = 0; i != status.allowed_peers; i++) {
      (void) out.allowed_peers.append(i == 0 ? "" : ", ");
      (void) out.allowed_peers.append(this->client_->allowed_peer(i).view());
    }
    out.ipv4 = status.ipv4;
    out.ipv6 = status.ipv6;
    out.home_derp = status.home_derp;
    out.peers_in_table = status.peers_in_table;
  }
  this->mailbox_.put_snapshot(out);
}

}  // namespace microlink::chip
#endif  // ESP_PLATFORM || __linux__
