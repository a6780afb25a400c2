// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/runner.h"

#include <sys/random.h>

#include <algorithm>

#include "microlink/base/reader.h"
#include "microlink/base/secret.h"
#include "microlink/base/writer.h"
#include "microlink/port/resolve_token.h"

namespace microlink::posix {

namespace {

// The client bounds what one input causes; this many actions mean that it does not come to rest.
constexpr size_t MAX_ACTIONS_PER_INPUT = 10'000;
constexpr Duration SHORTEST_WAIT = milliseconds(1);

}  // namespace

Runner::Runner(RunnerOptions options, StateDir &state, Overlay *overlay, Observer *observer, LogSink *log)
    : options_(std::move(options)),
      state_(state),
      overlay_(overlay),
      observer_(observer),
      log_(log, "port"),
      resolver_(options_.lookup),
      now_(monotonic_now()) {
  this->companions_ = {&this->udp_, &this->network_, &this->streams_};
}

Runner::~Runner() { this->detach(); }

/// With any port: the last one if it is free. Peers send there until they hear of another, for some seconds after a
/// quick restart, and a NAT still leads there.
std::string Runner::open() {
  if (this->options_.relay_only)
    return {};
  if (this->options_.listen_port != 0)
    return this->udp_.open(this->options_.listen_port);
  const uint16_t last = this->last_port_();
  if (last != 0 && this->udp_.open(last).empty() && this->udp_.port_v4() == last)
    return {};
  std::string problem = this->udp_.open(0);
  Bytes<2> bytes;
  Writer(bytes).u16be(this->udp_.port_v4());
  if (problem.empty())
    problem = this->state_.store(Record::UDP_PORT, bytes);
  return problem;
}

uint16_t Runner::last_port_() const {
  std::optional<std::vector<uint8_t>> bytes;
  if (!this->state_.load(Record::UDP_PORT, bytes).empty() || !bytes || bytes->size() != 2)
    return 0;
  return Reader(*bytes).u16be();
}

/// In front of the streams, which come last.
void Runner::add(Companion *companion) { this->companions_.insert(this->companions_.end() - 1, companion); }

void Runner::remove(Companion *companion) { std::erase(this->companions_, companion); }

std::string Runner::attach(Driven *driven) {
  this->detach();
  this->driven_ = driven;
  this->stopped_ = false;
  std::string problem = this->feed_records_();
  if (!problem.empty()) {
    this->driven_ = nullptr;
    return problem;
  }
  Secret<32> seed;
  if (::getrandom(seed.writable().data(), seed.writable().size(), 0) != static_cast<ssize_t>(seed.writable().size())) {
    this->driven_ = nullptr;
    return "the system gives no random bytes";
  }
  Input input{.kind = Input::Kind::SEED};
  input.bytes = seed.writable();
  this->feed(input);
  this->feed_wall_time_();
  this->feed_network_();
  this->feed({.kind = Input::Kind::START});
  return {};
}

std::string Runner::feed_records_() {
  // All are read before the first is told: an unreadable one must not leave a client that knows half of itself.
  std::vector<std::pair<Record, std::vector<uint8_t>>> records;
  std::string problem;
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT) && problem.empty(); i++) {
    std::optional<std::vector<uint8_t>> bytes;
    if (static_cast<Record>(i) != Record::UDP_PORT)
      problem = this->state_.load(static_cast<Record>(i), bytes);
    if (bytes && bytes->size() <= MAX_RECORD_BYTES)
      records.emplace_back(static_cast<Record>(i), std::move(*bytes));
    else if (bytes)
      problem = this->state_.path() + "/" + record_name(static_cast<Record>(i)) + " is too big; move it away";
  }
  for (auto &[record, bytes] : records) {
    Input input{.kind = Input::Kind::RECORD, .record = record};
    input.bytes = bytes;
    if (problem.empty())
      this->feed(input);
    wipe(bytes);
  }
  return problem;
}

