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

std::string node_json(size_t id, const std::string &key, const std::string &disco, const std::string &more) {
  const std::string address = "100.64." + std::to_string(id / 256) + "." + std::to_string(id % 256);
  return "{\"ID\":" + std::to_string(id) + ",\"Name\":\"" + World::name_of(id) + ".\",\"Key\":\"" + key +
         "\",\"DiscoKey\":\"" + disco + "\",\"Addresses\":[\"" + address + "/32\"],\"HomeDERP\":1,\"Cap\":131," +
         "\"MachineAuthorized\":true" + more + "}";
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

Node::Node(World &world, unsigned number, bool relay_only)
    : control(number), underlay{IpAddress::v4(192, 0, 2, static_cast<uint8_t>(number)), 41641}, world_(world) {
  this->config_.control_url.assign("http://control.example");
  this->config_.hostname.assign("node-" + std::to_string(number));
  this->config_.allow_plain_http = true;
  this->config_.relay_only = relay_only;
  this->config_.ca_certificates = tls::testing::ROOT;
  const Watch watch;
  this->client_ = std::make_unique<Client>(this->config_, TrustStore{}, nullptr);
}

void Node::start() {
  std::string seed(32, static_cast<char>(this->underlay.address.raw()[3]));
  Input in = input(Input::Kind::SEED);
  in.bytes = span_of(seed);
  this->input_(in);
  in = input(Input::Kind::WALL_TIME);
  in.wall_time = wall_seconds(1'893'456'000);
  this->input_(in);
  in = input(Input::Kind::NETWORK);
  in.endpoints = {&this->underlay, 1};
  this->input_(in);
  this->input_(input(Input::Kind::START));
}

template<typename Call> void Node::watched_(const Call &call) {
  const std::function<void()> on_stack = call;
  const Watch watch;
  if (this->world_.stack != nullptr)
    this->world_.stack->run(on_stack);
  else
    call();
}

/// The loop of ports.h.
void Node::input_(const Input &in) {
  this->watched_([&] { this->client_->handle(this->world_.now, in); });
  this->drain();
}

void Node::drain() {
  Bytes<2048> scratch;
  while (true) {
    std::optional<Action> action;
    this->watched_([&] { action = this->client_->poll_action(this->world_.now, scratch); });
    if (!action)
      break;
    this->perform_(*action);
  }
  while (true) {
    std::optional<Event> event;
    this->watched_([&] { event = this->client_->poll_event(); });
    if (!event)
      return;
    this->online += event->kind == Event::Kind::STATE_CHANGED && this->client_->status().state == State::ONLINE;
  }
}

bool Node::step() {
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
  if (this->client_->next_timeout() > this->world_.now)
    return false;
  this->input_(input(Input::Kind::TIMEOUT));
  return true;
}

void Node::send(const std::string &packet) {
  std::string room = std::string(OVERLAY_HEADROOM, '\0') + packet + std::string(OVERLAY_TAILROOM, '\0');
  Input in = input(Input::Kind::OVERLAY);
  in.bytes = span_of(room).subspan(OVERLAY_HEADROOM, packet.size());
  this->input_(in);
}

void Node::perform_(const Action &action) {
  const StreamId id = action.stream;
  switch (action.kind) {
    case Action::Kind::OPEN_STREAM:
      if (id >= FIRST_RELAY && !this->world_.has_relay) {
        this->inbox_.push_back({.kind = Input::Kind::STREAM_CLOSED, .stream = id});
        break;
      }
      if (id >= FIRST_RELAY)
        this->relays_[id] = std::make_unique<RelayConnection>();
      else
        this->streams_[id] = std::make_unique<ControlServer::Connection>(this->control);
      this->inbox_.push_back({.kind = Input::Kind::STREAM_OPEN, .stream = id});
      break;
    case Action::Kind::SEND_STREAM:
      if (this->streams_[id] != nullptr)
        this->streams_[id]->handle(std::string(as_text(action.bytes)));
      if (this->relays_[id] != nullptr)
        this->to_relay_(*this->relays_[id], std::string(as_text(action.bytes)));
      this->from_streams_();
      break;
    case Action::Kind::CLOSE_STREAM:
      this->streams_[id].reset();
      this->relays_[id].reset();
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
    case Action::Kind::ERASE:
    case Action::Kind::SELF_ADDRESSES:
      break;
  }
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

World::World(bool relay_only) {
  watch_tls();
  for (unsigned number = 1; number <= 2; number++)
    this->nodes.push_back(std::make_unique<Node>(*this, number, relay_only));
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
  const ControlServer &peer = this->nodes[1 - node]->control;
  const std::string endpoint = "192.0.2." + std::to_string(2 - node) + ":41641";
  std::string out =
      "{\"Node\":" + node_json(node + 1, self.node_key, self.disco_key, "") + ",\"Peers\":[" +
      node_json(2 - node, peer.node_key, peer.disco_key, R"(,"Online":true,"Endpoints":[")" + endpoint + "\"]");
  for (size_t id = 3; id != others + 3; id++)
    out += "," + node_json(id, key_text("nodekey:", id), key_text("discokey:", id),
                           R"(,"Endpoints":["198.51.100.7:41641","[2001:db8::1]:41641"],"Tags":["tag:other"])");
  return out + R"(],"DERPMap":{"Regions":{"1":{"RegionID":1,"RegionCode":"one","Nodes":[{"Name":"1a","RegionID":1,)" +
         R"("HostName":"relay.example","IPv4":"192.0.2.9","STUNPort":-1}]}}},"Domain":"example.com",)" +
         R"("DNSConfig":{"Proxied":true,"Domains":["tail1234.ts.net"]},"PacketFilter":[{"SrcIPs":["*"],)" +
         R"("DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}]})";
}

Node *World::with_(const Endpoint &endpoint) {
  for (const auto &node : this->nodes) {
    if (node->underlay == endpoint)
      return node.get();
  }
  return nullptr;
}

}  // namespace microlink::testing
