// SPDX-License-Identifier: MIT
#include <algorithm>

#include "microlink/http/h2_connection.h"

namespace microlink::http {

namespace {

constexpr size_t MAX_AUTHORITY_BYTES = 100;
constexpr size_t MAX_PATH_BYTES = 200;
constexpr size_t MAX_CONTENT_TYPE_BYTES = 40;
constexpr H2StreamId MAX_STREAM_ID = 0x7FFFFFFF;

void write_setting(Writer &out, H2Setting setting, uint32_t value) {
  out.u16be(static_cast<uint16_t>(setting)).u32be(value);
}

void write_length_field(Writer &out, size_t value) {
  char digits[20];
  size_t at = sizeof(digits);
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  hpack_literal(out, StaticField::CONTENT_LENGTH, {digits + at, sizeof(digits) - at});
}

}  // namespace

void H2Connection::start() {
  *this = H2Connection{};
  this->state_ = State::OPEN;
  this->opening_pending_ = true;
}

Result<H2StreamId> H2Connection::request(const H2Request &request) {
  if (this->state_ != State::OPEN || this->sending_ != 0 || this->next_id_ > MAX_STREAM_ID ||
      this->resets_.size() > MAX_RESETS - MAX_STREAMS)
    return Error::NOT_READY;
  if (request.authority.size() > MAX_AUTHORITY_BYTES || request.path.size() > MAX_PATH_BYTES ||
      request.content_type.size() > MAX_CONTENT_TYPE_BYTES)
    return Error::NO_SPACE;
  Stream *slot = nullptr;
  uint32_t live = 0;
  for (Stream &stream : this->streams_) {
    if (stream.state == Stream::State::FREE)
      slot = &stream;
    if (stream.is_live())
      live++;
  }
  if (slot == nullptr || live >= this->peer_max_streams_)
    return Error::NOT_READY;
  *slot = Stream{};
  slot->id = this->next_id_;
  slot->state = Stream::State::AWAITING;
  slot->is_head = request.head;
  slot->send_window = this->peer_initial_window_;
  this->next_id_ += 2;
  this->sending_ = slot->id;
  this->request_ = request;
  this->body_sent_ = 0;
  this->head_sent_ = false;
  return slot->id;
}

bool H2Connection::is_sending(H2StreamId stream) const { return stream != 0 && this->sending_ == stream; }

void H2Connection::cancel(H2StreamId id) {
  Stream *stream = this->find_(id);
  if (stream == nullptr)
    return;
  if (stream->is_live())
    this->drop_(*stream, H2Error::CANCEL, true);
  stream->state = Stream::State::FREE;
  if (this->event_ && this->event_->stream == id)
    this->event_.reset();
}

size_t H2Connection::poll_transmit(ByteSpan buffer) {
  Writer out(buffer);
  if (this->state_ == State::IDLE || buffer.size() < MIN_TRANSMIT_BYTES)
    return 0;
  if (this->opening_pending_)
    this->write_opening_(out);
  if (this->state_ == State::FAILED) {
    if (this->goaway_to_send_) {
      this->goaway_to_send_ = false;
      write_frame_header(out, 8, H2FrameType::GOAWAY, 0, 0);
      out.u32be(0).u32be(static_cast<uint32_t>(this->failure_));
    }
    return out.size();
  }
  this->write_acks_(out);
  this->write_resets_(out);
  this->write_credit_(out, 0, this->received_);
  for (Stream &stream : this->streams_) {
    if (stream.is_live())
      this->write_credit_(out, stream.id, stream.received);
  }
  if (this->sending_ != 0 && !this->head_sent_)
    this->write_request_(out);
  if (this->sending_ != 0 && this->head_sent_)
    this->write_body_(out);
  return out.size();
}

void H2Connection::write_opening_(Writer &out) {
  this->opening_pending_ = false;
  out.text(H2_PREFACE);
  write_frame_header(out, 18, H2FrameType::SETTINGS, 0, 0);
  write_setting(out, H2Setting::HEADER_TABLE_SIZE, 0);
  write_setting(out, H2Setting::ENABLE_PUSH, 0);
  write_setting(out, H2Setting::INITIAL_WINDOW_SIZE, RECEIVE_WINDOW);
  // §6.9.2: SETTINGS do not change the connection's own window.
  write_frame_header(out, 4, H2FrameType::WINDOW_UPDATE, 0, 0);
  out.u32be(RECEIVE_WINDOW - H2_DEFAULT_WINDOW);
}

void H2Connection::write_acks_(Writer &out) {
  for (; this->settings_acks_ != 0 && out.left() >= H2_FRAME_HEADER_BYTES; this->settings_acks_--)
    write_frame_header(out, 0, H2FrameType::SETTINGS, H2_FLAG_ACK, 0);
  size_t answered = 0;
  for (; answered != this->pings_ && out.left() >= H2_FRAME_HEADER_BYTES + 8; answered++) {
    write_frame_header(out, 8, H2FrameType::PING, H2_FLAG_ACK, 0);
    out.bytes(this->ping_[answered]);
  }
  for (size_t i = answered; i < this->pings_; i++)
    this->ping_[i - answered] = this->ping_[i];
  this->pings_ = static_cast<uint8_t>(this->pings_ - answered);
}

void H2Connection::write_resets_(Writer &out) {
  while (!this->resets_.empty() && out.left() >= H2_FRAME_HEADER_BYTES + 4) {
    write_frame_header(out, 4, H2FrameType::RST_STREAM, 0, this->resets_[0].stream);
    out.u32be(static_cast<uint32_t>(this->resets_[0].error));
    this->resets_.remove(0);
  }
}

void H2Connection::write_credit_(Writer &out, H2StreamId stream, uint32_t &received) {
  if (received < CREDIT_STEP || out.left() < H2_FRAME_HEADER_BYTES + 4)
    return;
  write_frame_header(out, 4, H2FrameType::WINDOW_UPDATE, 0, stream);
  out.u32be(received);
  received = 0;
}

void H2Connection::write_request_(Writer &out) {
  if (out.left() < MIN_TRANSMIT_BYTES)
    return;
  const H2Request &request = this->request_;
  const ByteSpan room = out.claim(H2_FRAME_HEADER_BYTES);
  const size_t start = out.size();
  if (request.head) {
    hpack_literal(out, StaticField::METHOD_GET, "HEAD");
  } else {
    hpack_indexed(out, request.method);
  }
  hpack_indexed(out, StaticField::SCHEME_HTTPS);
  hpack_literal(out, StaticField::AUTHORITY, request.authority);
  hpack_literal(out, StaticField::PATH, request.path);
  if (!request.content_type.empty())
    hpack_literal(out, StaticField::CONTENT_TYPE, request.content_type);
  if (!request.head && request.method == StaticField::METHOD_POST)
    write_length_field(out, request.body_bytes);
  const bool whole = request.body_bytes == 0;
  Writer header(room);
  write_frame_header(header, out.size() - start, H2FrameType::HEADERS,
                     static_cast<uint8_t>(H2_FLAG_END_HEADERS | (whole ? H2_FLAG_END_STREAM : 0)), this->sending_);
  this->head_sent_ = true;
  if (whole)
    this->sending_ = 0;
}

void H2Connection::write_body_(Writer &out) {
  Stream *stream = this->find_(this->sending_);
  while (stream != nullptr && out.left() > H2_FRAME_HEADER_BYTES) {
    const size_t left = this->request_.body_bytes - this->body_sent_;
    const int64_t window =
        std::min({this->send_window_, stream->send_window, static_cast<int64_t>(this->peer_max_frame_),
                  static_cast<int64_t>(out.left() - H2_FRAME_HEADER_BYTES)});
    if (window <= 0)
      return;
    const size_t n = static_cast<size_t>(std::min<int64_t>(window, static_cast<int64_t>(left)));
    const bool last = n == left;
    write_frame_header(out, n, H2FrameType::DATA, last ? H2_FLAG_END_STREAM : 0, stream->id);
    const ByteSpan room = out.claim(n);
    const bool whole = this->request_.body->read_body(this->body_sent_, room) == n;
    this->body_sent_ += n;
    this->send_window_ -= static_cast<int64_t>(n);
    stream->send_window -= static_cast<int64_t>(n);
    if (!whole) {
      std::fill(room.begin(), room.end(), uint8_t{0});
      this->drop_(*stream, H2Error::INTERNAL_ERROR, true);
      return;
    }
    if (last) {
      this->sending_ = 0;
      return;
    }
  }
}

}  // namespace microlink::http
