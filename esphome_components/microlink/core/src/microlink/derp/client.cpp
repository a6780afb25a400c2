// SPDX-License-Identifier: MIT
#include "microlink/derp/client.h"

#include <algorithm>
#include <utility>

#include "microlink/base/reader.h"
#include "microlink/base/window_writer.h"

namespace microlink::derp {

namespace {

constexpr std::string_view PROTOCOL = "DERP";
/// CanAckPings: we answer the relay's pings.
constexpr std::string_view CLIENT_INFO = R"({"version":2,"CanAckPings":true})";
/// Sealed JSON of three numbers today.
constexpr size_t MAX_SERVER_INFO_BYTES = 512;
/// What a packet counts for in the relay's token bucket, besides itself.
constexpr size_t PACKET_COST = FRAME_HEADER_BYTES + crypto::KEY_BYTES;

/// The longest names of a DERP map, with room for more.
constexpr size_t MAX_REQUEST_BYTES = 512;

/// What may stand in a header field of the request: no control character, no space.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void write_request(WindowWriter &out, const Client::Target &target) {
  const bool is_v6 = target.host.find(':') != std::string_view::npos;
  out.text("GET /derp HTTP/1.1\r\nHost: ");
  out.text(is_v6 ? "[" : "").text(target.host).text(is_v6 ? "]" : "");
  out.text("\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n");
  if (!target.ideal_node.empty())
    out.text("Ideal-Node: ").text(target.ideal_node).text("\r\n");
  out.text("\r\n");
}

}  // namespace

Client::Client(Random &random, Shared &shared, SendPool::Owner owner)
    : random_(random),
      shared_(shared),
      owner_(owner),
      reader_(shared.gather),
      early_(http::UpgradeResponse(PROTOCOL)) {}

Error Client::start(Instant now, const Target &target) {
  if (target.host.empty() || !is_token(target.host) || !is_token(target.ideal_node) || target.node_key == nullptr)
    return Error::MALFORMED;
  WindowWriter request(ByteSpan{});
  write_request(request, target);
  if (request.total() > MAX_REQUEST_BYTES)
    return Error::MALFORMED;
  this->reset_();
  this->early_.emplace<http::UpgradeResponse>(PROTOCOL);
  this->http_status_ = 0;
  this->target_ = target;
  this->request_size_ = static_cast<uint16_t>(request.total());
  this->timers_.arm(Timer::LOGIN, now + LOGIN_TIMEOUT);
  this->state_ = State::UPGRADING;
  return Error::NONE;
}

void Client::stop() {
  this->reset_();
  this->state_ = State::IDLE;
}

Error Client::handle_bytes(Instant now, ByteSpan &in) {
  if (!this->is_active_()) {
    in = {};
    return Error::UNEXPECTED;
  }
  if (this->event_)
    return Error::NOT_READY;
  if (this->state_ == State::CONNECTED && !in.empty())
    this->timers_.arm(Timer::READ, now + READ_TIMEOUT);
  if (this->state_ == State::UPGRADING)
    this->handle_head_(in);
  while (this->is_active_() && this->state_ != State::UPGRADING && !this->event_) {
    const auto frame = this->reader_.next(in);
    if (!frame)
      this->fail_(frame.error());
    else if (!*frame)
      break;
    else
      this->handle_frame_(now, **frame);
  }
  if (!this->is_active_())
    in = {};
  return Error::NONE;
}

void Client::handle_closed(Instant /*now*/, Error error) {
  if (this->is_active_())
    this->fail_(error);
}

void Client::handle_timeout(Instant now) {
  if (this->timers_.due(Timer::LOGIN, now) || this->timers_.due(Timer::READ, now))
    this->fail_(Error::TIMED_OUT);
}

