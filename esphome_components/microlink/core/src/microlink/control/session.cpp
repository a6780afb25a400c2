// SPDX-License-Identifier: MIT
#include "microlink/control/session.h"

namespace microlink::control {

namespace {

/// Middleboxes that break port 80 after the upgrade show as connections that die young.
constexpr Duration SHORT_LIVED = seconds(120);
constexpr Duration AVOID_PLAIN = seconds(3600);

}  // namespace

static_assert(Engine<Session>);

const char *session_state_name(SessionState state) {
  switch (state) {
    case SessionState::STOPPED:
      return "stopped";
    case SessionState::FETCHING_KEY:
      return "fetching key";
    case SessionState::CONNECTING:
      return "connecting";
    case SessionState::REGISTERING:
      return "registering";
    case SessionState::WAITING_FOR_LOGIN:
      return "waiting for login";
    case SessionState::NEEDS_NODE_KEY:
      return "needs node key";
    case SessionState::STREAMING:
      return "streaming";
    case SessionState::BACKING_OFF:
      return "backing off";
    case SessionState::LOGGING_OUT:
      return "logging out";
    case SessionState::COUNT:
      break;
  }
  return "?";
}

Session::Session(const Settings &settings, const Identity &identity, const tailcfg::Hostinfo &hostinfo,
                 tailcfg::MapSink &sink, Random &random, LogSink *log)
    : server_(settings.server),
      allow_plain_http_(settings.allow_plain_http),
      withhold_auth_key_(settings.withhold_auth_key),
      cached_key_(settings.cached_key),
      machine_(identity.machine),
      random_(random),
      log_(log, "control"),
      announcement_(identity.disco_key, hostinfo),
      backoff_(milliseconds(200), seconds(40)),
      slow_backoff_(seconds(45), seconds(900), 2),
      update_backoff_(seconds(1), seconds(60), 2),
      node_key_(identity.node_key),
      auth_key_(identity.auth_key),
      tap_(sink),
      reader_(std::in_place_type<tailcfg::MapParser>, this->tap_) {
  if (settings.pinned_key.is_set()) {
    this->control_key_ = settings.pinned_key;
    this->key_source_ = KeySource::PINNED;
  } else if (settings.cached_key.is_set()) {
    this->control_key_ = settings.cached_key;
    this->key_source_ = KeySource::CACHED;
  }
}

Error Session::start(Instant now) {
  if (this->state_ != State::STOPPED)
    return Error::UNEXPECTED;
  if (!this->server_.tls && !this->allow_plain_http_)
    return Error::REJECTED;
  this->connect_(now);
  return Error::NONE;
}

void Session::stop([[maybe_unused]] Instant now) {
  this->close_everything_();
  this->timers_.stop(Timer::LOGOUT);
  this->logging_out_ = false;
  this->transition_(State::STOPPED);
}

void Session::reconnect(Instant now) {
  if (this->state_ == State::STOPPED)
    return;
  this->close_everything_();
  this->backoff_.reset();
  if (this->state_ != State::NEEDS_NODE_KEY || this->logging_out_)
    this->connect_(now);
}

Error Session::set_auth_key(Instant now, std::string_view auth_key) {
  if (this->is_sending_() && this->sending_ == Request::REGISTER)
    this->send_again_();
  if (const Error error = this->auth_key_.assign(auth_key); error != Error::NONE)
    return error;
  if (auth_key.empty() || this->logging_out_ || this->registered_)
    return Error::NONE;
  this->login_url_.clear();
  this->slow_backoff_.reset();
  if (this->state_ == State::BACKING_OFF) {
    this->connect_(now);
  } else if (this->state_ == State::WAITING_FOR_LOGIN || this->state_ == State::REGISTERING) {
    this->cancel_(this->register_stream_);
    this->want_register_(now);
  }
  return Error::NONE;
}

Error Session::rotate(Instant now, const NodePublic &next) {
  if (!next.is_set() || next == this->node_key_)
    return Error::MALFORMED;
  if (this->logging_out_ || this->rotation_ != Rotation::NONE)
    return Error::NOT_READY;
  if (this->state_ == State::STREAMING) {
    this->rotation_ = Rotation::VOLUNTARY;
    this->pending_key_ = next;
    this->wants_.registration = true;
    this->send_wanted_(now);
    return Error::NONE;
  }
  if (this->state_ != State::NEEDS_NODE_KEY)
    return Error::NOT_READY;
  this->rotation_ = Rotation::FORCED;
  this->pending_key_ = next;
  if (this->is_connected_()) {
    this->want_register_(now);
  } else {
    this->connect_(now);
  }
  return Error::NONE;
}

Error Session::handle_key_expired(Instant now) {
  if (this->state_ != State::STREAMING)
    return Error::NOT_READY;
  this->end_map_();
  this->wants_.map = this->wants_.update = false;
  this->timers_.stop(Timer::WATCHDOG);
  this->timers_.stop(Timer::UPDATE);
  this->registered_ = false;
  if (this->rotation_ == Rotation::VOLUNTARY) {
    this->rotation_ = Rotation::FORCED;  // its registration is under way already
    this->transition_(State::REGISTERING);
  } else {
    this->transition_(State::NEEDS_NODE_KEY);
    this->events_.raise(Event::Kind::NEED_NODE_KEY);
  }
  this->send_wanted_(now);
  return Error::NONE;
}

void Session::logout(Instant now) {
  if (this->logging_out_)
    return;
  if (this->state_ == State::STOPPED) {
    this->logged_out_(Error::NOT_READY);
    return;
  }
  this->logging_out_ = true;
  this->rotation_ = Rotation::NONE;
  this->timers_.arm(Timer::LOGOUT, now + LOGOUT_TIMEOUT);
  if (this->is_connected_()) {
    for (auto *const stream : {&this->register_stream_, &this->update_stream_, &this->map_stream_, &this->ping_stream_})
      this->cancel_(*stream);
    this->wants_ = {};
    this->timers_.stop(Timer::WATCHDOG);
    this->timers_.stop(Timer::UPDATE);
    this->timers_.stop(Timer::REPLY);
    this->end_map_();
    this->want_register_(now);
  } else if (this->state_ == State::BACKING_OFF || this->state_ == State::NEEDS_NODE_KEY) {
    this->connect_(now);
  }
}

Error Session::poll_again(Instant now) {
  if (this->state_ != State::STREAMING)
    return Error::NOT_READY;
  this->end_map_();
  this->wants_.map = true;
  this->send_wanted_(now);
  return Error::NONE;
}

void Session::handle_timeout(Instant now) {
  if (this->timers_.due(Timer::LOGOUT, now)) {
    this->logged_out_(Error::TIMED_OUT);
    return;
  }
  if (this->timers_.due(Timer::RETRY, now))
    this->connect_(now);
  if (this->timers_.due(Timer::FALLBACK, now) && !this->attempt_(Link::NOISE_FALLBACK).is_active()) {
    if (const Error error = this->attempt_on_(Link::NOISE_FALLBACK); error != Error::NONE)
      this->attempt_failed_(now, Link::NOISE_FALLBACK, error);
  }
  if (this->timers_.due(Timer::ATTEMPT, now)) {
    if (this->state_ == State::FETCHING_KEY) {
      this->back_off_(now, Error::TIMED_OUT, this->next_pause_());
    } else {
      this->all_attempts_failed_(now, Error::TIMED_OUT);
    }
  }
  if (this->timers_.due(Timer::REQUEST, now) || this->timers_.due(Timer::WATCHDOG, now)) {
    const bool followup = this->state_ == State::WAITING_FOR_LOGIN;
    this->lost_(now, Error::TIMED_OUT);
    if (followup)
      this->connect_(now);  // nothing is wrong: a person takes time. Ask again on a connection that surely works
  }
  if (this->timers_.due(Timer::PING, now))
    this->end_ping_();
  if (this->timers_.due(Timer::REPLY, now)) {
    this->cancel_(this->update_stream_);
    this->update_done_(now, false);
  }
  if (this->timers_.due(Timer::UPDATE, now)) {
    this->wants_.update = !this->announcement_.is_confirmed();
    this->send_wanted_(now);
  }
}

std::optional<Event> Session::poll_event() {
  if (this->events_.is_empty())
    return std::nullopt;
  Event event{.kind = Event::Kind::COUNT, .node_key = this->node_key_};
  event.kind = this->events_.next(event.link);
  event.text = this->text_;
  event.error = this->error_;
  switch (event.kind) {
    case Event::Kind::COUNT:
      return std::nullopt;
    case Event::Kind::OPEN:
      event.host = this->server_.host;
      event.port = this->port_(event.link);
      event.tls = this->uses_tls_(event.link);
      break;
    case Event::Kind::CONTROL_KEY:
      event.control_key = this->control_key_;
      event.changed = this->key_changed_;
      break;
    case Event::Kind::LOGIN_URL:
      event.text = this->login_url_;
      break;
    case Event::Kind::REGISTERED:
      event.machine_authorized = this->machine_authorized_;
      break;
    case Event::Kind::PING_REQUEST:
      event.text = this->tap_.ping.url();
      event.types = this->tap_.ping.types();
      event.ip = this->tap_.ping.ip();
      break;
    case Event::Kind::CLOSE:
    case Event::Kind::KEY_MISMATCH:
    case Event::Kind::REGISTER_FAILED:
    case Event::Kind::NEED_NODE_KEY:
    case Event::Kind::ROTATED:
    case Event::Kind::ROTATION_FAILED:
    case Event::Kind::LOGGED_OUT:
    case Event::Kind::STREAMING:
    case Event::Kind::DISCONNECTED:
    case Event::Kind::MESSAGE:
      break;
  }
  return event;
}

std::optional<Transmit> Session::poll_transmit(Instant now, ByteSpan out) {
  if (out.size() < MIN_TRANSMIT_BYTES)
    return std::nullopt;
  Channel *const channel = this->channel_();
  if (channel == nullptr) {
    if (const size_t size = this->connecting_().key_fetch.poll_transmit(this->server_.authority, out); size != 0)
      return Transmit{this->key_link_(), out.first(size)};
    for (const Link link : {Link::NOISE, Link::NOISE_FALLBACK}) {
      if (const size_t size = this->attempt_(link).poll_transmit(this->server_.authority, out); size != 0)
        return Transmit{link, out.first(size)};
    }
    return std::nullopt;
  }
  if (this->plain_ping_ == PlainPing::DUE) {
    this->plain_ping_ = PlainPing::SENT;
    if (const size_t size = this->tap_.ping.write_request(this->server_.authority, out); size != 0)
      return Transmit{Link::PING, out.first(size)};
    this->end_ping_();
  }
  size_t size = channel->poll_transmit(out);
  const bool is_wanted = this->wants_.registration || this->wants_.update || this->wants_.map || this->wants_.ping;
  if (size == 0 && is_wanted) {
    this->send_wanted_(now);
    size = channel->poll_transmit(out);
  }
  if (size == 0)
    return std::nullopt;
  return Transmit{this->noise_link_, out.first(size)};
}

ControlState Session::control_state() const {
  switch (this->state_) {
    case State::STOPPED:
    case State::BACKING_OFF:
    case State::COUNT:
      return ControlState::OFFLINE;
    case State::FETCHING_KEY:
      return ControlState::FETCHING_KEY;
    case State::CONNECTING:
      return ControlState::CONNECTING;
    case State::REGISTERING:
    case State::NEEDS_NODE_KEY:
    case State::LOGGING_OUT:
      return ControlState::REGISTERING;
    case State::WAITING_FOR_LOGIN:
      return ControlState::WAITING_FOR_LOGIN;
    case State::STREAMING:
      return this->map_accepted_ ? ControlState::STREAMING : ControlState::CONNECTING;
  }
  return ControlState::OFFLINE;
}

void Session::transition_(State state) {
  if (state != this->state_)
    this->log_.debug("%s -> %s", session_state_name(this->state_), session_state_name(state));
  this->state_ = state;
}

/// Where there is an established connection, it ends.
Connecting &Session::connecting_() {
  if (this->channel_() != nullptr)
    this->connection_.emplace<Connecting>();
  return *std::get_if<Connecting>(&this->connection_);
}

/// Connections, requests and timers end; LOGOUT alone goes on.
void Session::close_everything_() {
  for (const Link link : {Link::PING, Link::NOISE, Link::NOISE_FALLBACK})
    this->close_(link);
  if (this->channel_() != nullptr)
    this->channel_()->clear();
  this->connection_.emplace<Connecting>();
  this->end_map_();
  this->reader_.emplace<tailcfg::MapParser>(this->tap_);
  this->register_stream_ = this->update_stream_ = this->map_stream_ = this->ping_stream_ = 0;
  this->wants_ = {};
  this->plain_ping_ = PlainPing::NONE;
  this->map_accepted_ = false;
  const Instant logout = this->timers_.deadline(Timer::LOGOUT);
  this->timers_ = {};
  this->timers_.arm(Timer::LOGOUT, logout);
}

void Session::back_off_(Instant now, Error error, Duration pause) {
  this->close_everything_();
  this->error_ = error;
  this->events_.raise(Event::Kind::DISCONNECTED);
  this->log_.info("control: %s, again in %d ms", error_name(error), static_cast<int>(to_milliseconds(pause)));
  this->transition_(State::BACKING_OFF);
  this->timers_.arm(Timer::RETRY, now + (this->logging_out_ ? milliseconds(500) : pause));
}

/// The established connection is over.
void Session::lost_(Instant now, Error error) {
  if (this->is_connected_() || (this->channel_() != nullptr && this->channel_()->error() != Error::NONE)) {
    const bool short_lived = now - this->connected_at_ < SHORT_LIVED;
    if (short_lived && this->has_two_ways_() && !this->uses_tls_(this->noise_link_))
      this->plain_again_at_ = now + AVOID_PLAIN;
  }
  if (this->state_ == State::NEEDS_NODE_KEY) {
    this->close_everything_();
    this->error_ = error;
    this->events_.raise(Event::Kind::DISCONNECTED);
    return;
  }
  this->back_off_(now, error, this->next_pause_());
}

/// Quick after a stream that worked, so that a restart of the server is hardly seen, and spread, so that not everybody
/// comes at once; growing otherwise.
Duration Session::next_pause_() {
  if (!this->proven_)
    return this->backoff_.next(this->random_);
  this->proven_ = false;
  return milliseconds(100 + this->random_.below(401));
}

void Session::logged_out_(Error error) {
  this->close_everything_();
  this->timers_.stop(Timer::LOGOUT);
  this->logging_out_ = this->registered_ = false;
  this->auth_key_.clear();
  this->error_ = error;
  this->events_.raise(Event::Kind::LOGGED_OUT);
  this->transition_(State::STOPPED);
}

}  // namespace microlink::control
