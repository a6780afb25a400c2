// SPDX-License-Identifier: MIT
#include "microlink/netcheck/netcheck.h"

#include <algorithm>

#include "microlink/base/hash.h"

namespace microlink::netcheck {

namespace {

constexpr uint8_t FULL_TRIES = 3;
constexpr uint8_t HOME_TRIES = 4;
constexpr Duration FULL_GAP = milliseconds(100);
constexpr Duration UNKNOWN_GAP = milliseconds(200);
constexpr Duration MIN_HOME_GAP = milliseconds(50);
/// While sessions are active: 20–26 s between requests to the home region, so much earlier if the device is awake
/// anyway.
constexpr uint32_t HOME_INTERVAL_MS = 23'000;
constexpr uint32_t HOME_JITTER_MS = 3'000;
constexpr Duration HOME_SLACK = seconds(3);
/// Nothing answered: the network may just be coming up.
constexpr Duration BLOCKED_RETRY = seconds(60);
constexpr Duration BLOCKED_RETRY_ACTIVE = seconds(20);
constexpr uint8_t TX_ID_END = 0x4d;

}  // namespace

Netcheck::Netcheck(Random &random) : random_(random) {}

void Netcheck::set_families(Instant now, bool ipv4, bool ipv6) {
  if (this->families_[V4] == ipv4 && this->families_[V6] == ipv6)
    return;
  this->families_[V4] = ipv4;
  this->families_[V6] = ipv6;
  this->begin_full_(now);
}

void Netcheck::set_active(Instant now, bool active) {
  this->active_ = active;
  if (this->state_ != State::WAITING)
    return;
  if (active && this->nat_ == NatKind::UDP_BLOCKED)
    this->timers_.arm(Timer::NEXT_FULL, std::max(now, this->report_started_ + BLOCKED_RETRY_ACTIVE));
  this->arm_home_(now);
}

void Netcheck::link_changed(Instant now) {
  for (Region &region : this->regions_) {
    region.history.clear();
    region.failed.clear();
    region.latest_us = NOT_SET;
    for (Server &server : region.servers) {
      if (server.dns != Server::Dns::NOT_NEEDED)
        server.dns = Server::Dns::WANTED;
    }
  }
  this->set_nat_(NatKind::UNKNOWN);
  this->begin_full_(now);
}

void Netcheck::start_report(Instant now) {
  if (this->state_ == State::WAITING || this->state_ == State::HOME)
    this->begin_full_(now);
}

void Netcheck::refresh(Instant now) {
  if (this->state_ == State::WAITING)
    this->begin_home_(now);
}

/// → FULL, or STOPPED when there is nothing to probe or nothing to probe with.
void Netcheck::begin_full_(Instant now) {
  this->timers_ = {};
  this->state_ = State::STOPPED;
  if (this->regions_.empty())
    return;
  const bool can_probe = this->families_[V4] || this->families_[V6];
  if (this->home_ == 0 && (this->usable_regions_() == 1 || !can_probe))
    this->set_home_(now, this->fallback_region_(now, 0));
  if (!can_probe)
    return;

  this->begin_report_(now, State::FULL);
  size_t probed = 0;
  const auto probe = [&](Region &region) {
    if (region.no_home || probed == MAX_PROBED_REGIONS)
      return;
    probed++;
    this->begin_probe_(now, region, V4, FULL_TRIES);
    this->begin_probe_(now, region, V6, FULL_TRIES);
  };
  if (Region *home = this->find_(this->home_))
    probe(*home);
  for (Region &region : this->regions_) {
    if (region.id != this->home_)
      probe(region);
  }
  this->timers_.arm(Timer::LIMIT, this->is_done_() ? now : now + STUN_LIMIT);
  if (this->home_ == 0)
    this->timers_.arm(Timer::FALLBACK, now + FALLBACK_AFTER);
}

void Netcheck::begin_home_(Instant now) {
  this->timers_.stop(Timer::NEXT_HOME);
  this->begin_report_(now, State::HOME);
  if (Region *home = this->find_(this->home_)) {
    this->begin_probe_(now, *home, V4, HOME_TRIES);
    this->begin_probe_(now, *home, V6, HOME_TRIES);
  }
  this->timers_.arm(Timer::LIMIT, this->is_done_() ? now : now + STUN_LIMIT);
}

void Netcheck::begin_report_(Instant now, State state) {
  this->state_ = state;
  this->report_started_ = now;
  this->any_answer_ = false;
  this->random_.fill(this->report_nonce_);
  for (Region &region : this->regions_) {
    region.latest_us = NOT_SET;
    for (Probe &probe : region.probes)
      probe = {};
  }
}

void Netcheck::begin_probe_(Instant now, Region &region, Family family, uint8_t tries) {
  if (!this->families_[family])
    return;
  bool waits_for_dns = false;
  for (Server &server : region.servers) {
    const Announced announced = this->announced_(region, server);
    if (announced.port == 0 || announced.none[family] || server.has(family))
      continue;
    if (server.dns == Server::Dns::FAILED)
      server.dns = Server::Dns::WANTED;
    waits_for_dns = waits_for_dns || server.dns == Server::Dns::WANTED || server.dns == Server::Dns::ASKED;
  }
  Probe &probe = region.probes[family];
  const bool can_start = this->server_for_(region, family, 0) != nullptr;
  probe.max_tries = can_start || waits_for_dns ? tries : uint8_t{0};
  probe.next_at = can_start ? this->in_report_(now) : NOT_SET;
}

Error Netcheck::handle_datagram(Instant now, ByteView datagram) {
  const auto response = stun::parse_binding_response(datagram);
  if (!response)
    return response.error();
  const stun::TxId &tx_id = response->tx_id;
  if ((this->state_ != State::FULL && this->state_ != State::HOME) ||
      !equal(this->report_nonce_, ByteView(tx_id).first(this->report_nonce_.size())))
    return Error::UNEXPECTED;
  const size_t index = tx_id[8];
  const size_t family = tx_id[9];
  const uint8_t attempt = tx_id[10];
  if (index >= this->regions_.size() || family >= FAMILIES || tx_id[11] != TX_ID_END)
    return Error::UNEXPECTED;
  Region &region = this->regions_[index];
  Probe &probe = region.probes[family];
  if (probe.answered || attempt >= probe.tries)
    return Error::UNEXPECTED;

  const uint32_t latency_us = this->in_report_(now) - probe.sent[attempt];
  const Duration latency = microseconds(latency_us);
  probe.answered = true;
  probe.next_at = NOT_SET;
  if (family == V4) {
    const Server *server = this->server_for_(region, V4, attempt);
    region.asked = server == nullptr ? 0 : hash_of({server->address(V4), 0});
    region.reflexive = hash_of(response->reflexive);
  }
  region.latest_us = std::min(region.latest_us, latency_us);
  region.history.add(now, latency);
  this->reflexive_events_[response->reflexive.address.is_v4() ? V4 : V6] = response->reflexive;
  if (!this->any_answer_ && this->home_ == 0)
    this->timers_.arm(Timer::GRACE, now + std::max(MIN_GRACE, latency * 2));
  this->any_answer_ = true;
  this->timers_.stop(Timer::FALLBACK);
  this->update_nat_();
  if (this->is_done_())
    this->end_report_(now);
  return Error::NONE;
}

void Netcheck::handle_resolved(Instant now, std::string_view host, std::span<const Endpoint> addresses) {
  for (Region &region : this->regions_) {
    for (Server &server : region.servers) {
      const Announced announced = this->announced_(region, server);
      if (announced.host != host || server.dns == Server::Dns::NOT_NEEDED)
        continue;
      server.dns = addresses.empty() ? Server::Dns::FAILED : Server::Dns::DONE;
      for (const Endpoint &found : addresses) {
        const Family family = found.address.is_v4() ? V4 : V6;
        if (!announced.none[family] && found.address.is_set())
          server.set(found.address);
      }
    }
    this->wake_probes_(now, region);
  }
  if ((this->state_ == State::FULL || this->state_ == State::HOME) && this->is_done_())
    this->end_report_(now);
}

/// DNS has answered: probes that waited start, or are given up.
void Netcheck::wake_probes_(Instant now, Region &region) {
  for (const Family family : {V4, V6}) {
    Probe &probe = region.probes[family];
    if (probe.max_tries == 0 || probe.tries != 0 || probe.next_at != NOT_SET)
      continue;
    bool waits = false;
    for (const Server &server : region.servers)
      waits = waits || server.dns == Server::Dns::WANTED || server.dns == Server::Dns::ASKED;
    if (this->server_for_(region, family, 0) != nullptr)
      probe.next_at = this->in_report_(now);
    else if (!waits)
      probe.max_tries = 0;
  }
}

void Netcheck::handle_relay_connected(Instant now, uint16_t region, Duration time) {
  if (Region *found = this->find_(region)) {
    found->connect_us = static_cast<uint32_t>(std::min<int64_t>(to_microseconds(time), NOT_SET - 1));
    found->failed.clear();
  }
  this->handle_relay_heard(now, region);
}

void Netcheck::handle_relay_heard(Instant now, uint16_t region) {
  if (region == this->home_ && region != 0)
    this->home_heard_ = now;
}

void Netcheck::handle_timeout(Instant now) {
  switch (this->state_) {
    case State::STOPPED:
      return;
    case State::FULL:
    case State::HOME:
      if (this->timers_.due(Timer::GRACE, now) && this->home_ == 0)
        this->choose_(now);
      if (this->timers_.due(Timer::FALLBACK, now) && this->home_ == 0)
        this->set_home_(now, this->fallback_region_(now, 0));
      if (this->timers_.due(Timer::NEXT_FULL, now))
        this->begin_full_(now);  // only armed in HOME
      else if (this->timers_.due(Timer::LIMIT, now))
        this->end_report_(now);
      return;
    case State::WAITING:
      if (this->quiet_)
        return;
      if (this->timers_.due(Timer::NEXT_FULL, now))
        this->begin_full_(now);
      else if (this->timers_.due(Timer::NEXT_HOME, now, HOME_SLACK))
        this->begin_home_(now);
      return;
  }
}

void Netcheck::end_report_(Instant now) {
  if (this->state_ == State::HOME && !this->any_answer_) {
    this->begin_full_(now);
    return;
  }
  const bool was_full = this->state_ == State::FULL;
  this->state_ = State::WAITING;
  this->timers_.stop(Timer::LIMIT);
  this->timers_.stop(Timer::GRACE);
  this->timers_.stop(Timer::FALLBACK);
  if (!this->any_answer_)
    this->set_nat_(NatKind::UDP_BLOCKED);
  else if (this->nat_ == NatKind::UDP_BLOCKED)
    this->set_nat_(NatKind::UNKNOWN);
  if (was_full) {
    this->choose_(now);
    const Duration retry = this->active_ ? BLOCKED_RETRY_ACTIVE : BLOCKED_RETRY;
    this->timers_.arm(Timer::NEXT_FULL, this->report_started_ + (this->any_answer_ ? FULL_INTERVAL : retry));
  }
  this->arm_home_(now);
  this->done_event_ = true;
}

void Netcheck::arm_home_(Instant now) {
  if (!this->active_ || this->nat_ == NatKind::UDP_BLOCKED)
    this->timers_.stop(Timer::NEXT_HOME);
  else if (!this->timers_.is_armed(Timer::NEXT_HOME))
    this->timers_.arm(Timer::NEXT_HOME, now + milliseconds(HOME_INTERVAL_MS + this->random_.below(HOME_JITTER_MS)));
}

/// Two servers that see us under two addresses mean a mapping for each destination; under one, an easy NAT or none.
void Netcheck::update_nat_() {
  const Region *first = nullptr;
  bool compared = false;
  bool varies = false;
  for (const Region &region : this->regions_) {
    if (!region.probes[V4].answered)
      continue;
    if (first == nullptr)
      first = &region;
    if (region.asked == first->asked)
      continue;
    compared = true;
    varies = varies || region.reflexive != first->reflexive;
  }
  if (compared)
    this->set_nat_(varies ? NatKind::HARD : NatKind::EASY);
  else if (this->nat_ == NatKind::UDP_BLOCKED)
    this->set_nat_(NatKind::UNKNOWN);
}

void Netcheck::set_nat_(NatKind nat) {
  this->nat_event_ = this->nat_event_ || nat != this->nat_;
  this->nat_ = nat;
}

std::optional<Netcheck::Event> Netcheck::poll_event() {
  if (this->home_event_) {
    this->home_event_ = false;
    return Event{.kind = Event::Kind::HOME_CHOSEN, .region = this->home_};
  }
  if (this->nat_event_) {
    this->nat_event_ = false;
    return Event{.kind = Event::Kind::NAT, .nat = this->nat_};
  }
  for (Endpoint &reflexive : this->reflexive_events_) {
    if (!reflexive.is_set())
      continue;
    const Endpoint told = reflexive;
    reflexive = {};
    return Event{.kind = Event::Kind::REFLEXIVE, .endpoint = told};
  }
  for (Region &region : this->regions_) {
    for (Server &server : region.servers) {
      if (server.dns != Server::Dns::WANTED)
        continue;
      if (const Announced announced = this->announced_(region, server); announced.port != 0) {
        this->note_asked_(announced.host);
        return Event{.kind = Event::Kind::RESOLVE, .host = announced.host};
      }
    }
  }
  if (this->done_event_) {
    this->done_event_ = false;
    return Event{.kind = Event::Kind::REPORT_DONE};
  }
  return std::nullopt;
}

void Netcheck::note_asked_(std::string_view host) {
  for (Region &region : this->regions_) {
    for (Server &server : region.servers) {
      if (server.dns == Server::Dns::WANTED && this->announced_(region, server).host == host)
        server.dns = Server::Dns::ASKED;
    }
  }
}

std::optional<Netcheck::Transmit> Netcheck::poll_transmit(Instant now, ByteSpan out) {
  if (this->state_ != State::FULL && this->state_ != State::HOME)
    return std::nullopt;
  for (size_t i = 0; i != this->regions_.size(); i++) {
    Region &region = this->regions_[i];
    for (const Family family : {V4, V6}) {
      Probe &probe = region.probes[family];
      if (probe.next_at > this->in_report_(now) || probe.tries == probe.max_tries)
        continue;
      const Server *server = this->server_for_(region, family, probe.tries);
      if (server == nullptr)
        continue;
      Writer writer(out);
      stun::write_binding_request(writer, this->tx_id_(i, family, probe.tries));
      if (!writer.ok())
        return std::nullopt;
      probe.sent[probe.tries++] = this->in_report_(now);
      probe.next_at = probe.tries == probe.max_tries ? NOT_SET : this->in_report_(now + this->retry_gap_(now, region));
      return Transmit{{server->address(family), this->announced_(region, *server).port}, writer.size()};
    }
  }
  return std::nullopt;
}

Instant Netcheck::next_timeout() const {
  if (this->quiet_ && this->state_ == State::WAITING)
    return Instant::NEVER;
  Instant soonest = this->timers_.next();
  if (this->state_ != State::FULL && this->state_ != State::HOME)
    return soonest;
  for (const Region &region : this->regions_) {
    for (const Probe &probe : region.probes) {
      if (probe.next_at != NOT_SET)
        soonest = earlier(soonest, this->report_started_ + microseconds(probe.next_at));
    }
  }
  return soonest;
}

std::optional<Duration> Netcheck::latency(Instant now, uint16_t region) const {
  const Region *found = this->find_(region);
  return found == nullptr ? std::nullopt : found->history.best(now);
}

bool Netcheck::is_done_() const {
  for (const Region &region : this->regions_) {
    for (const Probe &probe : region.probes) {
      if (probe.max_tries != 0 && !probe.answered)
        return false;
    }
  }
  return true;
}

Netcheck::ReportTime Netcheck::in_report_(Instant now) const {
  return static_cast<ReportTime>(std::min<int64_t>(to_microseconds(now - this->report_started_), NOT_SET - 1));
}

stun::TxId Netcheck::tx_id_(size_t region, Family family, uint8_t attempt) const {
  stun::TxId out{};
  Writer(out).bytes(this->report_nonce_).u8(static_cast<uint8_t>(region)).u8(family).u8(attempt).u8(TX_ID_END);
  return out;
}

Duration Netcheck::retry_gap_(Instant now, const Region &region) const {
  if (this->state_ == State::FULL)
    return FULL_GAP;
  const auto latency = region.history.best(now);
  return latency ? std::max(MIN_HOME_GAP, *latency * 6 / 5) : UNKNOWN_GAP;
}

}  // namespace microlink::netcheck
