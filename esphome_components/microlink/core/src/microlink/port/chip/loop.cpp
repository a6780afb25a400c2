// SPDX-License-Identifier: MIT
#if defined(ESP_PLATFORM) || defined(__linux__)
#include "microlink/port/chip/loop.h"

#include <algorithm>

#include "microlink/base/reader.h"
#include "microlink/base/secret.h"
#include "microlink/base/writer.h"
#include "microlink/port/resolve_token.h"

namespace microlink::chip {

namespace {

// The client bounds what one input causes; this many actions mean that it does not come to rest.
constexpr size_t MAX_ACTIONS_PER_INPUT = 1'000;
constexpr Duration SHORTEST_WAIT = milliseconds(1);
// A clock that was set moves further than one that is adjusted; without that, it is told again once an hour.
constexpr Duration WALL_JUMP = seconds(1);
constexpr Duration WALL_TELL_AGAIN = seconds(3600);

}  // namespace

Loop::Loop(System &system, Observer *observer, LogSink *log)
    : system_(system), observer_(observer), log_(log, "port"), now_(system.now()) {}

/// With any port: the last one if it is free. Peers send there until they hear of another, for some seconds after a
/// quick restart, and a NAT still leads there.
bool Loop::open(const Options &options) {
  this->options_ = options;
  if (options.relay_only || options.listen_port != 0)
    return options.relay_only || this->udp_.open(options.listen_port);
  Bytes<MAX_RECORD_BYTES> bytes{};
  const auto size = this->system_.load(Record::UDP_PORT, bytes);
  const uint16_t last = size && *size == sizeof(uint16_t) ? Reader(bytes).u16be() : uint16_t{0};
  if (last != 0 && this->udp_.open(last) && this->udp_.port_v4() == last)
    return true;
  if (!this->udp_.open(0))
    return false;
  Writer out(bytes);
  out.u16be(this->udp_.port_v4());
  (void) this->system_.store(Record::UDP_PORT, out.written());  // it only makes the next start quicker
  return true;
}

void Loop::close() {
  this->detach();
  this->udp_.close();
}

Error Loop::attach(Client &client) {
  this->detach();
  this->client_ = &client;
  this->stopped_ = false;
  Secret<32> seed;
  Error error = this->feed_records_();
  if (error == Error::NONE && !this->system_.fill_random(seed.writable()))
    error = Error::NOT_READY;
  if (error != Error::NONE) {
    this->client_ = nullptr;
    return error;
  }
  Input input{.kind = Input::Kind::SEED};
  input.bytes = seed.writable();
  this->feed(input);
  this->wall_told_ = WallTime::UNKNOWN;
  this->feed_wall_time_();
  this->feed_network_();
  this->feed({.kind = Input::Kind::START});
  return Error::NONE;
}

Error Loop::feed_records_() {
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT); i++) {
    const auto record = static_cast<Record>(i);
    if (record == Record::UDP_PORT)
      continue;
    Secret<MAX_RECORD_BYTES> bytes;
    const auto size = this->system_.load(record, bytes.writable());
    if (!size) {
      this->log_.error("the stored %s cannot be read: %s", record_name(record), error_name(size.error()));
      return size.error();
    }
    if (*size == 0)
      continue;
    Input input{.kind = Input::Kind::RECORD, .record = record};
    input.bytes = bytes.writable().first(*size);
    this->feed(input);
  }
  return Error::NONE;
}

void Loop::feed_wall_time_() {
  const WallTime now = this->system_.wall_now();
  if (now == WallTime::UNKNOWN)
    return;
  const Duration elapsed = this->now_ - this->wall_told_at_;
  const Duration off = now - (this->wall_told_ + elapsed);
  if (this->wall_told_ != WallTime::UNKNOWN && off < WALL_JUMP && Duration::ZERO - off < WALL_JUMP &&
      elapsed < WALL_TELL_AGAIN)
    return;
  this->wall_told_ = now;
  this->wall_told_at_ = this->now_;
  this->feed({.kind = Input::Kind::WALL_TIME, .wall_time = now});
}

