// SPDX-License-Identifier: MIT
#include "microlink/client/relays.h"

#include <algorithm>

namespace microlink::client {

namespace {

constexpr uint16_t HTTPS_PORT = 443;

}  // namespace

Relays::Relays(std::array<Stream *, COUNT> streams, const Regions &regions, const NodePrivate &node_key, Random &random,
               LogSink *log)
    : regions_(regions),
      node_key_(node_key),
      random_(random),
      log_(log, "derp"),
      slots_{Slot(*streams[0], random, this->shared_, 0), Slot(*streams[1], random, this->shared_, 1)} {}

void Relays::set_control_host(std::string_view host, uint16_t port) {
  this->control_host_ = host;
  this->control_port_ = port == 0 ? HTTPS_PORT : port;
}

Relays::Slot *Relays::slot_of_(uint16_t region) {
  for (Slot &slot : this->slots_) {
    if (region != 0 && slot.region == region)
      return &slot;
  }
  return nullptr;
}

const Relays::Slot *Relays::slot_of_(uint16_t region) const { return const_cast<Relays *>(this)->slot_of_(region); }

bool Relays::is_connected(uint16_t region) const {
  const Slot *slot = this->slot_of_(region);
  return slot != nullptr && slot->state == State::CONNECTED;
}

uint16_t Relays::connected_home() const {
  if (this->is_connected(this->home_))
    return this->home_;
  return this->is_connected(this->old_home_) ? this->old_home_ : 0;
}

void Relays::tell_preferred_() {
  for (Slot &slot : this->slots_)
    slot.derp.set_preferred(slot.region != 0 && slot.region == this->home());
}

void Relays::set_home(Instant now, uint16_t region, bool again) {
  if (region == this->home_)
    return;
  this->old_home_ = this->connected_home();
  this->home_ = region;
  if (Slot *old = this->slot_of_(this->old_home_))
    old->last_used = now;  // it stays for a while: packets reach us there until the move is known
  this->tell_preferred_();
  if (Slot *there = this->slot_of_(region)) {
    there->failures = 0;
    there->down_told = false;
  }
  if (region == 0 || this->slot_of_(region) != nullptr)
    return;
  // Not in the old home's place while that one still works, and in one where nothing works if there is one.
  const auto is_old_home = [this](const Slot &slot) { return this->old_home_ != 0 && slot.region == this->old_home_; };
  const bool is_first_busy = this->slots_[0].state == State::CONNECTED && !is_old_home(this->slots_[1]);
  Slot &place = this->slots_[is_old_home(this->slots_[0]) || is_first_busy ? 1 : 0];
  const Instant pause_ends = place.state == State::WAITING && again ? place.retry_at : now;
  this->assign_(now, place, region, pause_ends);
}

void Relays::assign_(Instant now, Slot &slot, uint16_t region, Instant connect_at) {
  this->leave_(slot);
  slot.region = region;
  slot.attempt = 0;
  slot.failures = 0;
  slot.down_told = false;  // and the pauses go on growing: with every relay away the home moves from one to the next
  slot.last_used = now;
  this->tell_preferred_();
  if (connect_at <= now) {
    this->connect_(now, slot);
    return;
  }
  slot.state = State::WAITING;
  slot.retry_at = connect_at;
}

size_t Relays::count_relays_(const Slot &slot) const {
  const tailcfg::PackedRegion *region = this->regions_.find_region(slot.region);
  size_t usable = 0;
  for (size_t i = 0; region != nullptr && i != region->size(); i++)
    usable += region->node(i).stun_only ? 0 : 1;
  return usable;
}

std::optional<tailcfg::DerpNodeView> Relays::node_of_(const Slot &slot) const {
  const size_t usable = this->count_relays_(slot);
  if (usable == 0)
    return std::nullopt;
  const tailcfg::PackedRegion *region = this->regions_.find_region(slot.region);
  size_t wanted = slot.attempt % usable;
  for (size_t i = 0; i != region->size(); i++) {
    const tailcfg::DerpNodeView node = region->node(i);
    if (!node.stun_only && wanted-- == 0)
      return node;
  }
  return std::nullopt;
}

Relays::Ways Relays::ways_(const tailcfg::DerpNodeView &node, std::string_view host) const {
  const auto literal = parse_ip(host);
  Ways ways;
  const auto add = [&](bool is_there, bool none, IpAddress address, bool is_literals) {
    if (!address.is_set() && literal && is_literals)
      address = *literal;
    const bool is_known = std::find(ways.begin(), ways.end(), address) != ways.end();  // both by name are one way
    if (is_there && !none && (address.is_set() || !literal) && !is_known)
      (void) ways.push_back(address);
  };
  const auto add_both = [&](bool v4, bool v6) {
    add(v4, node.no_ipv4, node.ipv4, literal && literal->is_v4());
    add(v6, node.no_ipv6, node.ipv6, literal && literal->is_v6());
  };
  add_both(this->has_v4_, this->has_v6_);
  if (ways.empty())
    add_both(true, true);  // what we have leads nowhere: maybe the network translates
  if (ways.size() == 2 && this->proven_v6_.value_or(false))
    std::swap(ways[0], ways[1]);
  return ways;
}

void Relays::connect_(Instant now, Slot &slot) {
  const auto node = this->node_of_(slot);
  if (!node) {
    this->fail_(now, slot, seconds(1));
    return;
  }
  const bool own_host = !node->host_name.empty();
  slot.host.assign(own_host ? node->host_name : this->control_host_);
  const uint16_t port = node->derp_port != 0 ? node->derp_port : own_host ? HTTPS_PORT : this->control_port_;
  const tailcfg::DerpNodeView first = this->regions_.find_region(slot.region)->node(0);
  const bool ideal = first.name.data() == node->name.data();
  slot.ideal_node.assign(ideal ? std::string_view{} : first.name);
  const Ways ways = this->ways_(*node, slot.host);
  if (ways.empty()) {
    this->fail_(now, slot, seconds(1));
    return;
  }
  // All relays over the family that is known to work, then all over the other one; as long as nothing is known, another
  // relay is tried over another family: few attempts find the one that is alive.
  const size_t relays = std::max<size_t>(this->count_relays_(slot), 1);
  const size_t turn = slot.attempt / relays + (this->proven_v6_ ? 0 : slot.attempt % relays);
  slot.has_other_way = ways.size() > 1 || relays > 1;
  const IpAddress &address = ways[turn % ways.size()];
  slot.stream.open({.host = slot.host, .port = port, .address = address, .tls = true});
  const Error error =
      slot.derp.start(now, {.host = slot.host, .ideal_node = slot.ideal_node, .node_key = &this->node_key_});
  if (error != Error::NONE) {
    this->fail_(now, slot, seconds(5));
    return;
  }
  slot.state = State::CONNECTING;
  slot.started = now;
  slot.retry_at = Instant::NEVER;
  this->log_.debug("region %u: connecting to %.*s:%u", slot.region, static_cast<int>(slot.host.size()),
                   slot.host.c_str(), port);
}

Instant Relays::dial_limit_(const Slot &slot) const {
  const bool is_dialled = slot.state == State::CONNECTING && slot.stream.state() == Stream::State::OPENING;
  return is_dialled && slot.has_other_way ? slot.started + DIAL_TIMEOUT : Instant::NEVER;
}

void Relays::fail_(Instant now, Slot &slot, Duration at_least) {
  const bool was_connected = slot.state == State::CONNECTED;
  const bool is_home = slot.region == this->home_;
  slot.derp.stop();
  slot.stream.close();
  slot.state = State::WAITING;
  if (slot.failures < UINT8_MAX)
    slot.failures++;
  const bool is_down = slot.failures >= ATTEMPTS_BEFORE_DOWN;
  const bool tells_down = is_home && is_down && !slot.down_told;
  // A relay that restarts has lost everybody at the same moment: they do not come back at the same one.
  const Duration at_once = milliseconds(20) + milliseconds(this->random_.below(81));
  slot.retry_at = now + std::max(at_least, was_connected ? at_once : slot.backoff.next(this->random_));
  if (was_connected)  // the next relay, over the family that worked
    slot.attempt = static_cast<uint8_t>((slot.attempt + 1) % std::max<size_t>(this->count_relays_(slot), 1));
  else
    slot.attempt++;
  if (was_connected)
    this->push_({.kind = Event::Kind::DISCONNECTED, .is_home = is_home, .region = slot.region});
  if (tells_down) {
    slot.down_told = true;
    this->push_({.kind = Event::Kind::HOME_DOWN, .is_home = true, .region = slot.region});
  }
  if (!is_home && !was_connected && is_down)
    this->leave_(slot);  // a peer's region: tried again when it is needed again
}

void Relays::leave_(Slot &slot) {
  if (slot.state == State::CONNECTED)
    this->push_({.kind = Event::Kind::DISCONNECTED, .is_home = false, .region = slot.region});
  slot.derp.stop();
  slot.stream.close();
  slot.state = State::IDLE;
  slot.region = 0;
  slot.retry_at = Instant::NEVER;
}

Error Relays::send(Instant now, uint16_t region, const NodePublic &destination, ByteView packet) {
  Slot *slot = this->slot_of_(region);
  if (slot == nullptr) {
    if (this->regions_.find_region(region) == nullptr)
      return Error::NOT_READY;
    for (Slot &candidate : this->slots_) {
      if (candidate.region != 0 && this->is_kept_(candidate))
        continue;
      if (candidate.region == 0 || slot == nullptr || candidate.last_used < slot->last_used)
        slot = &candidate;
      if (candidate.region == 0)
        break;
    }
    if (slot == nullptr)
      return Error::NOT_READY;
    this->assign_(now, *slot, region, now);
  }
  slot->last_used = now;
  if (slot->state != State::CONNECTING && slot->state != State::CONNECTED)
    return Error::NOT_READY;
  return slot->derp.send(now, destination, packet);
}

void Relays::set_families(bool ipv4, bool ipv6) {
  const bool known = ipv4 || ipv6;
  this->has_v4_ = ipv4 || !known;
  this->has_v6_ = ipv6 || !known;
}

void Relays::reconnect(Instant now) {
  this->proven_v6_.reset();
  for (Slot &slot : this->slots_) {
    if (slot.region == 0)
      continue;
    if (slot.state == State::CONNECTED)
      this->push_({.kind = Event::Kind::DISCONNECTED, .is_home = slot.region == this->home_, .region = slot.region});
    slot.derp.stop();
    slot.stream.close();
    slot.backoff.reset();
    slot.failures = 0;
    slot.attempt = 0;
    if (slot.region == this->home_)
      this->connect_(now, slot);
    else
      this->leave_(slot);
  }
}

void Relays::handle_map_changed(Instant now) {
  for (Slot &slot : this->slots_) {
    if (slot.region == 0)
      continue;
    if (this->regions_.find_region(slot.region) == nullptr)
      this->leave_(slot);
    else if (slot.state == State::WAITING) {
      slot.retry_at = earlier(slot.retry_at, now);
      slot.failures = 0;
      slot.down_told = false;  // when it was told, there may have been no other region
    }
  }
}

bool Relays::give_way() {
  for (Slot &slot : this->slots_) {
    if (slot.region == 0 || this->is_kept_(slot) || !slot.stream.is_open())
      continue;
    this->leave_(slot);
    return true;
  }
  return false;
}

void Relays::stop() {
  for (Slot &slot : this->slots_) {
    this->leave_(slot);
    slot.backoff.reset();
  }
  this->home_ = this->old_home_ = 0;
  this->news_.clear();
}

tls::Policy Relays::tls_policy(size_t index) const {
  const Slot &slot = this->slots_[index];
  tls::Policy policy{.host = slot.stream.host()};
  policy.versions = tls::Versions::TLS12;  // their chains end in an Ed25519 certificate, see tls/session.h
  if (const auto node = this->node_of_(slot)) {
    policy.cert_name = node->cert_name;
    policy.insecure_for_tests = node->insecure_for_tests;
  }
  return policy;
}

void Relays::handle_open(Instant, size_t) {}  // the request waits in derp::Client

void Relays::handle_closed(Instant now, size_t index, Error error, const char *why) {
  Slot &slot = this->slots_[index];
  if (slot.state != State::CONNECTING && slot.state != State::CONNECTED)
    return;
  if (error == Error::UNTRUSTED)
    this->log_.error("region %u: %s; the relay is not used", slot.region, why);
  else
    this->log_.debug("region %u: connection ended: %s", slot.region, why);
  this->fail_(now, slot, Duration::ZERO);
}

void Relays::handle_bytes(Instant now, size_t index, ByteSpan &in) {
  (void) this->slots_[index].derp.handle_bytes(now, in);
}

size_t Relays::poll_transmit(Instant now, size_t index, ByteSpan out) {
  const auto transmit = this->slots_[index].derp.poll_transmit(now, out);
  return transmit ? transmit->size : 0;
}

std::optional<Relays::Event> Relays::pop_news_() {
  const auto news = this->news_.pop();
  if (!news)
    return std::nullopt;
  return Event{.kind = news->kind, .region = news->region, .is_home = news->is_home};
}

std::optional<Relays::Event> Relays::poll_event(Instant now) {
  if (!this->news_.empty())
    return this->pop_news_();
  for (Slot &slot : this->slots_) {
    while (const auto event = slot.derp.poll_event()) {
      const bool is_home = slot.region == this->home_;
      switch (event->kind) {
        case derp::Event::Kind::CONNECTED:
          slot.state = State::CONNECTED;
          if (slot.stream.address().is_set())
            this->proven_v6_ = slot.stream.address().is_v6();
          slot.failures = 0;
          slot.down_told = false;
          for (Slot &each : this->slots_)  // the other one's pauses grew as long as nothing was reached
            each.backoff.reset();
          this->tell_preferred_();
          this->connects_++;
          this->log_.info("region %u: connected%s", slot.region, is_home ? ", home" : "");
          return Event{
              .kind = Event::Kind::CONNECTED, .region = slot.region, .is_home = is_home, .took = now - slot.started};
        case derp::Event::Kind::PACKET:
          if (!is_home)
            slot.last_used = now;
          return Event{.kind = Event::Kind::PACKET,
                       .region = slot.region,
                       .is_home = is_home,
                       .key = event->key,
                       .packet = event->packet};
        case derp::Event::Kind::PEER_GONE:
          return Event{.kind = Event::Kind::PEER_GONE, .region = slot.region, .is_home = is_home, .key = event->key};
        case derp::Event::Kind::HEALTH:
          return Event{.kind = Event::Kind::HEALTH, .region = slot.region, .is_home = is_home, .text = event->text};
        case derp::Event::Kind::RESTARTING: {
          const int64_t ms = std::min<int64_t>(to_milliseconds(event->reconnect_in), 60'000);
          this->fail_(now, slot, milliseconds(this->random_.below(static_cast<uint32_t>(ms) + 1)));
          break;
        }
        case derp::Event::Kind::FAILED:
          this->log_.debug("region %u: %s (HTTP %u)", slot.region, error_name(event->error), slot.derp.http_status());
          this->fail_(now, slot, Duration::ZERO);
          break;
      }
      if (const auto news = this->pop_news_())
        return news;
    }
  }
  return this->pop_news_();
}

Instant Relays::next_timeout() const {
  Instant soonest = Instant::NEVER;
  for (const Slot &slot : this->slots_) {
    soonest = earlier(soonest, earlier(slot.retry_at, slot.derp.next_timeout()));
    soonest = earlier(soonest, this->dial_limit_(slot));
    if (slot.region != 0 && !this->is_kept_(slot))
      soonest = earlier(soonest, slot.last_used + IDLE_TIMEOUT);
  }
  return soonest;
}

void Relays::handle_timeout(Instant now) {
  for (Slot &slot : this->slots_) {
    slot.derp.handle_timeout(now);
    if (now >= this->dial_limit_(slot))
      this->fail_(now, slot, Duration::ZERO);
    if (slot.region != 0 && !this->is_kept_(slot) && now >= slot.last_used + IDLE_TIMEOUT)
      this->leave_(slot);
    if (slot.state == State::WAITING && now >= slot.retry_at)
      this->connect_(now, slot);
  }
}

}  // namespace microlink::client
