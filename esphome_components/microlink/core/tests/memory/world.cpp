// SPDX-License-Identifier: MIT
#include "tests/memory/world.h"

#include <algorithm>

#include "tests/memory/allocations.h"
#include "tests/tls/certificates.h"

namespace microlink::testing {

namespace {

constexpr StreamId FIRST_RELAY = 3;
constexpr size_t CHUNK = 1460;  // as TCP segments come

std::string key_text(const std::string &prefix, size_t number) {
  const std::string digits = std::to_string(number);
  return prefix + std::string(64 - digits.size(), '0') + digits;
}

std::string node_json(size_t id, const std::string &key, const std::string &disco, const std::string &more,
                      int home = 1) {
  const std::string address = "100.64." + std::to_string(id / 256) + "." + std::to_string(id % 256);
  return "{\"ID\":" + std::to_string(id) + ",\"Name\":\"" + World::name_of(id) + ".\",\"Key\":\"" + key +
         "\",\"DiscoKey\":\"" + disco + "\",\"Addresses\":[\"" + address +
         "/32\"],\"HomeDERP\":" + std::to_string(home) + ",\"Cap\":131,\"MachineAuthorized\":true" + more + "}";
}

Input input(Input::Kind kind) { return Input{.kind = kind}; }

ByteSpan span_of(std::string &text) { return {reinterpret_cast<uint8_t *>(text.data()), text.size()}; }

}  // namespace

std::string udp_packet(size_t from, size_t to, size_t size) {
  std::string out(size, 'x');
  const uint8_t head[] = {0x45,
                          0,
                          static_cast<uint8_t>(size >> 8),
                          static_cast<uint8_t>(size),
                          0,
                          0,
                          0,
                          0,
                          64,
                          17,
                          0,
                          0,
                          100,
                          64,
                          0,
                          static_cast<uint8_t>(from + 1),
                          100,
                          64,
                          0,
                          static_cast<uint8_t>(to + 1),
                          0x10,
                          0,
                          0x10,
                          0,
                          static_cast<uint8_t>((size - 20) >> 8),
                          static_cast<uint8_t>(size - 20),
                          0,
                          0};
  std::copy(std::begin(head), std::end(head), out.begin());
  return out;
}

Node::Node(World &world, unsigned number)
    : control(number),
      underlay{IpAddress::v4(192, 0, 2, static_cast<uint8_t>(number)), 41641},
      number_(number),
      world_(world) {
  this->config_.control_url.assign(world.options.tls ? "https://control.wild.example" : "http://control.example");
  this->config_.hostname.assign("node-" + std::to_string(number));
  this->config_.allow_plain_http = !world.options.tls;
  this->config_.relay_only = world.options.relay_only;
  if (world.options.trust_root)
    this->config_.ca_certificates = tls::testing::ROOT;
  if (number == 1 && world.options.make_port != nullptr) {
    this->port_ = world.options.make_port(*this, this->config_, world.options.trust);
    return;
  }
  std::optional<Watch> watch;
  if (this->is_watched_())
    watch.emplace();
  this->client_ = std::make_unique<Client>(this->config_, world.options.trust, nullptr);
}

void Node::set_wall_time(WallTime wall) {
  Input in = input(Input::Kind::WALL_TIME);
  in.wall_time = wall;
  this->input_(in);
}

void Node::start(WallTime wall) {
  if (this->port_ != nullptr) {
    this->port_->start();
    return;
  }
  std::string seed(32, static_cast<char>(this->underlay.address.raw()[3]));
  seed[0] = static_cast<char>(this->starts_++);
  Input in = input(Input::Kind::SEED);
  in.bytes = span_of(seed);
  this->input_(in);
  if (wall != WallTime::UNKNOWN)
    this->set_wall_time(wall);
  in = input(Input::Kind::NETWORK);
  in.endpoints = {&this->underlay, 1};
  this->input_(in);
  this->input_(input(Input::Kind::START));
}

Observer *Node::observer_() const { return this->number_ == 1 ? this->world_.observer : nullptr; }

bool Node::is_watched_() const { return this->world_.options.watch_others || this->number_ == 1; }

template<typename Call> void Node::watched_(const Call &call) {
  if (!this->is_watched_()) {
    call();
    return;
  }
  const std::function<void()> on_stack = call;
  const Watch watch;
  if (this->world_.stack != nullptr)
    this->world_.stack->run(on_stack);
  else
    call();
}

/// The loop of ports.h.
void Node::input_(const Input &in) {
  if (Observer *const observer = this->observer_(); observer != nullptr)
    observer->on_input(this->world_.now, in);
  if (this->woken_at_ != this->world_.now)
    this->wakes++;
  this->woken_at_ = this->world_.now;
  if (this->port_ != nullptr) {
    this->port_->handle(in);
    return;
  }
  this->watched_([&] { this->client_->handle(this->world_.now, in); });
  this->drain();
}

void Node::drain() {
  Bytes<SCRATCH_BYTES> scratch;
  while (true) {
    std::optional<Action> action;
    this->watched_([&] { action = this->client_->poll_action(this->world_.now, scratch); });
    if (!action)
      break;
    if (Observer *const observer = this->observer_(); observer != nullptr)
      observer->on_action(*action);
    this->perform(*action);
  }
  while (true) {
    std::optional<Event> event;
    this->watched_([&] { event = this->client_->poll_event(); });
    if (!event)
      break;
    this->online += event->kind == Event::Kind::STATE_CHANGED && this->client_->status().state == State::ONLINE;
  }
  this->world_.most_sessions = std::max(this->world_.most_sessions, this->sessions());
  if (Observer *const observer = this->observer_(); observer != nullptr)
    observer->on_rest();
}

bool Node::step() {
  if (this->is_deaf) {
    this->unheard += static_cast<size_t>(std::count_if(
        this->inbox_.begin(), this->inbox_.end(), [](const Pending &it) { return it.kind == Input::Kind::DATAGRAM; }));
    this->inbox_.clear();
  }
  if (!this->inbox_.empty()) {
    Pending pending = std::move(this->inbox_.front());
    this->inbox_.pop_front();
    Input in = input(pending.kind);
    in.stream = pending.stream;
    in.bytes = span_of(pending.bytes);
    in.from = pending.from;
    in.host = pending.host;
    this->input_(in);
    return true;
  }
  if (this->next_timeout() > this->world_.now)
    return false;
  this->alarms += this->alarm_at_ != this->world_.now;
  this->alarm_at_ = this->world_.now;
  this->input_(input(Input::Kind::TIMEOUT));
  return true;
}

void Node::send(const std::string &packet) {
  std::string room = std::string(OVERLAY_HEADROOM, '\0') + packet + std::string(OVERLAY_TAILROOM, '\0');
  Input in = input(Input::Kind::OVERLAY);
  in.bytes = span_of(room).subspan(OVERLAY_HEADROOM, packet.size());
  this->input_(in);
}

void Node::restart(const std::string &auth_key) {
  this->record_actions_left = SIZE_MAX;
  this->has_power_ = true;
  this->inbox_.clear();
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    this->streams_[id].reset();
    this->relays_[id].reset();
    this->tls_[id].reset();
  }
  std::optional<Watch> watch;
  if (this->is_watched_())
    watch.emplace();
  this->client_ = std::make_unique<Client>(this->config_, this->world_.options.trust, nullptr);
  watch.reset();
  for (auto [record, bytes] : this->records) {
    Input in = input(Input::Kind::RECORD);
    in.record = record;
    in.bytes = span_of(bytes);
    this->client_->handle(this->world_.now, in);
  }
  (void) this->client_->set_auth_key(auth_key);
  this->start();
}

