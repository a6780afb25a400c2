// SPDX-License-Identifier: MIT
#include <algorithm>

#include "microlink/control/session.h"

namespace microlink::control {

namespace {

/// The official client's; servers send a keep-alive each minute (02 §1.3).
constexpr Duration MAP_WATCHDOG = seconds(120);
constexpr Duration COALESCE_CHANGES = seconds(1);
constexpr Duration UPDATE_TIMEOUT = seconds(30);
constexpr Duration MAX_SLEEP = seconds(300);
constexpr Duration PING_REPLY_TIMEOUT = seconds(15);

/// Statuses by which servers say that they do not know this node key (02 §1).
bool means_unknown_node(uint16_t status) { return status == 400 || status == 401 || status == 403 || status == 404; }

}  // namespace

void Session::channel_events_(Instant now) {
  // Any event may be the end of the channel.
  while (this->channel_() != nullptr) {
    const auto event = this->channel_()->poll_event();
    if (!event)
      break;
    this->http_event_(now, *event);
  }
  const Error error = this->channel_() != nullptr ? this->channel_()->error() : Error::NONE;
  if (error != Error::NONE)
    this->lost_(now, error);
  this->send_wanted_(now);
}

void Session::http_event_(Instant now, const http::H2Event &event) {
  using Kind = http::H2Event::Kind;
  if (event.kind == Kind::GOAWAY || event.kind == Kind::FAILED) {
    if (this->state_ == State::LOGGING_OUT && event.kind == Kind::GOAWAY)
      return;  // the answer may still come
    this->lost_(now, event.kind == Kind::GOAWAY ? Error::CLOSED : Error::MALFORMED);
  } else if (event.stream == this->register_stream_) {
    this->register_event_(now, event);
  } else if (event.stream == this->map_stream_) {
    this->map_event_(now, event);
  } else if (event.stream == this->update_stream_) {
    this->update_event_(now, event);
  } else if (event.stream == this->ping_stream_ && (event.kind == Kind::END || event.kind == Kind::RESET)) {
    this->ping_stream_ = 0;
  }
}

void Session::begin_streaming_(Instant now) {
  this->transition_(State::STREAMING);
  this->wants_.update = !this->announcement_.is_confirmed();
  this->wants_.map = this->map_stream_ == 0;
  this->wants_.registration = this->rotation_ == Rotation::VOLUNTARY;
  this->timers_.stop(Timer::UPDATE);
  this->timers_.arm(Timer::WATCHDOG, now + MAP_WATCHDOG);
  this->send_wanted_(now);
}

/// One request at a time is being sent; an update goes before the stream.
void Session::send_wanted_(Instant now) {
  if (!this->is_connected_() || this->is_sending_())
    return;
  if (this->wants_.registration) {
    this->send_register_(now);
  } else if (this->wants_.update && this->update_stream_ == 0) {
    this->send_map_request_(now, false);
  } else if (this->wants_.map && this->map_reader_() != nullptr) {
    this->send_map_request_(now, true);
  } else if (this->wants_.ping && this->ping_stream_ == 0) {
    this->send_ping_();
  }
}

/// 0: not now.
http::H2StreamId Session::request_(Request what, std::string_view path, bool head) {
  this->sending_ = what;
  http::H2Request request;
  request.head = head;
  request.authority = this->server_.authority;
  request.path = path;
  if (what == Request::PING) {
    request.body_bytes = this->tap_.ping.body().size();
  } else {
    request.content_type = "application/json";
    json::Writer dry_run(ByteSpan{}, 0);
    this->write_body_(dry_run);
    request.body_bytes = dry_run.size();
  }
  request.body = this;
  return this->channel_()->http().request(request).value_or(0);
}

size_t Session::read_body(size_t from, ByteSpan out) const {
  if (this->sending_ == Request::PING) {
    const std::string_view body = this->tap_.ping.body();
    return copy(as_bytes(body.substr(std::min(from, body.size()))), out);
  }
  json::Writer json(out, from);
  this->write_body_(json);
  return json.text().size();
}

void Session::write_body_(json::Writer &json) const {
  if (this->sending_ == Request::REGISTER)
    this->register_request_().write(json);
  else
    this->announcement_.map_request(this->node_key_, this->sending_ == Request::MAP).write(json);
}

void Session::cancel_(http::H2StreamId &stream) {
  if (this->channel_() != nullptr)
    this->channel_()->http().cancel(stream);
  stream = 0;
}

/// What the request on its way says is about to change: its body is made as it leaves, so it starts anew.
void Session::send_again_() {
  if (!this->is_sending_())
    return;
  switch (this->sending_) {
    case Request::REGISTER:
      this->cancel_(this->register_stream_);
      this->wants_.registration = true;
      break;
    case Request::UPDATE:
      this->cancel_(this->update_stream_);
      this->timers_.stop(Timer::REPLY);
      this->wants_.update = true;
      break;
    case Request::MAP:
      this->cancel_(this->map_stream_);
      this->wants_.map = true;
      break;
    case Request::PING:
      break;
  }
}

void Session::send_map_request_(Instant now, bool stream) {
  const http::H2StreamId id = this->request_(stream ? Request::MAP : Request::UPDATE, "/machine/map");
  if (id == 0)
    return;
  if (stream) {
    this->map_stream_ = id;
    this->map_status_ = 0;
    this->map_accepted_ = this->wants_.map = false;
    this->timers_.arm(Timer::WATCHDOG, now + MAP_WATCHDOG);
  } else {
    this->update_stream_ = id;
    this->update_version_ = this->announcement_.version();
    this->wants_.update = false;
    this->timers_.stop(Timer::UPDATE);
    this->timers_.arm(Timer::REPLY, now + UPDATE_TIMEOUT);
  }
}

Error Session::answer_ping(Instant now, std::string_view json) {
  if (this->state_ != State::STREAMING)
    return Error::UNEXPECTED;
  const Error error = this->tap_.ping.set_result(json);
  if (error == Error::NONE)
    this->reply_to_ping_(now);
  return error;
}

void Session::reply_to_ping_(Instant now) {
  const PingReply &ping = this->tap_.ping;
  if (ping.kind() != PingReply::Kind::HEAD && ping.kind() != PingReply::Kind::POST)
    return;
  if (ping.is_noise()) {
    this->wants_.ping = true;
    this->send_wanted_(now);
    return;
  }
  this->end_ping_();
  if (!ping.is_at(this->server_)) {
    this->log_.debug("a ping to %.*s is not answered: it is not the control server",
                     static_cast<int>(ping.url().size()), ping.url().data());
    return;
  }
  this->plain_ping_ = PlainPing::OPENING;
  this->timers_.arm(Timer::PING, now + PING_REPLY_TIMEOUT);
  this->open_(Link::PING);
}

void Session::end_ping_() {
  this->timers_.stop(Timer::PING);
  if (this->plain_ping_ != PlainPing::NONE)
    this->close_(Link::PING);
  this->plain_ping_ = PlainPing::NONE;
}

void Session::send_ping_() {
  this->wants_.ping = false;
  const PingReply &ping = this->tap_.ping;
  this->ping_stream_ = this->request_(Request::PING, ping.path(), ping.kind() == PingReply::Kind::HEAD);
}

/// Text of an error answer, made fit for one line.
void Session::keep_text_(ByteView data) {
  for (const uint8_t byte : data) {
    const char c = byte < 0x20 || byte == 0x7F ? ' ' : static_cast<char>(byte);
    if (!this->text_.append({&c, 1}))
      return;
  }
}

void Session::update_event_(Instant now, const http::H2Event &event) {
  using Kind = http::H2Event::Kind;
  if (event.kind == Kind::RESPONSE) {
    // Only the status counts; what else comes is a body to be thrown away.
    this->update_done_(now, *event.fields.status == 200);
  } else if (event.kind == Kind::RESET) {
    this->update_done_(now, false);
  }
}

void Session::update_done_(Instant now, bool accepted) {
  this->update_stream_ = 0;
  this->timers_.stop(Timer::REPLY);
  if (accepted) {
    this->announcement_.confirm(this->update_version_);
    this->update_backoff_.reset();
  }
  if (this->state_ != State::STREAMING || this->announcement_.is_confirmed() || this->wants_.update)
    return;
  if (!accepted) {
    this->timers_.arm(Timer::UPDATE, now + this->update_backoff_.next(this->random_));
  } else if (!this->timers_.is_armed(Timer::UPDATE)) {
    this->timers_.arm(Timer::UPDATE, now + COALESCE_CHANGES);
  }
}

void Session::changed_(Instant now, bool at_once) {
  if (this->sending_ != Request::PING)
    this->send_again_();
  if (this->state_ != State::STREAMING)
    return;  // begin_streaming_() looks
  if (at_once) {
    this->wants_.update = true;
    this->send_wanted_(now);
  } else if (!this->timers_.is_armed(Timer::UPDATE)) {
    this->timers_.arm(Timer::UPDATE, now + COALESCE_CHANGES);
  }
}

void Session::set_endpoints(Instant now, std::span<const tailcfg::OwnEndpoint> endpoints) {
  if (this->announcement_.set_endpoints(endpoints))
    this->changed_(now, false);
}

void Session::set_net_info(Instant now, const tailcfg::NetInfo &net_info) {
  if (this->announcement_.set_net_info(net_info))
    this->changed_(now, false);
}

void Session::set_preferred_derp(Instant now, uint16_t region) {
  if (this->announcement_.set_preferred_derp(region))
    this->changed_(now, true);
}

void Session::map_event_(Instant now, const http::H2Event &event) {
  switch (event.kind) {
    case http::H2Event::Kind::RESPONSE:
      this->map_status_ = *event.fields.status;
      this->text_.clear();
      return;
    case http::H2Event::Kind::DATA:
      if (this->map_status_ == 200) {
        this->map_data_(now, event.data);
      } else {
        this->keep_text_(event.data);
      }
      return;
    case http::H2Event::Kind::END:
      this->map_stream_ = 0;
      if (this->map_status_ == 200) {
        this->lost_(now, Error::CLOSED);
      } else {
        this->map_refused_(now);
      }
      return;
    case http::H2Event::Kind::RESET:
    case http::H2Event::Kind::GOAWAY:
    case http::H2Event::Kind::FAILED:
      this->map_stream_ = 0;
      this->lost_(now, Error::CLOSED);
      return;
  }
}

void Session::map_data_(Instant now, ByteView data) {
  this->timers_.arm(Timer::WATCHDOG, now + MAP_WATCHDOG);
  tailcfg::MapParser *const reader = this->map_reader_();
  if (reader == nullptr) {  // an answer to a registration is read
    this->end_map_();
    this->wants_.map = true;
    return;
  }
  if (reader->handle_bytes(data) != Error::NONE) {
    this->lost_(now, Error::MALFORMED);
    return;
  }
  if (this->tap_.message_read) {
    this->tap_.message_read = false;
    this->proven_ = true;
    this->backoff_.reset();
    if (!this->map_accepted_)
      this->events_.raise(Event::Kind::STREAMING);
    this->map_accepted_ = true;
  }
  if (this->tap_.ping_read) {
    this->tap_.ping_read = false;
    if (this->is_sending_() && this->sending_ == Request::PING)
      this->cancel_(this->ping_stream_);  // its path and body were those of the last one
    if (this->tap_.ping.kind() == PingReply::Kind::OWNER)
      this->events_.raise(Event::Kind::PING_REQUEST);
    else
      this->reply_to_ping_(now);
  }
  if (this->tap_.sleep) {
    const Duration pause = std::min(*this->tap_.sleep, MAX_SLEEP);
    this->tap_.sleep.reset();
    if (pause > Duration::ZERO)
      this->back_off_(now, Error::NONE, pause);
  }
}

/// The stream is over, if there is one; what comes next is of a new one.
void Session::end_map_() {
  this->cancel_(this->map_stream_);
  if (tailcfg::MapParser *const reader = this->map_reader_())
    reader->reset();
  else
    this->tap_.stream_begin();
}

void Session::map_refused_(Instant now) {
  if (!this->text_.empty())
    this->events_.raise(Event::Kind::MESSAGE);
  if (means_unknown_node(this->map_status_)) {
    this->registered_ = false;
    if (this->rotation_ == Rotation::VOLUNTARY)
      this->rotation_ = Rotation::FORCED;  // its outcome decides which key the server knows
  }
  this->back_off_(now, Error::REJECTED, this->next_pause_());
}

}  // namespace microlink::control