void Loop::feed_network_() {
  std::array<IpAddress, MAX_OWN_ENDPOINTS> addresses;
  std::array<Endpoint, MAX_OWN_ENDPOINTS> endpoints;
  const size_t found = std::min(this->system_.local_addresses(addresses), addresses.size());
  size_t count = 0;
  for (const IpAddress &address : std::span(addresses).first(found)) {
    const uint16_t port = this->options_.relay_only ? RELAY_ONLY_PORT
                          : address.is_v4()         ? this->udp_.port_v4()
                                                    : this->udp_.port_v6();
    if (port != 0)
      endpoints[count++] = {address, port};
  }
  Input input{.kind = Input::Kind::NETWORK};
  input.endpoints = std::span<const Endpoint>(endpoints).first(count);
  this->feed(input);
}

void Loop::detach() {
  this->streams_.close_all();
  this->client_ = nullptr;
}

void Loop::feed(const Input &input) {
  if (this->client_ == nullptr)
    return;
  this->client_->handle(this->tick(), input);
  this->drain();
}

Instant Loop::tick() {
  this->now_ = std::max(this->now_, this->system_.now());
  return this->now_;
}

void Loop::drain() {
  if (this->client_ == nullptr || this->draining_)
    return;
  this->draining_ = true;
  this->drain_actions_();
  while (const auto event = this->client_->poll_event()) {
    this->stopped_ |= event->kind == Event::Kind::STOPPED;
    if (this->observer_ != nullptr)
      this->observer_->on_event(*event);
  }
  this->draining_ = false;
}

void Loop::drain_actions_() {
  for (size_t i = 0; i != MAX_ACTIONS_PER_INPUT; i++) {
    const auto action = this->client_->poll_action(this->now_, this->scratch_);
    if (!action)
      return;
    this->perform_(*action);
  }
  this->log_.error("the client does not come to rest; going on without it for a moment");
}

void Loop::perform_(const Action &action) {
  switch (action.kind) {
    case Action::Kind::OPEN_STREAM:
      this->open_stream_(action);
      break;
    case Action::Kind::SEND_STREAM:
      if (this->streams_.send(action.stream, action.bytes) == Streams::Sent::BLOCKED) {
        this->patient_until_ = this->now_ + PATIENCE;
        this->client_->handle(this->now_, {.kind = Input::Kind::STREAM_BLOCKED, .stream = action.stream});
      }
      break;
    case Action::Kind::CLOSE_STREAM:
      this->streams_.close(action.stream);
      break;
    case Action::Kind::SEND_DATAGRAM:
      this->udp_.send(action.to, action.bytes);
      break;
    case Action::Kind::RESOLVE:
      if (const FixedString<MAX_HOST_BYTES> host(action.host); !this->resolve_(ResolveToken::CLIENT, host)) {
        Input input{.kind = Input::Kind::RESOLVED};
        input.host = host.view();
        this->client_->handle(this->now_, input);
      }
      break;
    case Action::Kind::STORE:
      if (const Error error = this->system_.store(action.record, action.bytes); error != Error::NONE)
        this->log_.error("%s cannot be stored (%s): the node may lose its identity when it restarts",
                         record_name(action.record), error_name(error));
      break;
    case Action::Kind::ERASE:
      if (const Error error = this->system_.erase(action.record); error != Error::NONE)
        this->log_.error("%s cannot be erased: %s", record_name(action.record), error_name(error));
      break;
    case Action::Kind::OVERLAY:
      this->system_.write_overlay(action.bytes);
      break;
    case Action::Kind::SELF_ADDRESSES:
      this->system_.set_overlay_addresses(action.endpoints);
      break;
  }
}

void Loop::open_stream_(const Action &action) {
  if (action.stream >= MAX_STREAMS)
    return;
  this->streams_.open(this->now_, action.stream, action.to.port);
  const uint32_t generation = this->streams_.generation(action.stream);
  const IpAddress literal = action.to.address.is_set() ? action.to.address : parse_ip(action.host).value_or({});
  if (literal.is_set())
    this->streams_.resolved(this->now_, action.stream, generation, {&literal, 1});
  else if (!this->resolve_(ResolveToken::of_stream(action.stream, generation), action.host))
    this->streams_.resolved(this->now_, action.stream, generation, {});
}

