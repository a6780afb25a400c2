// SPDX-License-Identifier: MIT
#include "microlink/control/session.h"

namespace microlink::control {

namespace {

constexpr Duration ATTEMPT_TIMEOUT = seconds(10);
constexpr Duration FALLBACK_DELAY = milliseconds(500);

}  // namespace

void Session::connect_(Instant now) {
  this->timers_.stop(Timer::RETRY);
  if (this->key_source_ == KeySource::NONE) {
    this->fetch_key_(now);
  } else {
    this->race_(now);
  }
}

void Session::fetch_key_(Instant now) {
  this->transition_(State::FETCHING_KEY);
  this->connecting_().key_fetch.begin();
  this->open_(this->key_link_());
  this->timers_.arm(Timer::ATTEMPT, now + ATTEMPT_TIMEOUT);
}

/// 01 §3.1: plain HTTP to port 80 saves the second encryption, and 443 joins in when it does not work at once.
void Session::race_(Instant now) {
  this->transition_(State::CONNECTING);
  this->handshake_failed_ = false;
  this->plain_first_ = this->has_two_ways_() && this->way_ != Way::TLS && now >= this->plain_again_at_;
  this->timers_.arm(Timer::ATTEMPT, now + ATTEMPT_TIMEOUT);
  if (this->plain_first_)
    this->timers_.arm(Timer::FALLBACK, now + FALLBACK_DELAY);
  const Link link = this->plain_first_ || !this->is_open_(Link::NOISE_FALLBACK) ? Link::NOISE : Link::NOISE_FALLBACK;
  if (const Error error = this->attempt_on_(link); error != Error::NONE)
    this->attempt_failed_(now, link, error);
}

/// The connection that brought the key serves the handshake too, which spares a second one with all its TLS.
Error Session::attempt_on_(Link link) {
  this->kept_ = this->is_open_(link);
  if (!this->kept_) {
    this->open_(link);
    return Error::NONE;
  }
  this->attempt_(link).begin();
  return this->begin_handshake_(link);
}

Error Session::begin_handshake_(Link link) {
  return this->attempt_(link).open(this->machine_, this->control_key_, this->random_);
}

bool Session::uses_tls_(Link link) const {
  const bool plain = link == Link::NOISE && this->has_two_ways_() && this->plain_first_;
  return this->server_.tls && !plain;
}

uint16_t Session::port_(Link link) const {
  if (this->server_.port != 0)
    return this->server_.port;
  return this->uses_tls_(link) ? 443 : 80;
}

void Session::open_(Link link) {
  this->links_[static_cast<size_t>(link)] = LinkState::OPENING;
  if (this->state_ == State::CONNECTING)
    this->attempt_(link).begin();
  this->events_.open(link);
}

void Session::close_(Link link) {
  if (link != Link::PING && this->channel_() == nullptr)
    this->attempt_(link).clear();
  LinkState &state = this->links_[static_cast<size_t>(link)];
  if (state == LinkState::CLOSED)
    return;
  state = LinkState::CLOSED;
  this->events_.close(link);
}

void Session::handle_open(Instant now, Link link) {
  LinkState &state = this->links_[static_cast<size_t>(link)];
  if (state != LinkState::OPENING)
    return;
  state = LinkState::OPEN;
  if (link == Link::PING) {
    this->plain_ping_ = PlainPing::DUE;
  } else if (this->state_ == State::FETCHING_KEY) {
    this->connecting_().key_fetch.open();
  } else if (const Error error = this->begin_handshake_(link); error != Error::NONE) {
    this->attempt_failed_(now, link, error);
  }
}

ByteSpan Session::room(Link link) {
  if (link == Link::PING)
    return this->plain_ping_ == PlainPing::NONE ? ByteSpan{} : ByteSpan{&this->ping_room_, 1};
  if (this->channel_() != nullptr)
    return link == this->noise_link_ && this->is_connected_() ? this->channel_()->room() : ByteSpan{};
  const size_t wanted =
      this->state_ == State::FETCHING_KEY ? Connecting::ROOM_BYTES : this->attempt_(link).wanted_bytes();
  return ByteSpan(this->connecting_().room).first(wanted);
}

void Session::handle_bytes(Instant now, Link link, ByteSpan in) {
  if (this->links_[static_cast<size_t>(link)] != LinkState::OPEN || in.empty())
    return;
  if (link == Link::PING) {
    this->end_ping_();  // an answer, whatever it says
    return;
  }
  if (this->state_ == State::FETCHING_KEY) {
    this->connecting_().key_fetch.handle_bytes(in);
    this->key_progress_(now, Error::MALFORMED);
    return;
  }
  if (this->state_ == State::CONNECTING && !this->is_connected_()) {
    Attempt &attempt = this->attempt_(link);
    if (attempt.state() == Attempt::State::IDLE) {  // kept for later, and it says something now: a goodbye
      this->close_(link);
      return;
    }
    ByteView rest = in;
    attempt.handle_bytes(rest);
    in = in.last(rest.size());
    if (attempt.state() == Attempt::State::FAILED) {
      this->attempt_failed_(now, link, attempt.failed_in_handshake() ? Error::AUTH_FAILED : Error::REJECTED);
      return;
    }
    if (attempt.state() != Attempt::State::DONE)
      return;
    this->established_(now, link);
  }
  if (this->is_connected_() && link == this->noise_link_) {
    this->channel_()->handle_bytes(in);
    this->channel_events_(now);
  }
}

void Session::handle_closed(Instant now, Link link, Error error) {
  LinkState &state = this->links_[static_cast<size_t>(link)];
  if (state == LinkState::CLOSED)
    return;
  state = LinkState::CLOSED;
  const Error reason = error == Error::NONE ? Error::CLOSED : error;
  if (link == Link::PING) {
    this->end_ping_();
  } else if (this->state_ == State::FETCHING_KEY) {
    this->connecting_().key_fetch.handle_closed();
    this->key_progress_(now, reason);
  } else if (this->state_ == State::CONNECTING && this->attempt_(link).state() == Attempt::State::IDLE) {
    return;  // it was kept for later
  } else if (this->state_ == State::CONNECTING) {
    this->attempt_(link).handle_closed();
    this->attempt_failed_(now, link, reason);
  } else {
    this->lost_(now, reason);
  }
}

void Session::key_progress_(Instant now, Error error) {
  if (this->state_ != State::FETCHING_KEY)
    return;
  if (this->connecting_().key_fetch.state() == KeyFetch::State::FAILED) {
    this->back_off_(now, error, this->next_pause_());
  } else if (this->connecting_().key_fetch.state() == KeyFetch::State::DONE) {
    this->control_key_ = this->connecting_().key_fetch.key();
    this->key_source_ = KeySource::FETCHED;
    this->key_is_fresh_ = true;
    this->key_changed_ = this->cached_key_.is_set() && this->control_key_ != this->cached_key_;
    if (!this->connecting_().key_fetch.leaves_connection())
      this->close_(this->key_link_());
    this->race_(now);
  }
}

void Session::attempt_failed_(Instant now, Link link, Error error) {
  while (error != Error::NONE) {  // twice at most: the fallback comes after the first
    const bool in_handshake = this->attempt_(link).failed_in_handshake();
    this->handshake_failed_ = this->handshake_failed_ || in_handshake;
    this->close_(link);
    if (this->kept_ && link == this->key_link_()) {
      this->kept_ = false;
      if (!in_handshake) {  // the server may have given the connection up by then
        this->open_(link);
        return;
      }
    }
    const bool fallback_waits = this->timers_.is_armed(Timer::FALLBACK);
    this->timers_.stop(Timer::FALLBACK);
    if (!fallback_waits) {
      if (!this->attempt_(Link::NOISE).is_active() && !this->attempt_(Link::NOISE_FALLBACK).is_active())
        this->all_attempts_failed_(now, error);
      return;
    }
    link = Link::NOISE_FALLBACK;
    error = this->attempt_on_(link);
  }
}

void Session::all_attempts_failed_(Instant now, Error error) {
  this->way_ = Way::UNKNOWN;
  if (!this->handshake_failed_) {
    this->back_off_(now, error, this->next_pause_());
    return;
  }
  if (this->key_source_ == KeySource::PINNED) {
    (void) this->text_.assign("the server does not hold the configured control key");
    this->events_.raise(Event::Kind::KEY_MISMATCH);
    this->back_off_(now, Error::AUTH_FAILED, this->slow_backoff_.next(this->random_));
    return;
  }
  // The key may have changed: ask once at once, then with the usual pauses.
  this->key_source_ = KeySource::NONE;
  if (this->key_is_fresh_) {
    this->key_is_fresh_ = false;
    this->back_off_(now, Error::AUTH_FAILED, this->next_pause_());
    return;
  }
  this->close_everything_();
  this->fetch_key_(now);
}

void Session::established_(Instant now, Link link) {
  Secret<32> tx_key;
  Secret<32> rx_key;
  this->attempt_(link).finish(tx_key, rx_key);
  this->close_(link == Link::NOISE ? Link::NOISE_FALLBACK : Link::NOISE);
  this->timers_.stop(Timer::ATTEMPT);
  this->timers_.stop(Timer::FALLBACK);
  this->noise_link_ = link;
  this->connected_at_ = now;
  this->way_ = this->uses_tls_(link) ? Way::TLS : Way::PLAIN;
  this->key_is_fresh_ = false;
  if (this->key_source_ == KeySource::FETCHED) {
    this->key_source_ = KeySource::CACHED;
    this->cached_key_ = this->control_key_;
    this->events_.raise(Event::Kind::CONTROL_KEY);
  }
  this->connection_.emplace<Channel>().start(tx_key, rx_key);
  if (!this->registered_ || this->logging_out_) {
    this->want_register_(now);
  } else {
    this->begin_streaming_(now);
  }
}

}  // namespace microlink::control