Error Client::send(Instant now, const NodePublic &destination, ByteView packet) {
  if (!this->is_active_())
    return Error::UNEXPECTED;
  if (packet.size() > MAX_PACKET_BYTES)
    return Error::NO_SPACE;
  if (!this->take_tokens_(now, PACKET_COST + packet.size())) {
    this->counters_.tx_dropped_rate++;
    return Error::NO_SPACE;
  }
  this->counters_.tx_dropped_full +=
      static_cast<uint32_t>(this->shared_.queue.push(this->owner_, destination.bytes, packet));
  this->counters_.tx_packets++;
  return Error::NONE;
}

std::optional<Event> Client::poll_event() {
  if (!this->event_)
    return std::nullopt;
  return std::exchange(this->event_, std::nullopt);
}

std::optional<Transmit> Client::poll_transmit(Instant /*now*/, ByteSpan out) {
  const bool is_quiet = this->request_sent_ == this->request_size_ && this->announced_ == this->preferred_ &&
                        !this->has_control_() && this->queued() == 0;
  if (!this->is_active_() || out.empty() || is_quiet)
    return std::nullopt;
  if (this->state_ == State::CONNECTED && this->announced_ != this->preferred_) {
    const uint8_t flag = this->preferred_ ? 1 : 0;
    if (this->queue_control_(FrameType::NOTE_PREFERRED, {&flag, 1}))
      this->announced_ = this->preferred_;
  }
  size_t size = this->pop_request_(out);
  // A frame of which a part has left comes first, whatever waits.
  SendPool &queue = this->shared_.queue;
  if (queue.is_mid_frame(this->owner_)) {
    const size_t n = copy(queue.front(this->owner_), out.subspan(size));
    queue.pop(this->owner_, n);
    size += n;
  }
  if (!queue.is_mid_frame(this->owner_))
    size += this->pop_control_(out.subspan(size));
  const bool may_send_packets = this->state_ == State::SERVER_INFO || this->state_ == State::CONNECTED;
  if (may_send_packets && !this->has_control_())
    size += this->pop_packets_(out.subspan(size));
  if (size == 0)
    return std::nullopt;
  return Transmit{size};
}

ByteView Client::next_packets(size_t most) const {
  const SendPool &queue = this->shared_.queue;
  const bool is_told = this->state_ != State::CONNECTED || this->announced_ == this->preferred_;
  if (this->request_sent_ == this->request_size_ && !this->has_control_() && is_told) {
    const bool may_send = this->state_ == State::SERVER_INFO || this->state_ == State::CONNECTED;
    return may_send ? queue.front(this->owner_, most) : ByteView{};
  }
  // Something else comes next, but for the rest of a frame.
  if (!queue.is_mid_frame(this->owner_))
    return {};
  const ByteView rest = queue.front(this->owner_);
  return rest.first(std::min(most, rest.size()));
}

/// As many packets as there is room for: few TLS records are cheaper than many.
size_t Client::pop_packets_(ByteSpan out) {
  SendPool &queue = this->shared_.queue;
  size_t size = 0;
  while (size != out.size() && queue.frames(this->owner_) != 0) {
    const size_t n = copy(queue.front(this->owner_), out.subspan(size));
    queue.pop(this->owner_, n);
    size += n;
  }
  return size;
}

size_t Client::pop_request_(ByteSpan out) {
  if (this->request_sent_ == this->request_size_)
    return 0;
  WindowWriter request(out, this->request_sent_);
  write_request(request, this->target_);
  this->request_sent_ = static_cast<uint16_t>(this->request_sent_ + request.size());
  return request.size();
}

void Client::handle_head_(ByteSpan &in) {
  http::UpgradeResponse &upgrade = *std::get_if<http::UpgradeResponse>(&this->early_);
  in = in.subspan(upgrade.handle_bytes(in));
  this->http_status_ = upgrade.status();
  switch (upgrade.state()) {
    case http::UpgradeResponse::State::HEAD:
      break;
    case http::UpgradeResponse::State::UPGRADED:
      this->early_.emplace<SmallFrames>();
      this->state_ = State::SERVER_KEY;
      break;
    case http::UpgradeResponse::State::REFUSED:
      this->fail_(Error::REJECTED);
      break;
    case http::UpgradeResponse::State::BAD:
      this->fail_(Error::MALFORMED);
      break;
  }
}