bool Loop::resolve_(uint32_t token, std::string_view host) {
  if (this->system_.resolve(token, host))
    return true;
  this->log_.warning("%.*s is not looked up: too many names are, or there is no memory for it",
                     static_cast<int>(host.size()), host.data());
  return false;
}

void Loop::serve_answers_() {
  while (const auto answer = this->system_.take_answer()) {
    const std::span<const IpAddress> addresses(answer->addresses.begin(), answer->addresses.size());
    if (addresses.empty())
      this->log_.warning("no address found for %s", answer->host.c_str());
    if (const ResolveToken token(answer->token); token.is_stream()) {
      const uint32_t generation = this->streams_.generation(token.stream());
      if (token.is_of(generation))
        this->streams_.resolved(this->now_, token.stream(), generation, addresses);
      continue;
    }
    FixedVector<Endpoint, decltype(answer->addresses)::CAPACITY> endpoints;
    for (const IpAddress &address : addresses)
      (void) endpoints.push_back({address, 0});
    Input input{.kind = Input::Kind::RESOLVED};
    input.host = answer->host.view();
    input.endpoints = {endpoints.begin(), endpoints.size()};
    this->feed(input);
  }
}

void Loop::serve_overlay_() {
  const ByteSpan packet = ByteSpan(this->room_).subspan(OVERLAY_HEADROOM, OVERLAY_MTU);
  for (int i = 0; i != PACKETS_PER_TURN; i++) {
    if (this->overlay_waits_())
      return;
    const size_t size = this->system_.read_overlay(packet);
    if (size == 0)
      return;
    this->feed({.kind = Input::Kind::OVERLAY, .bytes = packet.first(size)});
  }
  this->system_.wake_up();  // the rest waits for the next turn
}

void Loop::serve_network_() {
  if (this->system_.take_network_change())
    this->settled_at_ = earlier(this->settled_at_, this->now_ + SETTLE_TIME);
  if (this->settled_at_ > this->now_)
    return;
  this->settled_at_ = Instant::NEVER;
  this->feed_network_();
}

Instant Loop::next_timeout_(Instant latest) const {
  Instant at = earlier(earlier(latest, this->settled_at_), this->streams_.next_timeout(this->now_));
  if (this->overlay_waits_())
    at = earlier(at, this->patient_until_);
  // A client whose time-out stays in the past must not make the loop spin.
  if (this->client_ != nullptr)
    at = earlier(at, std::max(this->client_->next_timeout(), this->now_ + SHORTEST_WAIT));
  return at;
}

Duration Loop::turn(Instant latest) {
  Selection selection;
  this->udp_.watch(selection);
  this->streams_.watch(selection);
  selection.want_read(this->system_.wake_socket());
  const Instant at = this->next_timeout_(latest);
  const Duration wait = at == Instant::NEVER ? microseconds(-1) : std::max(at - this->tick(), Duration::ZERO);
  const Instant from = this->now_;
  selection.wait(to_microseconds(wait));
  this->wakes_++;
  const Duration waited = this->tick() - from;
  this->udp_.serve(selection, this->room_);
  this->streams_.serve(this->now_, selection, this->room_);
  if (selection.can_read(this->system_.wake_socket()))
    this->system_.clear_wake();
  // Whether or not it was this that ended the wait: a system short of memory may have had none for the news of it.
  this->serve_answers_();
  this->serve_overlay_();
  this->feed_wall_time_();
  this->serve_network_();
  if (this->client_ != nullptr && this->client_->next_timeout() <= this->now_)
    this->feed({.kind = Input::Kind::TIMEOUT});
  this->udp_.tell_refusals();
  return waited;
}

}  // namespace microlink::chip
#endif  // ESP_PLATFORM || __linux__
