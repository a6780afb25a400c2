// SPDX-License-Identifier: MIT
#include "microlink/http/h2_connection.h"

#include <algorithm>

namespace microlink::http {

namespace {

constexpr size_t PRIORITY_BYTES = 5;
constexpr size_t SETTING_BYTES = 6;

/// How much of a control frame is looked at at a time; 0 = all of it is skipped.
uint8_t part_size(const H2FrameHeader &frame) {
  switch (static_cast<H2FrameType>(frame.type)) {
    case H2FrameType::SETTINGS:
      return frame.has(H2_FLAG_ACK) ? 0 : SETTING_BYTES;
    case H2FrameType::PING:
    case H2FrameType::GOAWAY:
      return 8;
    case H2FrameType::RST_STREAM:
    case H2FrameType::WINDOW_UPDATE:
      return 4;
    default:
      return 0;
  }
}

}  // namespace

size_t H2Connection::handle_bytes(ByteView in) {
  ByteView rest = in;
  while (!rest.empty() && !this->has_event_()) {
    if (this->state_ == State::FAILED || this->state_ == State::IDLE)
      return in.size();
    switch (this->expect_) {
      case Expect::FRAME_HEADER:
        this->frame_header_bytes_(rest);
        break;
      case Expect::PAD_LENGTH:
        this->padding_length_(rest[0]);
        rest = rest.subspan(1);
        break;
      case Expect::CONTROL:
        this->control_bytes_(rest);
        break;
      case Expect::DATA:
        this->data_bytes_(rest);
        break;
      case Expect::BLOCK:
        this->block_bytes_(rest);
        break;
      case Expect::PRIORITY: {
        const size_t n = std::min<size_t>(rest.size(), PRIORITY_BYTES - this->small_size_);
        this->small_size_ = static_cast<uint8_t>(this->small_size_ + n);
        rest = rest.subspan(n);
        if (this->small_size_ == PRIORITY_BYTES)
          this->expect_ = Expect::BLOCK;
        break;
      }
      case Expect::SKIP: {
        const size_t n = std::min<size_t>(rest.size(), this->frame_left_);
        this->frame_left_ -= static_cast<uint32_t>(n);
        rest = rest.subspan(n);
        break;
      }
      case Expect::PADDING: {
        const size_t n = std::min<size_t>(rest.size(), this->pad_length_);
        this->pad_length_ = static_cast<uint8_t>(this->pad_length_ - n);
        rest = rest.subspan(n);
        break;
      }
    }
    this->advance_();
  }
  return in.size() - rest.size();
}

/// Bytes wait until every event was polled, so that the order of events does not depend on the chunks.
bool H2Connection::has_event_() const {
  if (this->event_ || this->goaway_to_tell_ || this->failure_to_tell_)
    return true;
  for (const Stream &stream : this->streams_) {
    if (stream.state == Stream::State::ENDED || stream.state == Stream::State::DROPPED)
      return true;
  }
  return false;
}

std::optional<H2Event> H2Connection::poll_event() {
  if (this->event_) {
    const auto event = this->event_;
    this->event_.reset();
    return event;
  }
  for (Stream &stream : this->streams_) {
    if (stream.state != Stream::State::ENDED && stream.state != Stream::State::DROPPED)
      continue;
    const bool ended = stream.state == Stream::State::ENDED;
    stream.state = Stream::State::FREE;
    return H2Event{
        .kind = ended ? H2Event::Kind::END : H2Event::Kind::RESET, .stream = stream.id, .error = stream.error};
  }
  if (this->goaway_to_tell_) {
    this->goaway_to_tell_ = false;
    return H2Event{.kind = H2Event::Kind::GOAWAY, .error = this->failure_};
  }
  if (this->failure_to_tell_) {
    this->failure_to_tell_ = false;
    return H2Event{.kind = H2Event::Kind::FAILED, .error = this->failure_};
  }
  return std::nullopt;
}

/// Moves on over parts of a frame that have no bytes (left).
void H2Connection::advance_() {
  if (this->state_ == State::FAILED)
    return;
  const bool in_payload =
      this->expect_ == Expect::DATA || this->expect_ == Expect::BLOCK || this->expect_ == Expect::SKIP;
  if (in_payload && this->frame_left_ == 0)
    this->expect_ = Expect::PADDING;
  if (this->expect_ == Expect::PADDING && this->pad_length_ == 0) {
    this->expect_ = Expect::FRAME_HEADER;
    this->small_size_ = 0;
    this->end_frame_();
  }
}

void H2Connection::frame_header_bytes_(ByteView &in) {
  const size_t n = copy(in, ByteSpan(this->small_).subspan(this->small_size_));
  this->small_size_ = static_cast<uint8_t>(this->small_size_ + n);
  in = in.subspan(n);
  if (this->small_size_ != H2_FRAME_HEADER_BYTES)
    return;
  this->frame_ = H2FrameHeader::parse(this->small_);
  this->small_size_ = 0;
  if (const H2Error error = this->check_frame_(); error != H2Error::NO_ERROR) {
    this->fail_(error);
  } else {
    this->begin_frame_();
  }
}

/// RFC 9113 §4.2, §6: what every frame must fulfil before its payload is looked at.
H2Error H2Connection::check_frame_() const {
  const H2FrameHeader &frame = this->frame_;
  const auto type = static_cast<H2FrameType>(frame.type);
  if (this->block_stream_ != 0 && (type != H2FrameType::CONTINUATION || frame.stream != this->block_stream_))
    return H2Error::PROTOCOL_ERROR;
  if (frame.length > H2_MAX_FRAME_BYTES)
    return H2Error::FRAME_SIZE_ERROR;
  if (!this->settings_seen_ && (type != H2FrameType::SETTINGS || frame.has(H2_FLAG_ACK)))
    return H2Error::PROTOCOL_ERROR;
  const bool on_connection = frame.stream == 0;
  switch (type) {
    case H2FrameType::DATA:
    case H2FrameType::HEADERS:
      if (this->is_idle_(frame.stream))
        return H2Error::PROTOCOL_ERROR;
      return frame.has(H2_FLAG_PADDED) && frame.length == 0 ? H2Error::FRAME_SIZE_ERROR : H2Error::NO_ERROR;
    case H2FrameType::PRIORITY:
      return on_connection ? H2Error::PROTOCOL_ERROR : H2Error::NO_ERROR;
    case H2FrameType::RST_STREAM:
      if (this->is_idle_(frame.stream))
        return H2Error::PROTOCOL_ERROR;
      return frame.length != 4 ? H2Error::FRAME_SIZE_ERROR : H2Error::NO_ERROR;
    case H2FrameType::SETTINGS:
      if (!on_connection)
        return H2Error::PROTOCOL_ERROR;
      return frame.length % SETTING_BYTES != 0 || (frame.has(H2_FLAG_ACK) && frame.length != 0)
                 ? H2Error::FRAME_SIZE_ERROR
                 : H2Error::NO_ERROR;
    case H2FrameType::PUSH_PROMISE:
      return H2Error::PROTOCOL_ERROR;  // §6.6: ENABLE_PUSH is 0
    case H2FrameType::PING:
      if (!on_connection)
        return H2Error::PROTOCOL_ERROR;
      return frame.length != 8 ? H2Error::FRAME_SIZE_ERROR : H2Error::NO_ERROR;
    case H2FrameType::GOAWAY:
      if (!on_connection)
        return H2Error::PROTOCOL_ERROR;
      return frame.length < 8 ? H2Error::FRAME_SIZE_ERROR : H2Error::NO_ERROR;
    case H2FrameType::WINDOW_UPDATE:
      if (!on_connection && this->is_idle_(frame.stream))
        return H2Error::PROTOCOL_ERROR;
      return frame.length != 4 ? H2Error::FRAME_SIZE_ERROR : H2Error::NO_ERROR;
    case H2FrameType::CONTINUATION:
      return this->block_stream_ == 0 ? H2Error::PROTOCOL_ERROR : H2Error::NO_ERROR;
  }
  return H2Error::NO_ERROR;  // §5.5: unknown types are ignored
}

void H2Connection::begin_frame_() {
  this->frame_left_ = this->frame_.length;
  this->pad_length_ = 0;
  switch (static_cast<H2FrameType>(this->frame_.type)) {
    case H2FrameType::DATA:
      this->begin_data_();
      return;
    case H2FrameType::HEADERS:
    case H2FrameType::CONTINUATION:
      this->begin_block_();
      return;
    default:
      this->part_size_ = part_size(this->frame_);
      this->expect_ = this->part_size_ != 0 && this->frame_left_ != 0 ? Expect::CONTROL : Expect::SKIP;
      if (this->frame_.type == static_cast<uint8_t>(H2FrameType::SETTINGS) && !this->frame_.has(H2_FLAG_ACK))
        this->settings_seen_ = true;
      return;
  }
}

/// §6.1, §6.9.1: the whole payload counts, padding included, also on a stream that is closed by now.
void H2Connection::begin_data_() {
  this->received_ += this->frame_.length;
  if (this->received_ > RECEIVE_WINDOW) {
    this->fail_(H2Error::FLOW_CONTROL_ERROR);
    return;
  }
  if (Stream *stream = this->find_(this->frame_.stream); stream != nullptr && stream->is_live()) {
    stream->received += this->frame_.length;
    if (stream->received > RECEIVE_WINDOW) {
      this->drop_(*stream, H2Error::FLOW_CONTROL_ERROR, true);
    } else if (stream->state == Stream::State::AWAITING) {
      this->drop_(*stream, H2Error::PROTOCOL_ERROR, true);
    }
  }
  this->expect_ = this->frame_.has(H2_FLAG_PADDED) ? Expect::PAD_LENGTH : Expect::DATA;
}

void H2Connection::begin_block_() {
  if (this->frame_.type == static_cast<uint8_t>(H2FrameType::CONTINUATION)) {
    this->expect_ = Expect::BLOCK;
  } else {
    this->block_stream_ = this->frame_.stream;
    this->block_ends_stream_ = this->frame_.has(H2_FLAG_END_STREAM);
    this->block_bytes_seen_ = 0;
    this->hpack_.begin();
    if (this->frame_.has(H2_FLAG_PADDED)) {
      this->expect_ = Expect::PAD_LENGTH;
      return;
    }
    this->padding_length_(0);
  }
  if (this->frame_left_ == 0 && !this->frame_.has(H2_FLAG_END_HEADERS) &&
      ++this->block_bytes_seen_ > MAX_HEADER_BLOCK_BYTES)
    this->fail_(H2Error::ENHANCE_YOUR_CALM);  // empty CONTINUATIONs without end
}

void H2Connection::padding_length_(uint8_t length) {
  const bool is_data = this->frame_.type == static_cast<uint8_t>(H2FrameType::DATA);
  if (this->expect_ == Expect::PAD_LENGTH)
    this->frame_left_--;
  if (length > this->frame_left_) {
    this->fail_(H2Error::PROTOCOL_ERROR);
    return;
  }
  this->pad_length_ = length;
  this->frame_left_ -= length;
  this->expect_ = is_data ? Expect::DATA : Expect::BLOCK;
  if (is_data || !this->frame_.has(H2_FLAG_PRIORITY))
    return;
  if (this->frame_left_ < PRIORITY_BYTES) {
    this->fail_(H2Error::FRAME_SIZE_ERROR);
    return;
  }
  this->frame_left_ -= static_cast<uint32_t>(PRIORITY_BYTES);
  this->small_size_ = 0;
  this->expect_ = Expect::PRIORITY;
}

void H2Connection::control_bytes_(ByteView &in) {
  const size_t wanted = this->part_size_ - this->small_size_;
  const size_t n = copy(in.first(std::min(in.size(), wanted)), ByteSpan(this->small_).subspan(this->small_size_));
  this->small_size_ = static_cast<uint8_t>(this->small_size_ + n);
  this->frame_left_ -= static_cast<uint32_t>(n);
  in = in.subspan(n);
  if (this->small_size_ != this->part_size_)
    return;
  this->small_size_ = 0;
  // Only SETTINGS has further parts that count; what follows in GOAWAY is text.
  const bool more = this->frame_.type == static_cast<uint8_t>(H2FrameType::SETTINGS) && this->frame_left_ != 0;
  this->expect_ = more ? Expect::CONTROL : Expect::SKIP;
  if (const H2Error error = this->control_part_(Reader(ByteView(this->small_).first(this->part_size_)));
      error != H2Error::NO_ERROR)
    this->fail_(error);
}

void H2Connection::data_bytes_(ByteView &in) {
  const ByteView data = in.first(std::min<size_t>(in.size(), this->frame_left_));
  in = in.subspan(data.size());
  this->frame_left_ -= static_cast<uint32_t>(data.size());
  Stream *stream = this->find_(this->frame_.stream);
  if (data.empty() || stream == nullptr || stream->state != Stream::State::BODY)
    return;
  if (stream->body_left) {
    *stream->body_left -= static_cast<int64_t>(data.size());
    if (*stream->body_left < 0) {
      this->drop_(*stream, H2Error::PROTOCOL_ERROR, true);  // §8.1.1
      return;
    }
  }
  this->event_ = H2Event{.kind = H2Event::Kind::DATA, .stream = stream->id, .data = data};
}

void H2Connection::block_bytes_(ByteView &in) {
  const ByteView piece = in.first(std::min<size_t>(in.size(), this->frame_left_));
  in = in.subspan(piece.size());
  this->frame_left_ -= static_cast<uint32_t>(piece.size());
  this->block_bytes_seen_ += piece.size();
  if (this->block_bytes_seen_ > MAX_HEADER_BLOCK_BYTES) {
    this->fail_(H2Error::ENHANCE_YOUR_CALM);
  } else if (this->hpack_.handle_bytes(piece) != Error::NONE) {
    this->fail_(H2Error::COMPRESSION_ERROR);
  }
}

void H2Connection::end_frame_() {
  switch (static_cast<H2FrameType>(this->frame_.type)) {
    case H2FrameType::DATA:
      if (Stream *stream = this->find_(this->frame_.stream);
          stream != nullptr && stream->is_live() && this->frame_.has(H2_FLAG_END_STREAM))
        this->end_of_response_(*stream);
      return;
    case H2FrameType::HEADERS:
    case H2FrameType::CONTINUATION:
      if (this->frame_.has(H2_FLAG_END_HEADERS))
        this->block_done_();
      return;
    case H2FrameType::SETTINGS:
      if (!this->frame_.has(H2_FLAG_ACK) && this->settings_acks_ != UINT8_MAX)
        this->settings_acks_++;
      return;
    default:
      return;
  }
}

void H2Connection::block_done_() {
  Stream *stream = this->find_(this->block_stream_);
  this->block_stream_ = 0;
  const Error error = this->hpack_.finish();
  if (error == Error::MALFORMED) {
    this->fail_(H2Error::COMPRESSION_ERROR);
  } else if (stream == nullptr || !stream->is_live()) {
    return;
  } else if (error != Error::NONE) {
    this->drop_(*stream, H2Error::PROTOCOL_ERROR, true);
  } else if (stream->state == Stream::State::AWAITING) {
    this->response_head_(*stream);
  } else if (this->block_ends_stream_ && this->hpack_.is_trailer()) {
    this->end_of_response_(*stream);
  } else {
    this->drop_(*stream, H2Error::PROTOCOL_ERROR, true);  // §8.1: after the head only trailers, and they end it
  }
}

void H2Connection::response_head_(Stream &stream) {
  const ResponseFields &fields = this->hpack_.fields();
  const bool interim = fields.status && *fields.status < 200;
  if (!fields.status || *fields.status == 101 || (interim && this->block_ends_stream_)) {
    this->drop_(stream, H2Error::PROTOCOL_ERROR, true);
    return;
  }
  if (interim)
    return;
  stream.state = Stream::State::BODY;
  const bool no_content = stream.is_head || *fields.status == 204 || *fields.status == 304;
  stream.body_left = no_content ? std::optional<int64_t>(0) : fields.content_length;
  this->event_ = H2Event{.kind = H2Event::Kind::RESPONSE, .stream = stream.id, .fields = fields};
  if (this->block_ends_stream_)
    this->end_of_response_(stream);
}

void H2Connection::end_of_response_(Stream &stream) {
  if (stream.state != Stream::State::BODY || (stream.body_left && *stream.body_left != 0)) {
    this->drop_(stream, H2Error::PROTOCOL_ERROR, true);
    return;
  }
  stream.state = Stream::State::ENDED;
  this->stop_sending_(stream.id, H2Error::NO_ERROR);  // §8.1: the server did not need the rest of the request
}

H2Connection::Stream *H2Connection::find_(H2StreamId id) {
  for (Stream &stream : this->streams_) {
    if (stream.id == id && stream.state != Stream::State::FREE)
      return &stream;
  }
  return nullptr;
}

/// Ends a live stream; `tell` = the server is to know.
void H2Connection::drop_(Stream &stream, H2Error error, bool tell) {
  const bool unknown_to_server = this->sending_ == stream.id && !this->head_sent_;
  if (this->sending_ == stream.id)
    this->sending_ = 0;
  if (tell && !unknown_to_server)
    (void) this->resets_.push_back({stream.id, error});  // request() keeps room for every open stream
  stream.state = Stream::State::DROPPED;
  stream.error = error;
}

void H2Connection::stop_sending_(H2StreamId id, H2Error error) {
  if (this->sending_ != id)
    return;
  this->sending_ = 0;
  if (this->head_sent_)
    (void) this->resets_.push_back({id, error});
}

void H2Connection::fail_(H2Error error) {
  if (this->state_ == State::FAILED)
    return;
  this->state_ = State::FAILED;
  this->failure_ = error;
  this->failure_to_tell_ = this->goaway_to_send_ = true;
  this->goaway_to_tell_ = false;
  this->sending_ = 0;
  for (Stream &stream : this->streams_)
    stream.state = Stream::State::FREE;
}

}  // namespace microlink::http