void Client::handle_frame_(Instant now, const Frame &frame) {
  if (this->state_ == State::SERVER_KEY) {
    this->handle_server_key_(frame);
    return;
  }
  switch (frame.type) {
    case FrameType::SERVER_INFO:
      this->handle_server_info_(now, frame);
      return;
    case FrameType::PING:
      this->pong_(frame);
      return;
    case FrameType::KEEP_ALIVE:
    case FrameType::PONG:
      return;
    default:
      break;
  }
  if (this->state_ != State::CONNECTED) {
    this->counters_.rx_dropped_malformed++;
    return;
  }
  switch (frame.type) {
    case FrameType::RECV_PACKET:
      this->handle_packet_(frame);
      return;
    case FrameType::PEER_GONE:
      this->handle_peer_gone_(frame);
      return;
    case FrameType::HEALTH:
      if (!frame.is_lost())
        this->event_ = Event{.kind = Event::Kind::HEALTH, .text = as_text(frame.body)};
      return;
    case FrameType::RESTARTING:
      this->handle_restarting_(frame);
      return;
    default:
      this->counters_.rx_skipped++;
      return;
  }
}

void Client::handle_server_key_(const Frame &frame) {
  const auto key = parse_server_key(frame.body);
  if (frame.type != FrameType::SERVER_KEY || !key) {
    this->fail_(Error::MALFORMED);
    return;
  }
  if (!this->box_.precompute(this->target_.node_key->secret(), *key)) {
    this->fail_(Error::AUTH_FAILED);
    return;
  }
  Bytes<crypto::KEY_BYTES + crypto::BOX_OVERHEAD + CLIENT_INFO.size()> body;
  copy(this->target_.node_key->public_key().bytes, body);
  this->box_.seal(this->random_, as_bytes(CLIENT_INFO), ByteSpan(body).subspan(crypto::KEY_BYTES));
  if (!this->queue_control_(FrameType::CLIENT_INFO, body)) {
    this->fail_(Error::UNEXPECTED);
    return;
  }
  this->state_ = State::SERVER_INFO;
}

void Client::handle_server_info_(Instant now, const Frame &frame) {
  Bytes<MAX_SERVER_INFO_BYTES> json;
  if (!frame.is_whole()) {
    this->fail_(Error::MALFORMED);
    return;
  }
  const auto size = this->box_.open(frame.body, json);
  if (!size) {
    this->fail_(size.error());
    return;
  }
  const auto info = parse_server_info(ByteView(json).first(*size));
  if (!info || info->version < PROTOCOL_VERSION) {  // version 1 does not say who sent a packet
    this->fail_(info ? Error::REJECTED : Error::MALFORMED);
    return;
  }
  this->info_ = *info;
  this->info_.burst_bytes = std::max<uint32_t>(info->burst_bytes, MAX_SEND_FRAME_BYTES);
  this->tokens_ = TOKENS_PER_BYTE * this->info_.burst_bytes;
  this->refilled_ = now;
  if (this->state_ == State::CONNECTED)
    return;  // only new numbers
  this->timers_.stop(Timer::LOGIN);
  this->timers_.arm(Timer::READ, now + READ_TIMEOUT);
  this->target_ = {};
  this->state_ = State::CONNECTED;
  this->event_ = Event{.kind = Event::Kind::CONNECTED};
}