void Node::hear(const Endpoint &from, std::string datagram) {
  Input in = input(Input::Kind::DATAGRAM);
  in.from = from;
  in.bytes = span_of(datagram);
  this->input_(in);
}

void Node::perform(const Action &action) {
  const StreamId id = action.stream;
  const bool is_record = action.kind == Action::Kind::STORE || action.kind == Action::Kind::ERASE;
  if (this->record_actions_left == 0 && is_record)
    this->has_power_ = false;
  if (!this->has_power_)
    return;
  if (is_record && this->record_actions_left != SIZE_MAX)
    this->record_actions_left--;
  switch (action.kind) {
    case Action::Kind::OPEN_STREAM:
      this->open_stream_(action);
      break;
    case Action::Kind::SEND_STREAM:
      this->send_stream_(id, std::string(as_text(action.bytes)));
      break;
    case Action::Kind::CLOSE_STREAM:
      this->streams_[id].reset();
      this->relays_[id].reset();
      this->tls_[id].reset();
      break;
    case Action::Kind::SEND_DATAGRAM:
      if (Node *const to = this->world_.with_(action.to); to != nullptr)
        to->inbox_.push_back(
            {.kind = Input::Kind::DATAGRAM, .bytes = std::string(as_text(action.bytes)), .from = this->underlay});
      break;
    case Action::Kind::RESOLVE:
      this->inbox_.push_back({.kind = Input::Kind::RESOLVED, .host = std::string(action.host)});
      break;
    case Action::Kind::OVERLAY:
      this->received.emplace_back(as_text(action.bytes));
      break;
    case Action::Kind::STORE:
      this->records[action.record] = as_text(action.bytes);
      break;
    case Action::Kind::ERASE:
      this->records.erase(action.record);
      break;
    case Action::Kind::SELF_ADDRESSES:
      break;
  }
}

