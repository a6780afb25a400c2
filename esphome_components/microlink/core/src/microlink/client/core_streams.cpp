// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

namespace microlink::client {

namespace {

/// Control, the home relay and the relay of a peer's region; memory for no more of them is reckoned with.
constexpr size_t MAX_TLS_SESSIONS = 3;

control::Link link_of(StreamId id) { return static_cast<control::Link>(id); }

// Plain bytes that are written first and sealed then: those stand at the end of the scratch buffer, these at its front.
constexpr size_t WRITE_BYTES = (SCRATCH_BYTES - Stream::OVERHEAD_BYTES) / 2;
static_assert(WRITE_BYTES >= control::Session::MIN_TRANSMIT_BYTES);
static_assert(WRITE_BYTES >= control::PingReply::MAX_REQUEST_BYTES);
static_assert(Stream::MAX_PLAIN_BYTES >= derp::MAX_SEND_FRAME_BYTES, "a frame leaves in one piece");
static_assert(SCRATCH_BYTES >= MAX_WIREGUARD_BYTES);

}  // namespace

void Core::handle_stream_(Instant now, const Input &input) {
  const StreamId id = input.stream;
  if (id >= MAX_STREAMS || this->streams_[id].state() == Stream::State::FREE)
    return;  // it was closed meanwhile
  switch (input.kind) {
    case Input::Kind::STREAM_OPEN:
      this->handle_stream_open_(now, id);
      break;
    case Input::Kind::STREAM_BYTES:
      this->handle_stream_bytes_(now, id, input.bytes);
      break;
    case Input::Kind::STREAM_BLOCKED:
      this->streams_[id].set_blocked(true);
      break;
    case Input::Kind::STREAM_WRITABLE:
      this->streams_[id].set_blocked(false);
      break;
    case Input::Kind::STREAM_CLOSED:
      this->streams_[id].handle_gone();
      this->end_stream_(now, id, input.error == Error::NONE ? Error::CLOSED : input.error);
      break;
    default:
      break;
  }
}

void Core::handle_stream_open_(Instant now, StreamId id) {
  if (this->streams_[id].handle_connected())
    this->stream_ready_(now, id);
}

/// Begins the handshake, unless another is under way: one takes more memory than all else of TLS, so they take turns.
/// Nor while there are MAX_TLS_SESSIONS already; one that is more urgent takes the place of the relay that is not home.
void Core::secure_(Instant now, StreamId id) {
  size_t sessions = 0;
  for (const Stream &stream : this->streams_) {
    if (stream.state() == Stream::State::SECURING)
      return;
    sessions += stream.state() == Stream::State::OPEN && stream.has_tls() ? 1 : 0;
  }
  if (sessions >= MAX_TLS_SESSIONS) {
    const bool is_urgent = !is_relay_(id) || this->relays_.region(id - RELAY_0) == this->relays_.home();
    if (!is_urgent || !this->relays_.give_way())
      return;
  }
  Stream &stream = this->streams_[id];
  tls::Policy policy{.host = stream.host()};
  if (is_relay_(id))
    policy = this->relays_.tls_policy(id - RELAY_0);
  policy.anchors = &this->anchors_;
  policy.wall_time = this->clock_.is_trusted() ? this->clock_.now(now) : WallTime::UNKNOWN;
  policy.build_time = this->config_.build_time;
  const Error error = stream.start_tls(policy, this->random_);
  if (error == Error::NONE)
    return;
  this->log_.error("TLS with %.*s could not be started: %s", static_cast<int>(stream.host().size()),
                   stream.host().data(), error_name(error));
  this->end_stream_(now, id, error == Error::NO_SPACE ? error : Error::UNTRUSTED);
}

void Core::stream_ready_(Instant now, StreamId id) {
  if (this->streams_[id].has_tls() && this->message_.take_back_little_memory())
    this->news_.raise(Event::Kind::MESSAGE);
  if (is_relay_(id))
    this->relays_.handle_open(now, id - RELAY_0);
  else if (this->control_)
    this->control_->handle_open(now, link_of(id));
}

void Core::handle_stream_bytes_(Instant now, StreamId id, ByteSpan in) {
  this->pending_ = {.stream = id, .in = in, .active = true};
  this->advance_(now);
}

/// Works off what a stream brought, up to the next packet for the overlay: that one is a view of these bytes and leaves
/// before they are read on. poll_action() comes back here until everything is used up. False when nothing moved.
bool Core::advance_(Instant now) {
  bool moved = false;
  while (this->pending_.active && !this->overlay_out_) {
    Stream &stream = this->streams_[this->pending_.stream];
    if (stream.state() == Stream::State::FREE) {
      this->pending_ = {};
      return true;
    }
    if (this->pending_.plain.empty() && !this->decrypt_pending_(now))
      return moved;
    if (!this->pending_.plain.empty())
      this->deliver_pending_(now);
    moved = true;
  }
  return moved;
}

/// False when it has to wait: for more bytes, or (TLS) until something was sent.
bool Core::decrypt_pending_(Instant now) {
  Stream &stream = this->streams_[this->pending_.stream];
  const StreamId id = this->pending_.stream;
  const size_t before = this->pending_.in.size();
  const ByteSpan room = this->room_(id);
  if (room.empty()) {
    this->pending_ = {};
    return true;
  }
  const auto plain = stream.take_plain(this->pending_.in, room);
  if (stream.take_became_open()) {
    this->stream_ready_(now, id);
    this->settle_(now);
  }
  if (!plain) {
    this->pending_ = {};
    if (plain.error() == Error::UNTRUSTED)
      this->tell_untrusted_(stream);
    this->end_stream_(now, id, plain.error());
    return true;
  }
  this->pending_.plain = *plain;
  if (!plain->empty())
    return true;
  if (this->pending_.in.empty())
    this->pending_ = {};
  return this->pending_.in.size() != before;
}

/// Where a stream's user wants its next plain bytes.
ByteSpan Core::room_(StreamId id) {
  if (is_relay_(id))
    return this->relays_.room(id - RELAY_0);
  return this->control_ ? this->control_->room(link_of(id)) : ByteSpan{};
}

void Core::deliver_pending_(Instant now) {
  const StreamId id = this->pending_.stream;
  ByteSpan &plain = this->pending_.plain;
  if (!is_relay_(id)) {
    if (this->control_) {
      this->statistics_.map_bytes += this->streaming_ ? plain.size() : 0;
      this->control_->handle_bytes(now, link_of(id), plain);
    }
    plain = {};
  } else {
    const size_t before = plain.size();
    this->magicsock_.netcheck().handle_relay_heard(now, this->relays_.region(id - RELAY_0));  // keep-alives count too
    this->relays_.handle_bytes(now, id - RELAY_0, plain);
    if (plain.size() == before)
      plain = {};
  }
  this->settle_(now);
}

void Core::tell_untrusted_(const Stream &stream) {
  this->message_.assign(stream.host());
  this->message_.append(" is not trusted: ");
  this->message_.append(stream.tls().failure_text());
  this->log_.error("%s", this->message_.c_str());
  this->message_.append(". Check the CA that is configured, and the date");
}

/// Frees the stream and tells whoever used it.
void Core::end_stream_(Instant now, StreamId id, Error error) {
  Stream &stream = this->streams_[id];
  const bool is_handshake = stream.state() == Stream::State::WAITING || stream.state() == Stream::State::SECURING;
  if (error == Error::NO_SPACE && is_handshake && this->message_.assign_little_memory())
    this->news_.raise(Event::Kind::MESSAGE);
  stream.learn();
  const char *why = *stream.tls().failure_text() != '\0' ? stream.tls().failure_text() : error_name(error);
  if (is_relay_(id))
    this->relays_.handle_closed(now, id - RELAY_0, error, why);
  stream.close();
  if (!is_relay_(id) && this->control_)
    this->control_->handle_closed(now, link_of(id), error);
  this->settle_(now);
}

/// Null when TLS failed.
std::optional<ByteView> Core::seal_(StreamId id, ByteView plain, ByteSpan out) {
  if (plain.empty())
    return plain;
  const size_t size = this->streams_[id].seal(plain, out);
  return size == 0 ? std::nullopt : std::optional<ByteView>(out.first(size));
}

/// What the relay connection has to send next, sealed; empty for nothing.
std::optional<ByteView> Core::seal_relay_(Instant now, StreamId id, ByteSpan scratch) {
  const size_t index = id - RELAY_0;
  const ByteView packets = this->relays_.next_packets(index, Stream::MAX_PLAIN_BYTES);
  if (!packets.empty()) {
    const auto sealed = this->seal_(id, packets, scratch);
    this->relays_.packets_left(index, packets.size());
    return sealed;
  }
  const ByteSpan plain = scratch.last(WRITE_BYTES);
  const size_t size = this->relays_.poll_transmit(now, index, plain);
  return this->seal_(id, plain.first(size), scratch.first(scratch.size() - plain.size()));
}

/// The same for control, which chooses the connection itself.
std::optional<ByteView> Core::seal_control_(Instant now, StreamId &id, ByteSpan scratch) {
  const ByteSpan room = scratch.last(WRITE_BYTES);
  const auto transmit = this->control_->poll_transmit(now, room);
  if (!transmit)
    return ByteView{};
  id = static_cast<StreamId>(transmit->link);
  return this->seal_(id, transmit->bytes, scratch.first(scratch.size() - room.size()));
}

/// Everything but control's bytes, which wait while a stream of control is blocked.
std::optional<Action> Core::next_action_of_one_stream_(Instant now, ByteSpan scratch, bool &control_blocked) {
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    Stream &stream = this->streams_[id];
    if (stream.take_close_due())
      return Action{.kind = Action::Kind::CLOSE_STREAM, .stream = id};
    if (stream.take_open_due())
      return Action{.kind = Action::Kind::OPEN_STREAM,
                    .stream = id,
                    .to = {stream.address(), stream.port()},
                    .host = stream.host()};
    control_blocked = control_blocked || (!is_relay_(id) && stream.is_blocked());
    if (stream.state() == Stream::State::FREE || stream.is_blocked())
      continue;
    if (stream.state() == Stream::State::WAITING)
      this->secure_(now, id);
    if (const size_t n = stream.poll_handshake(scratch); n != 0)
      return Action{.kind = Action::Kind::SEND_STREAM, .stream = id, .bytes = scratch.first(n)};
    if (stream.take_became_open()) {
      this->stream_ready_(now, id);
      this->settle_(now);
    }
    if (!is_relay_(id) || !stream.is_open())
      continue;
    const auto sealed = this->seal_relay_(now, id, scratch);
    if (!sealed)
      this->end_stream_(now, id, Error::CLOSED);
    else if (!sealed->empty())
      return Action{.kind = Action::Kind::SEND_STREAM, .stream = id, .bytes = *sealed};
  }
  return std::nullopt;
}

std::optional<Action> Core::next_stream_action_(Instant now, ByteSpan scratch) {
  while (true) {
    bool control_blocked = false;
    if (const auto action = this->next_action_of_one_stream_(now, scratch, control_blocked))
      return action;
    if (!this->control_ || control_blocked)
      return std::nullopt;
    StreamId id = CONTROL_NOISE;
    const auto sealed = this->seal_control_(now, id, scratch);
    if (sealed && sealed->empty())
      return std::nullopt;
    if (sealed)
      return Action{.kind = Action::Kind::SEND_STREAM, .stream = id, .bytes = *sealed};
    this->end_stream_(now, id, Error::CLOSED);  // that it is closed comes next
  }
}

}  // namespace microlink::client
