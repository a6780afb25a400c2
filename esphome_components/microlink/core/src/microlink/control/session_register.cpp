// SPDX-License-Identifier: MIT
#include "microlink/control/session.h"

namespace microlink::control {

namespace {

constexpr Duration REGISTER_TIMEOUT = seconds(60);
/// A person may take long; servers keep what waits for them for 15 minutes and more.
constexpr Duration FOLLOWUP_TIMEOUT = seconds(300);
constexpr uint32_t MAX_RETRY_AFTER_SECONDS = 3600;

}  // namespace

void Session::want_register_(Instant now) {
  if (this->logging_out_) {
    this->transition_(State::LOGGING_OUT);
  } else {
    this->transition_(this->login_url_.empty() ? State::REGISTERING : State::WAITING_FOR_LOGIN);
  }
  this->register_stream_ = 0;
  this->wants_.registration = true;
  this->send_wanted_(now);
}

tailcfg::RegisterRequest Session::register_request_() const {
  tailcfg::RegisterRequest request;
  request.hostinfo = this->announcement_.hostinfo();
  request.node_key = this->node_key_;
  if (this->logging_out_) {
    request.logout = true;
    return request;
  }
  if (this->rotation_ != Rotation::NONE) {
    request.node_key = this->pending_key_;
    request.old_node_key = this->node_key_;
  }
  if (!this->withhold_auth_key_)
    request.auth_key = this->auth_key_.view();
  if (!this->rotation_is_extra_())
    request.followup = this->login_url_;
  return request;
}

void Session::send_register_(Instant now) {
  this->register_stream_ = this->request_(Request::REGISTER, "/machine/register");
  if (this->register_stream_ == 0)
    return;
  this->wants_.registration = false;
  this->answer_status_ = 0;
  this->retry_after_.reset();
  this->timers_.arm(Timer::REQUEST,
                    now + (this->state_ == State::WAITING_FOR_LOGIN ? FOLLOWUP_TIMEOUT : REGISTER_TIMEOUT));
}

void Session::register_event_(Instant now, const http::H2Event &event) {
  switch (event.kind) {
    case http::H2Event::Kind::RESPONSE:
      this->answer_status_ = *event.fields.status;
      this->retry_after_ = event.fields.retry_after_seconds;
      this->text_.clear();
      return;
    case http::H2Event::Kind::DATA:
      if (this->answer_status_ == 200) {
        (void) this->register_reader_().handle_bytes(event.data);  // finish() says so again
      } else {
        this->keep_text_(event.data);
      }
      return;
    case http::H2Event::Kind::END:
      this->register_answered_(now);
      return;
    case http::H2Event::Kind::RESET:
    case http::H2Event::Kind::GOAWAY:
    case http::H2Event::Kind::FAILED:
      this->register_stream_ = 0;
      this->lost_(now, Error::CLOSED);
      return;
  }
}

/// Takes the map's place for the answer. A map message of which a part was read cannot wait.
tailcfg::RegisterResponseParser &Session::register_reader_() {
  if (auto *const reader = std::get_if<tailcfg::RegisterResponseParser>(&this->reader_))
    return *reader;
  if (this->map_reader_()->is_inside_message()) {
    this->end_map_();
    this->wants_.map = true;
  }
  return this->reader_.emplace<tailcfg::RegisterResponseParser>();
}

void Session::register_answered_(Instant now) {
  this->take_registration_(now);
  if (this->map_reader_() != nullptr)
    return;
  this->reader_.emplace<tailcfg::MapParser>(this->tap_);
  this->send_wanted_(now);  // a map may have waited for this
}

/// Whether the server took the logout; else `text_` says why it did not.
Error Session::logout_answer_() {
  Error error = this->answer_status_ == 200 ? this->register_reader_().finish() : Error::REJECTED;
  if (error == Error::NONE && !this->register_reader_().response().error.empty()) {
    this->text_.clear();
    this->keep_text_(as_bytes(this->register_reader_().response().error));
    error = Error::REJECTED;
  } else if (error != Error::NONE && this->text_.empty()) {
    (void) this->text_.assign("control sent no usable answer to the logout");
  }
  return error == Error::NONE ? error : Error::REJECTED;
}

/// 01 §4.2, in the official client's order.
void Session::take_registration_(Instant now) {
  this->register_stream_ = 0;
  this->timers_.stop(Timer::REQUEST);
  if (this->state_ == State::LOGGING_OUT) {
    this->logged_out_(this->logout_answer_());
    return;
  }
  if (this->answer_status_ == 429 && !this->rotation_is_extra_()) {
    const uint32_t wait = this->retry_after_.value_or(0);
    const bool usable = wait > 0 && wait <= MAX_RETRY_AFTER_SECONDS;
    this->back_off_(now, Error::REJECTED, usable ? seconds(wait) : milliseconds(5000 + this->random_.below(5001)));
    return;
  }
  const Error no_answer = this->answer_status_ >= 500 ? Error::MALFORMED : Error::REJECTED;
  const Error error = this->answer_status_ == 200 ? this->register_reader_().finish() : no_answer;
  if (error != Error::NONE) {
    if (this->text_.empty())
      (void) this->text_.assign("control sent no usable answer to the registration");
    this->register_refused_(now, error);
    return;
  }
  const tailcfg::RegisterResponse &response = this->register_reader_().response();
  if (!response.error.empty()) {
    this->text_.clear();
    this->keep_text_(as_bytes(response.error));
    this->register_refused_(now, Error::REJECTED);
  } else if (response.node_key_expired) {
    if (this->rotation_ != Rotation::NONE) {
      (void) this->text_.assign("control calls the new node key expired");
      this->register_refused_(now, Error::REJECTED);
      return;
    }
    this->registered_ = false;
    this->transition_(State::NEEDS_NODE_KEY);
    this->events_.raise(Event::Kind::NEED_NODE_KEY);
  } else if (!response.auth_url.empty()) {
    this->login_needed_(now, response.auth_url);
  } else {
    this->machine_authorized_ = response.machine_authorized;
    this->registered_now_(now);
  }
}

/// `text_` says why. A refusal may be for good, and repeating it costs single-use keys: slowly.
void Session::register_refused_(Instant now, Error error) {
  if (this->rotation_is_extra_()) {
    this->rotation_failed_(this->text_);
    return;
  }
  this->events_.raise(Event::Kind::REGISTER_FAILED);
  const bool server_trouble = this->answer_status_ >= 500;
  if (!server_trouble)
    this->login_url_.clear();
  this->back_off_(now, error, server_trouble ? this->next_pause_() : this->slow_backoff_.next(this->random_));
}

void Session::rotation_failed_(std::string_view text) {
  const FixedString<200> reason(text);
  this->text_ = reason;
  this->rotation_ = Rotation::NONE;
  this->pending_key_ = {};
  this->events_.raise(Event::Kind::ROTATION_FAILED);
}

void Session::login_needed_(Instant now, std::string_view url) {
  if (this->rotation_is_extra_()) {
    this->rotation_failed_("control wants a person to log in before it takes a new node key");
    return;
  }
  const bool again = this->login_url_ == url;
  if (!again) {
    (void) this->login_url_.assign(url);
    this->events_.raise(Event::Kind::LOGIN_URL);
  }
  if (again) {
    this->back_off_(now, Error::NOT_READY, this->next_pause_());
  } else {
    this->want_register_(now);
  }
}

void Session::registered_now_(Instant now) {
  this->auth_key_.clear();
  this->login_url_.clear();
  this->slow_backoff_.reset();
  this->registered_ = true;
  if (this->rotation_ != Rotation::NONE) {
    this->rotation_ = Rotation::NONE;
    this->node_key_ = this->pending_key_;
    this->pending_key_ = {};
    this->events_.raise(Event::Kind::ROTATED);
    // The stream and what the server knows belong to the old key.
    this->end_map_();
    this->cancel_(this->update_stream_);
    this->timers_.stop(Timer::REPLY);
  }
  this->announcement_.forget_confirmation();
  this->events_.raise(Event::Kind::REGISTERED);
  this->begin_streaming_(now);
}

}  // namespace microlink::control