void Node::open_stream_(const Action &action) {
  constexpr uint16_t HTTPS = 443;
  const StreamId id = action.stream;
  const TlsEnd::Identity &server = this->world_.options.server;
  const bool is_relay = id >= FIRST_RELAY;
  const bool with_tls = action.to.port == HTTPS;
  if (is_relay ? !this->world_.has_relay : !with_tls && !this->world_.options.has_port_80) {
    this->inbox_.push_back({.kind = Input::Kind::STREAM_CLOSED, .stream = id});
    return;
  }
  if (is_relay)
    this->relays_[id] =
        server.chain.empty() ? std::make_unique<RelayConnection>() : std::make_unique<RelayConnection>(server);
  else
    this->streams_[id] = std::make_unique<ControlServer::Connection>(this->control);
  if (!is_relay && with_tls)
    this->tls_[id] = server.chain.empty() ? std::make_unique<TlsEnd>() : std::make_unique<TlsEnd>(server);
  this->inbox_.push_back({.kind = Input::Kind::STREAM_OPEN, .stream = id});
}

void Node::send_stream_(StreamId id, const std::string &bytes) {
  if (this->relays_[id] != nullptr) {
    this->to_relay_(*this->relays_[id], bytes);
  } else if (this->tls_[id] != nullptr) {
    this->tls_[id]->handle(bytes);
    const std::string plain = std::exchange(this->tls_[id]->received, {});
    if (!plain.empty())
      this->streams_[id]->handle(plain);
  } else if (this->streams_[id] != nullptr) {
    this->streams_[id]->handle(bytes);
  }
  this->world_.most_handshakes = std::max(this->world_.most_handshakes, this->handshakes());
  this->from_streams_();
}

size_t Node::sessions() const {
  size_t count = 0;
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    count += this->tls_[id] != nullptr && this->tls_[id]->has_begun() ? 1 : 0;
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    count += this->relays_[id] != nullptr && this->relays_[id]->has_begun() ? 1 : 0;
  return count;
}

size_t Node::handshakes() const {
  size_t count = 0;
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    count += (this->tls_[id] != nullptr && this->tls_[id]->is_in_handshake()) ||
             (this->relays_[id] != nullptr && this->relays_[id]->is_in_handshake());
  return count;
}

void Node::change_network() {
  this->underlay.port++;
  Input in = input(Input::Kind::NETWORK);
  in.endpoints = {&this->underlay, 1};
  this->input_(in);
}

void Node::send_burst(size_t count) {
  for (const auto &relay : this->relays_) {
    if (relay != nullptr && relay->is_logged_in())
      relay->keep_alives(count);
  }
  this->from_streams_();
}

void Node::send_map(const std::string &json) {
  for (const auto &stream : this->streams_) {
    if (stream != nullptr && stream->is_streaming())
      stream->send_map(json);
  }
  this->from_streams_();
}

