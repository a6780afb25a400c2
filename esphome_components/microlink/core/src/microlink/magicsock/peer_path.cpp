// SPDX-License-Identifier: MIT
#include "microlink/magicsock/peer_path.h"

namespace microlink::magicsock {

namespace {

constexpr Duration BURST_GAPS[] = {milliseconds(100), milliseconds(150), milliseconds(250), milliseconds(500)};
constexpr Duration BURST_LENGTH = seconds(1);
/// A ping that comes from a candidate is answered with one of ours unless one is that fresh.
constexpr Duration ECHO_GAP = milliseconds(100);

uint32_t second_of(Instant now) { return static_cast<uint32_t>(static_cast<int64_t>(now) / 1'000'000); }

/// Whether pings may be sent to what somebody says is an endpoint of a peer.
bool is_usable(const Endpoint &endpoint) {
  const IpAddress &address = endpoint.address;
  return endpoint.is_set() && address.is_set() && !address.is_multicast() &&
         !(address.is_v6() && address.is_link_local());
}

}  // namespace

size_t PeerPath::gap_index_(Next next) { return static_cast<size_t>(next) - static_cast<size_t>(Next::BURST_1); }

Instant PeerPath::Candidate::due() const {
  switch (this->next) {
    case Next::NONE:
    case Next::ANSWER:
      return Instant::NEVER;
    case Next::BURST_0:
    case Next::SINGLE:
    case Next::ANSWER_NOW:
    case Next::HEARTBEAT:
      return Instant{INT64_MIN / 2};
    case Next::BURST_1:
    case Next::BURST_2:
    case Next::BURST_3:
    case Next::BURST_4:
      return this->pinged + BURST_GAPS[gap_index_(this->next)];
    case Next::HEARTBEAT_AGAIN:
      return this->pinged + HEARTBEAT_RETRY;
  }
  return Instant::NEVER;
}

bool PeerPath::is_candidate(const Endpoint &endpoint) const {
  return const_cast<PeerPath *>(this)->find_(endpoint) != nullptr;
}

void PeerPath::set_endpoints(Instant now, std::span<const Endpoint> endpoints) {
  this->drop_source_(NETMAP);
  for (const Endpoint &endpoint : endpoints) {
    Candidate *candidate = this->add_(now, endpoint, NETMAP);
    // One that is new while a path is sought is tried at once.
    if (candidate != nullptr && candidate->pinged == NEVER_PINGED && this->is_active() && !this->is_trusted(now))
      this->probe_(now, *candidate);
  }
  this->sweep_(now);
}

void PeerPath::note_sent(Instant now) {
  this->active_until_ = now + ACTIVE_TIMEOUT;
  if (this->state_ != PathState::IDLE)
    return;
  this->heartbeat_at_ = now + HEARTBEAT_INTERVAL;
  if (!this->best_.is_set()) {
    this->enter_(now, PathState::SEEKING);
  } else if (now < this->until_) {
    this->enter_(now, PathState::DIRECT);
  } else {
    this->enter_(now, PathState::DOUBTED);
  }
}

void PeerPath::start_round(Instant now) {
  this->sweep_(now);
  bool any = false;
  for (Candidate &candidate : this->candidates_) {
    if (now - candidate.pinged < PING_TIMEOUT)
      continue;
    this->probe_(now, candidate);
    any = true;
  }
  // Without a ping there is nothing that their pings could meet.
  if (any)
    this->call_wanted_ = true;
}

void PeerPath::ping_all(Instant now) {
  this->sweep_(now);
  for (Candidate &candidate : this->candidates_)
    this->probe_(now, candidate);
  if (!this->candidates_.empty() && !this->is_trusted(now))
    this->call_wanted_ = true;
}

/// What entering a state starts; see PathState.
void PeerPath::enter_(Instant now, PathState state) {
  this->state_ = state;
  switch (state) {
    case PathState::IDLE:
      this->heartbeat_at_ = this->round_at_ = Instant::NEVER;
      this->call_wanted_ = false;
      break;
    case PathState::SEEKING:
      this->best_ = {};
      this->latency_us_ = 0;
      this->start_round(now);
      this->round_at_ = now + BURST_LENGTH + ROUND_INTERVAL;
      break;
    case PathState::DIRECT:
      this->call_wanted_ = false;
      this->round_at_ = microseconds(this->latency_us_) > GOOD_ENOUGH_LATENCY ? now + UPGRADE_INTERVAL : Instant::NEVER;
      this->end_bursts_();
      break;
    case PathState::DOUBTED:
      this->until_ = now + PING_TIMEOUT;
      this->start_round(now);
      this->call_wanted_ = true;  // even if all were pinged just now: the peer's side may be what broke
      this->round_at_ = now + BURST_LENGTH + ROUND_INTERVAL;
      break;
  }
}

void PeerPath::handle_pong(Instant now, const Endpoint &endpoint, Duration latency) {
  Candidate *candidate = this->find_(endpoint);
  if (candidate == nullptr)
    return;
  candidate->next = Next::NONE;
  const Path proven{endpoint, latency};
  const bool is_best = this->best_ == endpoint;
  if (!is_best && this->is_trusted(now) && !is_worth_switching(proven, this->best()))
    return;
  this->best_ = endpoint;
  this->latency_us_ = static_cast<uint32_t>(to_microseconds(latency));
  this->until_ = now + TRUST_DURATION;
  if (this->state_ == PathState::SEEKING || this->state_ == PathState::DOUBTED || !is_best) {
    if (this->state_ != PathState::IDLE)
      this->enter_(now, PathState::DIRECT);
    else
      this->end_bursts_();
  }
}

void PeerPath::handle_ping(Instant now, const Endpoint &from) {
  if (!is_usable(from))
    return;
  Candidate *candidate = this->add_(now, from, LEARNT);
  if (candidate == nullptr)
    return;
  candidate->heard_s = second_of(now);
  // Their ping came through, so ours may now, even if one that is still on its way does not: it may have met a NAT that
  // their ping has opened since. What may be sent early is a burst's next one, or one after a single one.
  if (this->is_trusted(now)) {
    if (this->best_ != from && now - candidate->pinged >= PING_TIMEOUT)
      this->probe_(now, *candidate);
  } else if (candidate->next == Next::ANSWER) {
    candidate->next = Next::ANSWER_NOW;
  } else if (is_burst_(candidate->next) || now - candidate->pinged >= ECHO_GAP) {
    this->probe_(now, *candidate);
  }
}

Error PeerPath::handle_call_me_maybe(Instant now, std::span<const Endpoint> endpoints) {
  if (this->heeded_s_ == second_of(now))
    return Error::NOT_READY;
  this->heeded_s_ = second_of(now);
  this->drop_source_(CALLED);
  for (const Endpoint &endpoint : endpoints)
    (void) this->add_(now, endpoint, CALLED);
  this->sweep_(now);
  for (Candidate &candidate : this->candidates_) {
    // What was just pinged has opened our NAT already.
    if (now - candidate.pinged >= ECHO_GAP)
      this->probe_(now, candidate);
  }
  return Error::NONE;
}

bool PeerPath::may_answer(Instant now) {
  if (this->pongs_s_ != second_of(now)) {
    this->pongs_s_ = second_of(now);
    this->pongs_ = 0;
  }
  if (this->pongs_ == MAX_PONGS_PER_SECOND)
    return false;
  this->pongs_++;
  return true;
}

void PeerPath::handle_send_error(Instant now, const Endpoint &endpoint) {
  if (Candidate *candidate = this->find_(endpoint)) {
    candidate->next = Next::NONE;
    candidate->pinged = now;
  }
  if (this->best_ != endpoint || !endpoint.is_set())
    return;
  this->best_ = {};
  this->latency_us_ = 0;
  if (this->state_ != PathState::IDLE)
    this->enter_(now, PathState::SEEKING);
}

void PeerPath::forget(Instant now) {
  this->best_ = {};
  this->latency_us_ = 0;
  this->until_ = Instant{};
  this->call_wanted_ = false;
  this->drop_source_(LEARNT);
  this->drop_source_(CALLED);
  for (Candidate &candidate : this->candidates_) {
    candidate.next = Next::NONE;
    candidate.pinged = NEVER_PINGED;
  }
  this->sweep_(now);
  if (this->state_ != PathState::IDLE)
    this->enter_(now, PathState::SEEKING);
}

void PeerPath::reset(Instant now) {
  this->enter_(now, PathState::IDLE);
  this->forget(now);
}

void PeerPath::handle_timeout(Instant now) {
  if (this->state_ == PathState::IDLE)
    return;
  if (this->state_ == PathState::DIRECT && now >= this->until_)
    this->enter_(now, PathState::DOUBTED);
  else if (this->state_ == PathState::DOUBTED && now >= this->until_)
    this->enter_(now, PathState::SEEKING);
  if (now >= this->heartbeat_at_) {
    if (now > this->active_until_) {
      this->enter_(now, PathState::IDLE);
      return;
    }
    this->heartbeat_at_ = now + HEARTBEAT_INTERVAL;
    if (Candidate *best = this->find_(this->best_); best != nullptr && best->due() == Instant::NEVER)
      best->next = Next::HEARTBEAT;
    if (this->state_ == PathState::DIRECT && this->round_at_ == Instant::NEVER &&
        microseconds(this->latency_us_) > GOOD_ENOUGH_LATENCY)
      this->round_at_ = now + UPGRADE_INTERVAL;
  }
  if (now >= this->round_at_) {
    this->start_round(now);
    this->round_at_ = now + (this->state_ == PathState::DIRECT ? UPGRADE_INTERVAL : ROUND_INTERVAL);
  }
}

Instant PeerPath::next_timeout() const {
  Instant soonest = Instant::NEVER;
  for (const Candidate &candidate : this->candidates_)
    soonest = earlier(soonest, candidate.due());
  if (this->state_ == PathState::IDLE)
    return soonest;
  if (this->state_ != PathState::SEEKING)
    soonest = earlier(soonest, this->until_);
  return earlier(soonest, earlier(this->heartbeat_at_, this->round_at_));
}

std::optional<Endpoint> PeerPath::take_ping(Instant now) {
  for (Candidate &candidate : this->candidates_) {
    if (candidate.due() > now)
      continue;
    candidate.pinged = now;
    switch (candidate.next) {
      case Next::BURST_0:
      case Next::BURST_1:
      case Next::BURST_2:
      case Next::BURST_3:
        candidate.next =
            this->is_trusted(now) ? Next::NONE : static_cast<Next>(static_cast<uint8_t>(candidate.next) + 1);
        break;
      case Next::SINGLE:
        candidate.next = this->is_trusted(now) ? Next::NONE : Next::ANSWER;
        break;
      case Next::HEARTBEAT:
        candidate.next = Next::HEARTBEAT_AGAIN;
        break;
      default:
        candidate.next = Next::NONE;
        break;
    }
    return candidate.endpoint;
  }
  return std::nullopt;
}

void PeerPath::note_called(Instant now) {
  this->call_wanted_ = false;
  this->call_after_ = now + CALL_INTERVAL;
}

void PeerPath::want_call() {
  if (this->state_ == PathState::SEEKING || this->state_ == PathState::DOUBTED)
    this->call_wanted_ = true;
}

PeerPath::Candidate *PeerPath::find_(const Endpoint &endpoint) {
  if (!endpoint.is_set())
    return nullptr;
  for (Candidate &candidate : this->candidates_) {
    if (candidate.endpoint.port == endpoint.port && candidate.endpoint.address == endpoint.address)
      return &candidate;
  }
  return nullptr;
}

PeerPath::Candidate *PeerPath::add_(Instant now, const Endpoint &endpoint, Source source) {
  if (!is_usable(endpoint))
    return nullptr;
  Candidate *candidate = this->find_(endpoint);
  if (candidate == nullptr) {
    this->sweep_(now);
    if (!this->candidates_.push_back({}) && (!this->make_room_(source) || !this->candidates_.push_back({})))
      return nullptr;
    candidate = &this->candidates_.back();
    *candidate = Candidate{.endpoint = endpoint};
  }
  candidate->sources = static_cast<uint8_t>(candidate->sources | source);
  return candidate;
}

bool PeerPath::make_room_(Source source) {
  if (source == NETMAP)
    return false;
  size_t victim = this->candidates_.size();
  for (size_t i = 0; i != this->candidates_.size(); i++) {
    const Candidate &candidate = this->candidates_[i];
    if (candidate.sources == NETMAP && candidate.endpoint != this->best_)
      victim = i;  // the last one: lists begin with the most useful
  }
  if (victim == this->candidates_.size()) {
    for (size_t i = 0; i != this->candidates_.size(); i++) {
      const Candidate &candidate = this->candidates_[i];
      if (candidate.sources == LEARNT && candidate.endpoint != this->best_ &&
          (victim == this->candidates_.size() || candidate.heard_s < this->candidates_[victim].heard_s))
        victim = i;
    }
  }
  if (victim == this->candidates_.size())
    return false;
  this->candidates_.remove(victim);
  return true;
}

/// Whether nothing speaks for the candidate any more.
bool PeerPath::is_spent_(Instant now, const Candidate &candidate) const {
  if (candidate.endpoint == this->best_)
    return false;
  const auto memory = static_cast<uint32_t>(to_microseconds(LEARNT_MEMORY) / 1'000'000);
  return candidate.sources == 0 || (candidate.sources == LEARNT && second_of(now) - candidate.heard_s > memory);
}

void PeerPath::sweep_(Instant now) {
  for (size_t i = this->candidates_.size(); i-- != 0;) {
    if (this->is_spent_(now, this->candidates_[i]))
      this->candidates_.remove(i);
  }
}

void PeerPath::drop_source_(Source source) {
  for (Candidate &candidate : this->candidates_)
    candidate.sources = static_cast<uint8_t>(candidate.sources & ~source);
}

/// Ping now: the next one of a burst that runs; else several if the candidate was left alone for long and no path is
/// proven; else one.
void PeerPath::probe_(Instant now, Candidate &candidate) {
  if (is_burst_(candidate.next)) {
    candidate.pinged = now - BURST_GAPS[gap_index_(candidate.next)];
    return;
  }
  if (candidate.next == Next::BURST_0)
    return;
  const bool burst = !this->is_trusted(now) && now - candidate.pinged >= BURST_AGAIN;
  candidate.next = burst ? Next::BURST_0 : Next::SINGLE;
}

void PeerPath::end_bursts_() {
  for (Candidate &candidate : this->candidates_) {
    if (is_burst_(candidate.next) || candidate.next == Next::ANSWER)
      candidate.next = Next::NONE;
  }
}

}  // namespace microlink::magicsock
