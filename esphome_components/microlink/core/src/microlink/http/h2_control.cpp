// SPDX-License-Identifier: MIT
#include "microlink/http/h2_connection.h"

namespace microlink::http {

/// One setting, or the payload of another control frame.
H2Error H2Connection::control_part_(Reader in) {
  switch (static_cast<H2FrameType>(this->frame_.type)) {
    case H2FrameType::SETTINGS:
      return this->settings_entry_(in);
    case H2FrameType::PING:
      if (!this->frame_.has(H2_FLAG_ACK))
        this->ping_part_(in.take(8));
      return H2Error::NO_ERROR;
    case H2FrameType::GOAWAY:
      this->goaway_part_(in);
      return H2Error::NO_ERROR;
    case H2FrameType::RST_STREAM:
      this->rst_stream_part_(static_cast<H2Error>(in.u32be()));
      return H2Error::NO_ERROR;
    case H2FrameType::WINDOW_UPDATE:
      return this->window_update_(in.u32be() & 0x7FFFFFFF);
    default:
      return H2Error::NO_ERROR;
  }
}

H2Error H2Connection::settings_entry_(Reader &in) {
  const auto setting = static_cast<H2Setting>(in.u16be());
  const uint32_t value = in.u32be();
  switch (setting) {
    case H2Setting::HEADER_TABLE_SIZE:
      return H2Error::NO_ERROR;  // our encoder has no table
    case H2Setting::ENABLE_PUSH:
      return value == 0 ? H2Error::NO_ERROR : H2Error::PROTOCOL_ERROR;  // §6.5.2: a server must not
    case H2Setting::MAX_CONCURRENT_STREAMS:
      this->peer_max_streams_ = value;
      return H2Error::NO_ERROR;
    case H2Setting::INITIAL_WINDOW_SIZE:
      return this->change_initial_window_(value);
    case H2Setting::MAX_FRAME_SIZE:
      if (value < H2_MAX_FRAME_BYTES || value > 0xFFFFFF)
        return H2Error::PROTOCOL_ERROR;
      this->peer_max_frame_ = value;
      return H2Error::NO_ERROR;
  }
  return H2Error::NO_ERROR;  // §6.5.2: unknown settings are ignored
}

/// §6.9.2: the difference applies to open streams too, which may turn their windows negative.
H2Error H2Connection::change_initial_window_(uint32_t window) {
  if (window > H2_MAX_WINDOW)
    return H2Error::FLOW_CONTROL_ERROR;
  const int64_t difference = static_cast<int64_t>(window) - this->peer_initial_window_;
  this->peer_initial_window_ = window;
  for (Stream &stream : this->streams_) {
    if (!stream.is_live())
      continue;
    stream.send_window += difference;
    if (stream.send_window > H2_MAX_WINDOW)
      return H2Error::FLOW_CONTROL_ERROR;
  }
  return H2Error::NO_ERROR;
}

H2Error H2Connection::window_update_(uint32_t increment) {
  if (this->frame_.stream == 0) {
    this->send_window_ += increment;
    if (increment == 0)
      return H2Error::PROTOCOL_ERROR;
    return this->send_window_ > H2_MAX_WINDOW ? H2Error::FLOW_CONTROL_ERROR : H2Error::NO_ERROR;
  }
  Stream *stream = this->find_(this->frame_.stream);
  if (stream == nullptr || !stream->is_live())
    return H2Error::NO_ERROR;  // it may have crossed our RST_STREAM
  stream->send_window += increment;
  if (increment == 0) {
    this->drop_(*stream, H2Error::PROTOCOL_ERROR, true);
  } else if (stream->send_window > H2_MAX_WINDOW) {
    this->drop_(*stream, H2Error::FLOW_CONTROL_ERROR, true);
  }
  return H2Error::NO_ERROR;
}

void H2Connection::ping_part_(ByteView payload) {
  // A server that asks faster than it reads gets no answer to the rest.
  if (this->pings_ != MAX_PINGS)
    copy(payload, this->ping_[this->pings_++]);
}

/// §6.8: what the server did not begin to work on can be repeated on another connection.
void H2Connection::goaway_part_(Reader &in) {
  const H2StreamId last = in.u32be() & 0x7FFFFFFF;
  this->failure_ = static_cast<H2Error>(in.u32be());
  this->state_ = State::GOING_AWAY;
  this->goaway_to_tell_ = true;
  for (Stream &stream : this->streams_) {
    if (stream.is_live() && stream.id > last)
      this->drop_(stream, H2Error::REFUSED_STREAM, false);
  }
}

void H2Connection::rst_stream_part_(H2Error error) {
  Stream *stream = this->find_(this->frame_.stream);
  if (stream != nullptr && stream->is_live())
    this->drop_(*stream, error, false);
}

}  // namespace microlink::http