void Client::handle_packet_(const Frame &frame) {
  if (frame.is_lost()) {
    this->counters_.rx_dropped_full++;
    return;
  }
  if (!frame.is_whole()) {
    this->counters_.rx_dropped_oversized++;
    return;
  }
  if (frame.body.size() <= crypto::KEY_BYTES) {
    this->counters_.rx_dropped_malformed++;
    return;
  }
  this->counters_.rx_packets++;
  this->event_ = Event{.kind = Event::Kind::PACKET,
                       .key = NodePublic::from_bytes(frame.body.first(crypto::KEY_BYTES)),
                       .packet = frame.body.subspan(crypto::KEY_BYTES)};
}

void Client::handle_peer_gone_(const Frame &frame) {
  Reader in(frame.body);
  const NodePublic key = NodePublic::from_bytes(in.take(crypto::KEY_BYTES));
  if (!in.ok()) {
    this->counters_.rx_dropped_malformed++;
    return;
  }
  const auto reason = static_cast<PeerGoneReason>(in.u8());  // old relays send none, which reads as 0
  this->event_ = Event{.kind = Event::Kind::PEER_GONE, .reason = reason, .key = key};
}

void Client::handle_restarting_(const Frame &frame) {
  Reader in(frame.body);
  const Duration reconnect_in = milliseconds(in.u32be());
  const Duration try_for = milliseconds(in.u32be());
  if (!in.ok()) {
    this->counters_.rx_dropped_malformed++;
    return;
  }
  this->event_ = Event{.kind = Event::Kind::RESTARTING, .reconnect_in = reconnect_in, .try_for = try_for};
}

void Client::pong_(const Frame &frame) {
  if (frame.body.size() < PING_BYTES)
    this->counters_.rx_dropped_malformed++;
  else  // when there is no room, a relay that floods us with pings goes without answers
    (void) this->queue_control_(FrameType::PONG, frame.body.first(PING_BYTES));
}

void Client::fail_(Error error) {
  this->reset_();
  this->state_ = State::FAILED;
  this->event_ = Event{.kind = Event::Kind::FAILED, .error = error};
}

void Client::reset_() {
  this->announced_ = false;
  this->target_ = {};
  this->box_.clear();
  this->timers_ = {};
  this->event_.reset();
  this->info_ = {};
  this->reader_.reset();
  if (auto *const small = std::get_if<SmallFrames>(&this->early_))
    small->size = small->sent = 0;
  this->request_size_ = this->request_sent_ = 0;
  this->shared_.queue.clear(this->owner_);
}

bool Client::take_tokens_(Instant now, size_t bytes) {
  if (this->info_.bytes_per_second == 0)
    return true;
  // A bucket of at most 2^32 bytes is full after 1000 s, or it is slower than 4 MB/s and may fill up later.
  const int64_t elapsed = std::clamp<int64_t>(to_microseconds(now - this->refilled_), 0, 1'000'000'000);
  this->refilled_ = now;
  this->tokens_ =
      std::min(this->tokens_ + elapsed * this->info_.bytes_per_second, TOKENS_PER_BYTE * this->info_.burst_bytes);
  const int64_t cost = TOKENS_PER_BYTE * static_cast<int64_t>(bytes);
  if (this->tokens_ < cost)
    return false;
  this->tokens_ -= cost;
  return true;
}

bool Client::queue_control_(FrameType type, ByteView body) {
  SmallFrames *const small = std::get_if<SmallFrames>(&this->early_);
  if (small == nullptr)
    return false;
  Writer out(ByteSpan(small->bytes).subspan(small->size));
  write_frame(out, type, body);
  if (!out.ok())
    return false;
  small->size = static_cast<uint16_t>(small->size + out.size());
  return true;
}

size_t Client::pop_control_(ByteSpan out) {
  if (!this->has_control_())
    return 0;
  SmallFrames &small = *std::get_if<SmallFrames>(&this->early_);
  const size_t n = copy(ByteView(small.bytes).first(small.size).subspan(small.sent), out);
  small.sent = static_cast<uint16_t>(small.sent + n);
  if (small.sent == small.size)
    small.size = small.sent = 0;
  return n;
}

}  // namespace microlink::derp