void Node::send_keep_alives() {
  for (const auto &relay : this->relays_) {
    if (relay != nullptr && relay->is_logged_in())
      relay->keep_alive();
  }
  this->send_map(R"({"KeepAlive":true})");
}

void Node::from_streams_() {
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    std::string out;
    if (this->streams_[id] != nullptr)
      out = this->streams_[id]->take();
    if (this->tls_[id] != nullptr) {
      if (!out.empty())
        this->tls_[id]->write(out);
      out = this->tls_[id]->take();
    }
    if (this->relays_[id] != nullptr)
      out = this->relays_[id]->take();
    for (size_t at = 0; at < out.size(); at += CHUNK)
      this->inbox_.push_back({.kind = Input::Kind::STREAM_BYTES, .stream = id, .bytes = out.substr(at, CHUNK)});
  }
}

void Node::to_relay_(RelayConnection &connection, const std::string &bytes) {
  connection.handle(bytes, [&](const std::string &key, const std::string &packet) {
    for (const auto &node : this->world_.nodes) {
      for (const auto &other : node->relays_) {
        if (other != nullptr && other->node_key() == key)
          other->deliver(connection.node_key(), packet);
      }
      node->from_streams_();
    }
  });
}

World::World(const Options &chosen) : options(chosen) {
  watch_tls();
  for (unsigned number = 1; number <= chosen.nodes; number++)
    this->nodes.push_back(std::make_unique<Node>(*this, number));
}

void World::run_for(Duration time) {
  const Instant end = this->now + time;
  while (true) {
    bool moved = false;
    for (const auto &node : this->nodes)
      moved = node->step() || moved;
    if (moved)
      continue;
    Instant next = Instant::NEVER;
    for (const auto &node : this->nodes)
      next = std::min(next, node->next_timeout());
    if (next > end)
      break;
    this->now = std::max(this->now, next);
  }
  this->now = end;
}

void World::send_maps(size_t others) {
  for (size_t i = 0; i != this->nodes.size(); i++)
    this->nodes[i]->send_map(this->map_for(i, others));
}

std::string World::map_for(size_t node, size_t others) const {
  const ControlServer &self = this->nodes[node]->control;
  std::string peers;
  for (size_t i = 0; i != this->nodes.size(); i++) {
    const ControlServer &peer = this->nodes[i]->control;
    const std::string endpoint = "192.0.2." + std::to_string(i + 1) + ":41641";
    if (i != node)
      peers +=
          "," + node_json(i + 1, peer.node_key, peer.disco_key, R"(,"Online":true,"Endpoints":[")" + endpoint + "\"]",
                          this->options.two_regions ? 2 : 1);
  }
  for (size_t id = this->nodes.size() + 1; id != others + this->nodes.size() + 1; id++)
    peers += "," + node_json(id, key_text("nodekey:", id), key_text("discokey:", id),
                             R"(,"Endpoints":["198.51.100.7:41641","[2001:db8::1]:41641"],"Tags":["tag:other"])");
  const std::string second =
      R"(,"2":{"RegionID":2,"RegionCode":"two","Nodes":[{"Name":"2a","RegionID":2,"HostName":"relay.example",)"
      R"("IPv4":"192.0.2.10","STUNPort":-1}]})";
  return "{\"Node\":" + node_json(node + 1, self.node_key, self.disco_key, "") + ",\"Peers\":[" + peers.substr(1) +
         R"(],"DERPMap":{"Regions":{"1":{"RegionID":1,"RegionCode":"one","Nodes":[{"Name":"1a","RegionID":1,)" +
         R"("HostName":"relay.example","IPv4":"192.0.2.9","STUNPort":-1}]})" +
         (this->options.two_regions ? second : "") +
         R"(}},"Domain":"example.com","DNSConfig":{"Proxied":true,"Domains":["tail1234.ts.net"]},"PacketFilter":[)" +
         this->options.rules + R"({"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}]})";
}

Node *World::with_(const Endpoint &endpoint) {
  for (const auto &node : this->nodes) {
    if (node->underlay == endpoint)
      return node.get();
  }
  return nullptr;
}

}  // namespace microlink::testing