void Runner::feed_wall_time_() {
  const WallTime now = wall_now();
  if (now != WallTime::UNKNOWN)
    this->feed({.kind = Input::Kind::WALL_TIME, .wall_time = now});
}

void Runner::feed_network_() {
  this->told_endpoints_.clear();
  const auto addresses = reachable_addresses(list_local_addresses(), this->options_.ignored_interfaces,
                                             this->own_addresses_, preferred_address());
  for (const IpAddress &address : addresses) {
    const uint16_t port = this->options_.relay_only ? RELAY_ONLY_PORT
                          : address.is_v4()         ? this->udp_.port_v4()
                                                    : this->udp_.port_v6();
    if (port != 0)
      this->told_endpoints_.push_back({address, port});
  }
  Input input{.kind = Input::Kind::NETWORK};
  input.endpoints = this->told_endpoints_;
  this->feed(input);
}

void Runner::detach() {
  this->flush_();
  this->streams_.close_all();
  this->driven_ = nullptr;
  this->own_addresses_.clear();
}

bool Runner::has_v4_address() const {
  return std::any_of(this->own_addresses_.begin(), this->own_addresses_.end(),
                     [](const IpAddress &address) { return address.is_v4(); });
}

void Runner::feed(const Input &input) {
  if (this->driven_ == nullptr)
    return;
  this->driven_->handle(this->tick(), input);
  this->drain();
}

Instant Runner::tick() {
  this->now_ = std::max(this->now_, monotonic_now());
  return this->now_;
}

void Runner::drain() {
  if (this->driven_ == nullptr || this->draining_)
    return;
  this->draining_ = true;
  this->drain_actions_();
  while (const auto event = this->driven_->poll_event()) {
    this->stopped_ |= event->kind == Event::Kind::STOPPED;
    if (this->observer_ != nullptr)
      this->observer_->on_event(this->now_, *event);
  }
  this->draining_ = false;
}

void Runner::drain_actions_() {
  alignas(uint64_t) Bytes<SCRATCH_BYTES> scratch;  // packets are sealed in it
  for (size_t i = 0; i != MAX_ACTIONS_PER_INPUT; i++) {
    const auto action = this->driven_->poll_action(this->now_, scratch);
    if (!action)
      return;
    this->perform_(*action);
  }
  this->log_.error("the client does not come to rest; going on without it for a moment");
}

void Runner::perform_(const Action &action) {
  switch (action.kind) {
    case Action::Kind::OPEN_STREAM:
      this->open_stream_(action);
      break;
    case Action::Kind::SEND_STREAM:
      if (this->streams_.send(action.stream, action.bytes) == Streams::Sent::BLOCKED)
        this->driven_->handle(this->now_, {.kind = Input::Kind::STREAM_BLOCKED, .stream = action.stream});
      break;
    case Action::Kind::CLOSE_STREAM:
      this->streams_.close(action.stream);
      break;
    case Action::Kind::SEND_DATAGRAM:
      this->udp_.send(action.to, action.bytes);
      break;
    case Action::Kind::RESOLVE:
      this->resolver_.start(ResolveToken::CLIENT, action.host);
      break;
    case Action::Kind::STORE:
      this->store_(action);
      break;
    case Action::Kind::ERASE:
      if (const std::string problem = this->state_.erase(action.record); !problem.empty())
        this->log_.error("%s", problem.c_str());
      break;
    case Action::Kind::OVERLAY:
      if (this->overlay_ != nullptr)
        this->overlay_->write(action.bytes);
      break;
    case Action::Kind::SELF_ADDRESSES:
      this->own_addresses_.clear();
      for (const Endpoint &endpoint : action.endpoints)
        this->own_addresses_.push_back(endpoint.address);
      if (this->overlay_ != nullptr)
        this->overlay_->set_addresses(action.endpoints);
      break;
  }
}

