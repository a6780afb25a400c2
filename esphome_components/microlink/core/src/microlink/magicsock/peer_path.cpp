// SPDX-License-Identifier: MIT
#include "microlink/magicsock/peer_path.h"

namespace microlink::magicsock {

namespace {

constexpr Duration BURST_GAPS[] = {milliseconds(100), milliseconds(150), milliseconds(250), milliseconds(500)};
constexpr Duration BURST_LENGTH = seconds(1);
/// A ping that comes from a candidate is answered with one of ours unless one is that fresh.
constexpr Duration ECHO_GAP = milliseconds(100);

uint16_t second_of(Instant now) { return static_cast<uint16_t>(static_cast<uint64_t>(now) / 1'000'000); }

/// Whether pings may be sent to what somebody says is an endpoint of a peer.
bool is_usable(const Endpoint &endpoint) {
  const IpAddress &address = endpoint.address;
  return endpoint.is_set() && address.is_set() && !address.is_multicast() &&
         !(address.is_v6() && address.is_link_local());
}

}  // namespace

size_t PeerPath::gap_index_(Next next) { return static_cast<size_t>(next) - static_cast<size_t>(Next::BURST_1); }

uint8_t PeerPath::heard_now_(Instant now) {
  return static_cast<uint8_t>(static_cast<uint64_t>(now) / static_cast<uint64_t>(to_microseconds(HEARD_UNIT)));
}

Instant PeerPath::Candidate::due(Instant now) const {
  switch (this->next()) {
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
      return this->pinged.at(now) + BURST_GAPS[gap_index_(this->next())];
    case Next::HEARTBEAT_AGAIN:
      return this->pinged.at(now) + HEARTBEAT_RETRY;
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
    if (candidate != nullptr && !candidate->pinged.is_set() && this->is_active() && !this->is_trusted(now))
      this->probe_(now, *candidate);
  }
  this->sweep(now);
}

void PeerPath::note_sent(Instant now) {
  this->sent_ = Stamp(now);
  if (this->state_ != PathState::IDLE)
    return;
  this->heartbeat_ = Deadline(now + HEARTBEAT_INTERVAL);
  if (!this->has_best_()) {
    this->enter_(now, PathState::SEEKING);
  } else if (this->is_trusted(now)) {
    this->enter_(now, PathState::DIRECT);
  } else {
    this->enter_(now, PathState::DOUBTED);
  }
}

void PeerPath::start_round(Instant now) {
  this->sweep(now);
  bool any = false;
  for (Candidate &candidate : this->candidates_) {
    if (candidate.pinged.age(now) < PING_TIMEOUT)
      continue;
    this->probe_(now, candidate);
    any = true;
  }
  // Without a ping there is nothing that their pings could meet.
  if (any)
    this->call_wanted_ = true;
}

void PeerPath::probe(Instant now, const Endpoint &endpoint) {
  Candidate *candidate = this->find_(endpoint);
  const bool is_due = candidate != nullptr && candidate->due(now) != Instant::NEVER;
  if (candidate != nullptr && !is_due && candidate->pinged.age(now) >= PROBE_INTERVAL)
    candidate->set_next(Next::SINGLE);
}

void PeerPath::ping_all(Instant now) {
  this->sweep(now);
  for (Candidate &candidate : this->candidates_)
    this->probe_(now, candidate);
  if (!this->candidates_.empty() && !this->is_trusted(now))
    this->call_wanted_ = true;
}

/// What entering a state starts; see PathState.
void PeerPath::enter_(Instant now, PathState state) {
  const bool was_doubted = this->state_ == PathState::DOUBTED;
  this->state_ = state;
  switch (state) {
    case PathState::IDLE:
      if (was_doubted)
        this->since_.clear();  // the doubt stays
      this->heartbeat_.clear();
      this->round_.clear();
      this->call_wanted_ = false;
      break;
    case PathState::SEEKING:
      this->drop_best_();
      this->start_round(now);
      this->round_ = Deadline(now + BURST_LENGTH + ROUND_INTERVAL);
      break;
    case PathState::DIRECT:
      this->call_wanted_ = false;
      this->round_ =
          microseconds(this->latency_us_) > GOOD_ENOUGH_LATENCY ? Deadline(now + UPGRADE_INTERVAL) : Deadline();
      this->end_bursts_();
      break;
    case PathState::DOUBTED:
      this->since_ = Stamp(now);
      this->start_round(now);
      this->call_wanted_ = true;  // even if all were pinged just now: the peer's side may be what broke
      this->round_ = Deadline(now + BURST_LENGTH + ROUND_INTERVAL);
      break;
  }
}

void PeerPath::handle_pong(Instant now, const Endpoint &endpoint, Duration latency) {
  Candidate *candidate = this->find_(endpoint);
  if (candidate == nullptr)
    return;
  candidate->set_next(Next::NONE);
  const Path proven{endpoint, latency};
  const bool is_best = this->is_best_(*candidate);
  if (!is_best && this->is_trusted(now) && !is_worth_switching(proven, this->best()))
    return;
  this->best_ = static_cast<uint8_t>(candidate - this->candidates_.begin());
  this->latency_us_ = static_cast<uint32_t>(to_microseconds(latency));
  this->since_ = Stamp(now);
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
  candidate->heard = heard_now_(now);
  // Their ping came through, so ours may now, even if one that is still on its way does not: it may have met a NAT that
  // their ping has opened since. What may be sent early is a burst's next one, or one after a single one.
  if (this->is_trusted(now)) {
    if (!this->is_best_(*candidate) && candidate->pinged.age(now) >= PING_TIMEOUT)
      this->probe_(now, *candidate);
  } else if (candidate->next() == Next::ANSWER) {
    candidate->set_next(Next::ANSWER_NOW);
  } else if (is_burst_(candidate->next()) || candidate->pinged.age(now) >= ECHO_GAP) {
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
  this->sweep(now);
  for (Candidate &candidate : this->candidates_) {
    // What was just pinged has opened our NAT already.
    if (candidate.pinged.age(now) >= ECHO_GAP)
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
  Candidate *candidate = this->find_(endpoint);
  if (candidate == nullptr)
    return;
  candidate->set_next(Next::NONE);
  candidate->pinged = Stamp(now);
  if (!this->is_best_(*candidate))
    return;
  this->drop_best_();
  if (this->state_ != PathState::IDLE)
    this->enter_(now, PathState::SEEKING);
}

void PeerPath::forget(Instant now) {
  this->drop_best_();
  this->since_.clear();
  this->call_wanted_ = false;
  this->drop_source_(LEARNT);
  this->drop_source_(CALLED);
  for (Candidate &candidate : this->candidates_) {
    candidate.set_next(Next::NONE);
    candidate.pinged.clear();
  }
  this->sweep(now);
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
  if (this->state_ == PathState::DIRECT && this->since_.age(now) >= TRUST_DURATION)
    this->enter_(now, PathState::DOUBTED);
  else if (this->state_ == PathState::DOUBTED && this->since_.age(now) >= PING_TIMEOUT)
    this->enter_(now, PathState::SEEKING);
  if (this->heartbeat_.is_due(now + HEARTBEAT_SLACK)) {
    if (this->sent_.age(now) > ACTIVE_TIMEOUT) {
      this->enter_(now, PathState::IDLE);
      return;
    }
    this->heartbeat_ = Deadline(now + HEARTBEAT_INTERVAL);
    if (this->has_best_() && this->candidates_[this->best_].due(now) == Instant::NEVER)
      this->candidates_[this->best_].set_next(Next::HEARTBEAT);
    if (this->state_ == PathState::DIRECT && !this->round_.is_set() &&
        microseconds(this->latency_us_) > GOOD_ENOUGH_LATENCY)
      this->round_ = Deadline(now + UPGRADE_INTERVAL);
  }
  if (this->round_.is_due(now)) {
    this->start_round(now);
    this->round_ = Deadline(now + (this->state_ == PathState::DIRECT ? UPGRADE_INTERVAL : ROUND_INTERVAL));
  }
}

Instant PeerPath::next_timeout(Instant now) const {
  Instant soonest = Instant::NEVER;
  for (const Candidate &candidate : this->candidates_)
    soonest = earlier(soonest, candidate.due(now));
  if (this->state_ == PathState::IDLE)
    return soonest;
  if (this->state_ != PathState::SEEKING)
    soonest =
        earlier(soonest, this->since_.at(now) + (this->state_ == PathState::DIRECT ? TRUST_DURATION : PING_TIMEOUT));
  return earlier(soonest, earlier(this->heartbeat_.at(now), this->round_.at(now)));
}

std::optional<Endpoint> PeerPath::take_ping(Instant now) {
  for (Candidate &candidate : this->candidates_) {
    if (candidate.due(now) > now)
      continue;
    candidate.pinged = Stamp(now);
    switch (candidate.next()) {
      case Next::BURST_0:
      case Next::BURST_1:
      case Next::BURST_2:
      case Next::BURST_3:
        candidate.set_next(this->is_trusted(now) ? Next::NONE : static_cast<Next>(candidate.next_bits + 1));
        break;
      case Next::SINGLE:
        candidate.set_next(this->is_trusted(now) ? Next::NONE : Next::ANSWER);
        break;
      case Next::HEARTBEAT:
        candidate.set_next(Next::HEARTBEAT_AGAIN);
        break;
      default:
        candidate.set_next(Next::NONE);
        break;
    }
    return candidate.endpoint;
  }
  return std::nullopt;
}

void PeerPath::note_called(Instant now) {
  this->call_wanted_ = false;
  this->called_ = Stamp(now);
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
    this->sweep(now);
    if (!this->candidates_.push_back({}) && (!this->make_room_(now, source) || !this->candidates_.push_back({})))
      return nullptr;
    candidate = &this->candidates_.back();
    candidate->endpoint = endpoint;
  }
  candidate->sources = static_cast<uint8_t>(candidate->sources | source) & 7;
  return candidate;
}

bool PeerPath::make_room_(Instant now, Source source) {
  if (source == NETMAP)
    return false;
  size_t victim = this->candidates_.size();
  for (size_t i = 0; i != this->candidates_.size(); i++) {
    const Candidate &candidate = this->candidates_[i];
    if (candidate.sources == NETMAP && !this->is_best_(candidate))
      victim = i;  // the last one: lists begin with the most useful
  }
  if (victim == this->candidates_.size()) {
    const auto age = [&](size_t i) { return static_cast<uint8_t>(heard_now_(now) - this->candidates_[i].heard); };
    for (size_t i = 0; i != this->candidates_.size(); i++) {
      const Candidate &candidate = this->candidates_[i];
      if (candidate.sources == LEARNT && !this->is_best_(candidate) &&
          (victim == this->candidates_.size() || age(i) > age(victim)))
        victim = i;
    }
  }
  if (victim == this->candidates_.size())
    return false;
  this->remove_(victim);
  return true;
}

/// Whether nothing speaks for the candidate any more.
bool PeerPath::is_spent_(Instant now, const Candidate &candidate) const {
  if (this->is_best_(candidate))
    return false;
  const auto age = static_cast<uint8_t>(heard_now_(now) - candidate.heard);
  return candidate.sources == 0 || (candidate.sources == LEARNT && HEARD_UNIT * age > LEARNT_MEMORY);
}

void PeerPath::sweep(Instant now) {
  for (size_t i = this->candidates_.size(); i-- != 0;) {
    if (this->is_spent_(now, this->candidates_[i]))
      this->remove_(i);
  }
}

void PeerPath::drop_source_(Source source) {
  for (Candidate &candidate : this->candidates_)
    candidate.sources = static_cast<uint8_t>(candidate.sources & ~source) & 7;
}

/// Ping now: the next one of a burst that runs; else several if the candidate was left alone for long and no path is
/// proven; else one.
void PeerPath::probe_(Instant now, Candidate &candidate) {
  if (is_burst_(candidate.next())) {
    candidate.pinged = Stamp(now - BURST_GAPS[gap_index_(candidate.next())]);
    return;
  }
  if (candidate.next() == Next::BURST_0)
    return;
  const bool burst = !this->is_trusted(now) && candidate.pinged.age(now) >= BURST_AGAIN;
  candidate.set_next(burst ? Next::BURST_0 : Next::SINGLE);
}

void PeerPath::end_bursts_() {
  for (Candidate &candidate : this->candidates_) {
    if (is_burst_(candidate.next()) || candidate.next() == Next::ANSWER)
      candidate.set_next(Next::NONE);
  }
}

void PeerPath::drop_best_() {
  this->best_ = NO_BEST;
  this->latency_us_ = 0;
}

void PeerPath::remove_(size_t index) {
  this->candidates_.remove(index);
  if (this->has_best_() && this->best_ > index)
    this->best_--;
}

}  // namespace microlink::magicsock
