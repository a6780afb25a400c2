// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

#include <algorithm>
#include <utility>

#include "microlink/base/hash.h"
#include "microlink/client/path_cache.h"
#include "microlink/version.h"

namespace microlink::client {

namespace {

constexpr char APP[] = "microlink";
/// The admin console judges a node's age by this; the front names the protocol generation that is spoken.
constexpr char IPN_VERSION[] = "1.94.1-microlink";

/// To the person, and into the log.
void say_wrong(Notice &message, const Log &log, const char *what) {
  message.assign(what);
  log.error("%s", what);
}

}  // namespace

static_assert(sizeof(void *) != 4 || sizeof(Core) <= CLIENT_BUDGET_BYTES, "more than docs/memory.md promises");

Core::Core(const Config &config, const TrustStore &trust, LogSink *log)
    : config_(config),
      log_sink_(log),
      log_(log, "client"),
      allowed_peers_(this->netmap_, this->duties_, this->config_, this->log_),
      filter_(*this),
      relays_({&this->streams_[RELAY_0], &this->streams_[RELAY_1]}, *this, this->identity_.node(), this->random_, log),
      magicsock_(this->random_, this->netmap_),
      tunnel_(this->random_, this->netmap_) {
  this->netmap_.set_pinned(config.priority_peers);
  if (!trust.pem.empty())
    (void) this->anchors_.add(trust.pem);
  this->anchors_.set_others(trust.attach);
  this->anchors_.set_heap(trust.heap);
  if (!config.ca_certificates.empty() && this->anchors_.add(config.ca_certificates) != Error::NONE)
    this->log_.error("the CA certificate that is configured is not PEM");
}

void Core::handle(Instant now, const Input &input) {
  this->now_ = now;
  switch (input.kind) {
    case Input::Kind::RECORD:
      if (this->run_ == Run::STOPPED)
        this->load_record_(input.record, input.bytes);
      break;
    case Input::Kind::SEED:
      this->random_.seed(input.bytes);
      break;
    case Input::Kind::NETWORK:
      this->set_network_(now, input.endpoints);
      break;
    case Input::Kind::WALL_TIME:
      this->set_wall_time_(now, input.wall_time, true);
      break;
    case Input::Kind::START:
      if (this->run_ == Run::STOPPED)
        this->start_(now);
      break;
    case Input::Kind::STOP:
      this->stop_after_storing_(now);
      break;
    case Input::Kind::TIMEOUT:
      this->handle_timeout_(now);
      break;
    case Input::Kind::DATAGRAM:
      if (this->run_ != Run::STOPPED)
        this->count_drop_(this->magicsock_.handle_udp(now, input.from, input.bytes));
      break;
    case Input::Kind::SEND_FAILED:
      for (const Endpoint &endpoint : input.endpoints)
        this->magicsock_.handle_send_error(now, endpoint);
      break;
    case Input::Kind::STREAM_OPEN:
    case Input::Kind::STREAM_BYTES:
    case Input::Kind::STREAM_BLOCKED:
    case Input::Kind::STREAM_WRITABLE:
    case Input::Kind::STREAM_CLOSED:
      this->handle_stream_(now, input);
      break;
    case Input::Kind::RESOLVED:
      this->handle_resolved_(now, input);
      break;
    case Input::Kind::OVERLAY:
      if (this->run_ == Run::RUNNING)
        this->handle_overlay_(now, input.bytes);
      break;
  }
  this->settle_(now);
}

void Core::handle_timeout_(Instant now) {
  if (this->control_)
    this->control_->handle_timeout(now);
  this->relays_.handle_timeout(now);
  this->magicsock_.handle_timeout(now);
  this->tunnel_.handle_timeout(now);
  this->poll_again_(now);
  if (now >= this->cache_due_)
    this->store_cache_();
  if (now >= this->expiry_due_)
    this->keep_time_(now);
  if (now >= this->control_ping_.deadline)
    this->end_control_ping_(now, {}, "timed out");
}

void Core::load_record_(Record record, ByteView bytes) {
  if (bytes.size() > MAX_RECORD_BYTES)
    bytes = {};  // as good as damaged
  switch (record) {
    case Record::MACHINE_KEY:
    case Record::NODE_KEY:
    case Record::PENDING_NODE_KEY:
      if (this->identity_.load(record, bytes) != Error::NONE)
        this->log_.error("the stored %s is damaged; a new one is made", record_name(record));
      break;
    case Record::CONTROL_KEY:
      if (const auto cached = CachedControlKey::parse(bytes); cached && cached->url == this->config_.control_url)
        this->cached_control_key_ = cached->key;
      break;
    case Record::RELAY_CACHE:
      if (const auto region = parse_relay_cache(bytes)) {
        this->netmap_.derp_regions_begin();
        this->netmap_.derp_region(*region);
        this->netmap_.derp_regions_end();
        this->cached_home_ = region->id;
      }
      break;
    case Record::PEER_CACHE_0:
    case Record::PEER_CACHE_1:
    case Record::PEER_CACHE_2:
    case Record::PEER_CACHE_3:
      (void) this->netmap_.load_cache(bytes);
      break;
    case Record::CLOCK:
      if (const auto reserved = parse_clock(bytes)) {
        this->clock_reserved_ = *reserved;
        this->tunnel_.set_timestamp_floor(*reserved);
      }
      break;
    case Record::SELF:
      if (const auto self = CachedSelf::parse(bytes))
        this->cached_self_ = *self;
      break;
    case Record::DISCO_KEY:
      (void) this->magicsock_.load_disco_key(bytes);  // a damaged one is replaced
      break;
    case Record::PATHS:
      load_path_cache(this->now_, bytes, this->netmap_, this->magicsock_);
      break;
    case Record::ALLOWLIST:
      this->allowed_peers_.load(bytes);
      break;
    case Record::UDP_PORT:
    case Record::COUNT:
      break;
  }
}

void Core::start_(Instant now) {
  auto settings = this->settings_();
  if (!settings) {
    this->refused_ = true;
    this->update_state_();
    return;
  }

  bool machine_is_new = false;
  bool node_is_new = false;
  this->identity_.complete(this->random_, machine_is_new, node_is_new);
  if (machine_is_new)
    this->duties_.store(Record::MACHINE_KEY);
  if (node_is_new)
    this->duties_.store(Record::NODE_KEY);

  this->run_ = Run::RUNNING;
  this->refused_ = false;
  this->message_.clear();
  // Who was met where another control URL led to is nobody here. The keys and the list of allowed peers stay: they are
  // the device's and the user's.
  if (this->cached_self_.id != 0 && this->cached_self_.server != CachedSelf::server_of(this->config_.control_url)) {
    this->log_.info("another control URL than the last time: the peers of the other tailnet are forgotten");
    this->forget_tailnet_();
  }
  if (!this->cached_self_.addresses.empty())
    this->publish_addresses_();  // those of the last run, until control says otherwise
  const DiscoPublic known_disco_key = this->magicsock_.disco_key();
  this->magicsock_.start(now, this->identity_.node().public_key());
  if (this->magicsock_.disco_key() != known_disco_key)
    this->duties_.store(Record::DISCO_KEY);
  this->tunnel_.set_identity(this->identity_.node());
  this->control_host_ = settings->server.host;
  this->relays_.set_control_host(this->control_host_, settings->server.port);
  this->magicsock_.netcheck().set_control_host(this->control_host_);

  // Cut off in the middle of a rotation: did control take the new key? If so it is the only one that control knows, and
  // an auth key may be used up. It is not sent along: with it control would make a second device of a key it never
  // took.
  this->trying_pending_ = settings->withhold_auth_key = this->identity_.is_rotating();
  this->start_control_(now, *settings);
  this->take_regions_(now);
  if (this->cached_home_ != 0) {
    this->magicsock_.netcheck().set_home(this->cached_home_);
    this->relays_.set_home(now, this->cached_home_);
  }
}

/// No address, peer, rule or relay of the tailnet is used any more.
void Core::forget_tailnet_() {
  this->cached_self_ = {};
  this->cached_home_ = 0;
  this->netmap_.clear();
  this->filter_.clear();
  for (const Record record : {Record::RELAY_CACHE, Record::PEER_CACHE_0, Record::PEER_CACHE_1, Record::PEER_CACHE_2,
                              Record::PEER_CACHE_3, Record::SELF, Record::PATHS})
    this->duties_.erase(record);
}

/// What of the configuration concerns control; null after a message for the person when it cannot be.
std::optional<control::Settings> Core::settings_() {
  const auto server = control::ServerUrl::parse(this->config_.control_url);
  if (!server) {
    say_wrong(this->message_, this->log_, "the control URL must look like https://host or https://host:port");
    return std::nullopt;
  }
  control::Settings settings{.server = *server, .allow_plain_http = this->config_.allow_plain_http};
  if (!this->config_.control_key.empty()) {
    const auto pinned = MachinePublic::parse(this->config_.control_key);
    if (!pinned) {
      say_wrong(this->message_, this->log_, "the control key must look like mkey: and 64 hexadecimal digits");
      return std::nullopt;
    }
    settings.pinned_key = *pinned;
  }
  settings.cached_key = this->cached_control_key_;
  return settings;
}

void Core::start_control_(Instant now, const control::Settings &settings) {
  const NodePrivate &node = this->trying_pending_ ? this->identity_.pending() : this->identity_.node();
  this->control_.emplace(settings,
                         control::Identity{.machine = this->identity_.machine(),
                                           .node_key = node.public_key(),
                                           .disco_key = this->magicsock_.disco_key(),
                                           .auth_key = this->auth_key_},
                         this->hostinfo_(), static_cast<tailcfg::MapSink &>(*this), this->random_, this->log_sink_);
  if (const Error error = this->control_->start(now); error != Error::NONE) {
    say_wrong(this->message_, this->log_, "a control URL with http:// is only for tests: use https://");
    this->refused_ = true;
  }
  this->tell_endpoints_(now);
}

/// Control does not know the pending key, so it never took it: the old one is still good.
void Core::fall_back_to_old_key_(Instant now) {
  this->trying_pending_ = false;
  this->identity_.abandon_rotation();
  this->duties_.erase(Record::PENDING_NODE_KEY);
  this->restart_control_(now);
}

/// A session that knows nothing of the one before.
void Core::restart_control_(Instant now) {
  for (const StreamId id : {CONTROL_PING, CONTROL_NOISE, CONTROL_FALLBACK})
    this->streams_[id].close();
  if (const auto settings = this->settings_())
    this->start_control_(now, *settings);
}

tailcfg::Hostinfo Core::hostinfo_() const {
  tailcfg::Hostinfo out;
  out.hostname = this->config_.hostname;
  out.os = this->config_.os;
  out.device_model = this->config_.device_model;
  out.app = APP;
  out.ipn_version = IPN_VERSION;
  out.request_tags = std::span(this->config_.request_tags.begin(), this->config_.request_tags.size());
  return out;
}

/// The next start shall know what this run found out.
void Core::stop_after_storing_(Instant now) {
  this->stop_due_ = this->run_ == Run::RUNNING && this->cache_due_ != Instant::NEVER;
  if (this->stop_due_)
    this->store_cache_();
  else
    this->stop_(now);
}

/// STOPPED is said also when there was nothing to stop: whoever says STOP waits for it.
void Core::stop_(Instant now) {
  this->news_.raise(Event::Kind::STOPPED);
  if (this->run_ == Run::STOPPED)
    return;
  this->run_ = Run::STOPPED;
  this->stop_due_ = false;
  this->cache_due_ = Instant::NEVER;
  this->control_ping_ = {};
  this->owner_ping_ = false;
  if (this->control_)
    this->control_->stop(now);
  this->control_.reset();
  this->relays_.stop();
  for (Stream &stream : this->streams_)
    stream.close();
  this->magicsock_.stop();
  this->registered_ = this->streaming_ = false;
}

/// A new address is used as it comes; one that went takes connections with it. So does another underlay that is
/// preferred now: what goes on from the old one's address would leave on the new one. And so does a time without any:
/// what TCP tries again it tries ever later.
void Core::set_network_(Instant now, std::span<const Endpoint> endpoints) {
  const auto before = this->local_endpoints_;
  this->local_endpoints_.clear();
  for (const Endpoint &endpoint : endpoints)
    (void) this->local_endpoints_.push_back(hash_of(endpoint));
  bool lost = before.empty() || endpoints.empty() || this->local_endpoints_[0] != before[0];
  for (const uint32_t old : before)
    lost = lost || !this->local_endpoints_.contains(old);
  const auto is_v4 = [](const Endpoint &endpoint) { return endpoint.address.is_v4(); };
  this->relays_.set_families(std::ranges::any_of(endpoints, is_v4), !std::ranges::all_of(endpoints, is_v4));
  this->magicsock_.set_local_endpoints(now, this->config_.relay_only ? std::span<const Endpoint>{} : endpoints,
                                       this->config_.fixed_port);
  if (this->run_ != Run::RUNNING || !lost || endpoints.empty())
    return;
  this->log_.info("the network changed");
  this->relays_.reconnect(now);
  if (this->control_)
    this->control_->reconnect(now);
}

/// Lets the engines talk to each other until they are quiet. Bounded: a bug that makes two of them chat for ever must
/// not stop the device.
void Core::settle_(Instant now) {
  if (this->settling_)
    return;
  this->settling_ = true;
  for (int round = 0; round != 64 && this->settle_once_(now); round++) {
  }
  this->settling_ = false;
  this->update_state_();
}

bool Core::settle_once_(Instant now) {
  bool moved = this->settle_control_(now);
  moved = this->settle_netmap_(now) || moved;
  moved = this->settle_relays_(now) || moved;
  moved = this->settle_magicsock_(now) || moved;
  return this->settle_tunnel_(now) || moved;
}

std::optional<Action> Core::poll_action(Instant now, ByteSpan scratch) {
  this->now_ = now;
  while (true) {
    if (const auto action = this->next_record_action_(scratch))
      return action;
    if (std::exchange(this->stop_due_, false)) {  // the records are written, so nobody needs what they tell any more
      this->stop_(now);
      this->settle_(now);
      continue;
    }
    if (this->overlay_out_)
      return Action{.kind = Action::Kind::OVERLAY, .bytes = *std::exchange(this->overlay_out_, std::nullopt)};
    if (this->datagram_out_)
      return std::exchange(this->datagram_out_, std::nullopt);
    if (this->addresses_due_) {
      this->addresses_due_ = false;
      return Action{.kind = Action::Kind::SELF_ADDRESSES,
                    .endpoints = std::span(this->self_addresses_.begin(), this->self_addresses_.size())};
    }
    if (const auto action = this->next_stream_action_(now, scratch))
      return action;
    if (const auto action = this->next_datagram_action_(now, scratch))
      return action;
    if (!this->advance_(now)) {
      this->pending_ = {};
      return std::nullopt;
    }
  }
}

std::optional<Action> Core::next_record_action_(ByteSpan scratch) {
  for (Record record = this->duties_.take_store(); record != Record::COUNT; record = this->duties_.take_store()) {
    const size_t n = this->write_record_(record, scratch.first(MAX_RECORD_BYTES));
    if (n != 0)
      return Action{.kind = Action::Kind::STORE, .record = record, .bytes = scratch.first(n)};
  }
  if (this->clock_grant_due_) {  // the port has stored the record: it stores before it polls again
    this->clock_grant_due_ = false;
    this->tunnel_.handle_reserved(this->now_, this->clock_reserved_);
  }
  if (const Record record = this->duties_.take_erase(); record != Record::COUNT)
    return Action{.kind = Action::Kind::ERASE, .record = record};
  return std::nullopt;
}

size_t Core::write_record_(Record record, ByteSpan out) {
  switch (record) {
    case Record::MACHINE_KEY:
    case Record::NODE_KEY:
    case Record::PENDING_NODE_KEY:
      return copy(this->identity_.export_record(record), out);
    case Record::CONTROL_KEY:
      return CachedControlKey{this->cached_control_key_, this->config_.control_url}.write(out);
    case Record::RELAY_CACHE: {
      const tailcfg::PackedRegion *region = this->netmap_.regions().find(this->relays_.home());
      return region == nullptr ? 0 : write_relay_cache(*region, out);
    }
    case Record::PEER_CACHE_0:
    case Record::PEER_CACHE_1:
    case Record::PEER_CACHE_2:
    case Record::PEER_CACHE_3:
      return this->netmap_.write_cache(static_cast<size_t>(record) - static_cast<size_t>(Record::PEER_CACHE_0), out);
    case Record::CLOCK:
      return write_clock(this->clock_reserved_, out);
    case Record::SELF:
      return this->cached_self_.write(out);
    case Record::DISCO_KEY:
      return copy(this->magicsock_.export_disco_key(), out);
    case Record::PATHS:
      return write_path_cache(this->netmap_, this->magicsock_, out);
    case Record::ALLOWLIST:
      return this->allowed_peers_.write(out);
    case Record::UDP_PORT:
    case Record::COUNT:
      break;
  }
  return 0;
}

Instant Core::next_timeout() const {
  if (this->run_ == Run::STOPPED)
    return Instant::NEVER;
  Instant soonest = earlier(this->relays_.next_timeout(), this->magicsock_.next_timeout());
  soonest = earlier(soonest, earlier(this->tunnel_.next_timeout(), this->cache_due_));
  soonest = earlier(soonest, earlier(this->control_ping_.deadline, this->expiry_due_));
  if (this->streaming_)
    soonest = earlier(soonest, this->poll_policy_.next_timeout());
  return this->control_ ? earlier(soonest, this->control_->next_timeout()) : soonest;
}

std::optional<Event> Core::poll_event() {
  if (const auto key = this->netmap_.poll_gone())  // before what there is to say of others
    return Event{.kind = Event::Kind::PEER_GONE, .peer = *key};
  if (this->news_.is_empty())
    return std::nullopt;
  size_t slot = MAX_PEERS;
  auto event = this->news_.take(slot);
  if (slot != MAX_PEERS)
    event->peer = this->netmap_.node_key(slot);
  if (event->kind == Event::Kind::PEER_CHANGED) {
    const magicsock::Route route = this->magicsock_.route(this->now_, this->known_peers_[slot].id);
    event->path = route.region == 0 ? route.direct : Endpoint{};
  } else if (event->kind == Event::Kind::LOGIN_URL) {
    event->text = this->shown_url_();
  } else if (event->kind == Event::Kind::MESSAGE || event->kind == Event::Kind::ROTATION_FAILED) {
    event->text = this->shown_message_();
  } else if (event->kind == Event::Kind::LOGOUT_FAILED) {
    event->text = this->shown_message_();
    event->error = this->logout_refused_ ? Error::REJECTED : this->control_ ? Error::TIMED_OUT : Error::NOT_READY;
  }
  return event;
}

}  // namespace microlink::client