void Runner::open_stream_(const Action &action) {
  if (action.stream >= MAX_STREAMS)
    return;
  this->streams_.open(this->now_, action.stream, action.to.port);
  const uint32_t generation = this->streams_.generation(action.stream);
  if (action.to.address.is_set()) {
    this->streams_.resolved(this->now_, action.stream, generation, {&action.to.address, 1});
    return;
  }
  this->resolver_.start(ResolveToken::of_stream(action.stream, generation), action.host);
}

void Runner::store_(const Action &action) {
  const std::string problem = this->state_.store(action.record, action.bytes);
  if (!problem.empty())
    this->log_.error("%s; the node may lose its identity when it restarts", problem.c_str());
}

void Runner::serve_resolver_() {
  for (size_t i = 0; i != Resolver::MAX_WAITING; i++) {
    const auto answer = this->resolver_.poll();
    if (!answer)
      return;
    if (answer->addresses.empty())
      this->log_.warning("no address found for %s", answer->host.c_str());
    if (const ResolveToken token(answer->token); token.is_stream()) {
      const uint32_t generation = this->streams_.generation(token.stream());
      if (token.is_of(generation))
        this->streams_.resolved(this->now_, token.stream(), generation, answer->addresses);
      continue;
    }
    std::vector<Endpoint> endpoints;
    for (const IpAddress &address : answer->addresses)
      endpoints.push_back({address, 0});
    Input input{.kind = Input::Kind::RESOLVED};
    input.host = answer->host;
    input.endpoints = endpoints;
    this->feed(input);
  }
}

void Runner::turn(Instant latest) {
  this->wait_(latest);
  (void) this->tick();
  size_t from = 0;
  // By index, and a copy of the list: a companion may add or remove one.
  const std::vector<Companion *> companions = this->companions_;
  for (size_t i = 0; i != companions.size(); i++) {
    const auto mine = std::span<const pollfd>(this->fds_).subspan(from, this->fd_counts_[i]);
    from += this->fd_counts_[i];
    // A handshake of TLS takes milliseconds: what the others had to send does not wait for it.
    if (companions[i] == &this->streams_)
      this->flush_();
    if (std::find(this->companions_.begin(), this->companions_.end(), companions[i]) != this->companions_.end())
      companions[i]->serve(this->now_, mine);
  }
  if (this->fds_[from].revents != 0)
    this->serve_resolver_();
  if (this->fds_[from + 1].revents != 0 && this->wall_clock_.changed())
    this->feed_wall_time_();
  if (this->network_.take_change(this->now_))
    this->feed_network_();
  if (this->driven_ != nullptr && this->driven_->next_timeout() <= this->now_)
    this->feed({.kind = Input::Kind::TIMEOUT});
}

/// Datagrams and packets of one turn leave together.
void Runner::flush_() {
  this->udp_.flush();
  if (this->overlay_ != nullptr)
    this->overlay_->flush();
}

void Runner::wait_(Instant latest) {
  this->flush_();
  this->fds_.clear();
  this->fd_counts_.clear();
  Instant at = latest;
  for (Companion *companion : this->companions_) {
    const size_t before = this->fds_.size();
    companion->watch(this->fds_);
    this->fd_counts_.push_back(this->fds_.size() - before);
    at = earlier(at, companion->next_timeout());
  }
  this->fds_.push_back({this->resolver_.fd(), POLLIN, 0});
  this->fds_.push_back({this->wall_clock_.fd(), POLLIN, 0});
  this->fds_.push_back({this->wake_timer_.fd(), POLLIN, 0});
  const Instant now = monotonic_now();
  // A client whose time-out stays in the past must not make the loop spin.
  if (this->driven_ != nullptr)
    at = earlier(at, std::max(this->driven_->next_timeout(), now + SHORTEST_WAIT));
  int timeout = -1;
  if (at <= now)
    timeout = 0;
  else
    this->wake_timer_.arm(at);
  ::poll(this->fds_.data(), this->fds_.size(), timeout);
}

}  // namespace microlink::posix
#endif  // __linux__
