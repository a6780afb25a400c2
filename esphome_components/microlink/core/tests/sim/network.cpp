// SPDX-License-Identifier: MIT
#include "tests/sim/network.h"

#include <gtest/gtest.h>

#include "tests/sim/stun_answer.h"

namespace microlink::sim {

namespace {

constexpr uint16_t STUN_PORT = 3478;
constexpr uint8_t REQUEST = 0;
constexpr uint8_t RESPONSE = 1;

IpAddress stun_server(size_t region) { return IpAddress::v4(198, 51, 100, static_cast<uint8_t>(region)); }

}  // namespace

Node::Node(Network &world, size_t number, std::shared_ptr<Nat> site, unsigned seed)
    : network(world), index(number), nat(std::move(site)), random(seed), sock(random) {
  NodePrivate identity;
  identity.generate(this->random);
  this->key = identity.public_key();
  const auto last = static_cast<uint8_t>(10 + number);
  this->local = {this->nat->model == NatModel::LAN ? IpAddress::v4(203, 0, 113, last) : IpAddress::v4(10, 0, 0, last),
                 41641};
}

Network::Network(unsigned seed_of_all, unsigned regions) : seed(seed_of_all), random_(seed_of_all), regions_(regions) {}

Node &Network::add(NatModel model) {
  const auto last = static_cast<uint8_t>(100 + this->nodes.size());
  auto nat = std::make_shared<Nat>(model, IpAddress::v4(192, 0, 2, last), this->random_);
  this->nodes.push_back(std::make_unique<Node>(*this, this->nodes.size(), nat, this->random_()));
  return *this->nodes.back();
}

Node &Network::add_beside(const Node &other) {
  this->nodes.push_back(std::make_unique<Node>(*this, this->nodes.size(), other.nat, this->random_()));
  return *this->nodes.back();
}

void Network::start() {
  for (unsigned i = 1; i <= this->regions_; i++) {
    tailcfg::DerpRegion region;
    region.id = static_cast<uint16_t>(i);
    tailcfg::DerpNode node;
    node.ipv4 = stun_server(i);
    node.no_ipv6 = true;
    EXPECT_TRUE(region.nodes.push_back(node));
    this->map_.emplace_back(region);
  }
  for (auto &node : this->nodes) {
    node->sock.start(this->now, node->key);
    node->sock.set_local_endpoints(this->now, {&node->local, 1});
    node->sock.netcheck().set_regions(this->now, this->map_);
    this->pump(*node);
  }
  for (auto &node : this->nodes)
    this->announce(*node);
  this->run_for(seconds(5));
}

void Network::restart(Node &node) {
  node.sock.stop();
  node.sock.forget_disco_key();
  node.relay_connected = false;
  node.sock.start(this->now, node.key);
  node.relay_connected = true;
  node.sock.handle_relay_state(this->now, node.home, true);
  this->announce(node);
  this->pump(node);
}

void Network::announce(const Node &node) {
  const size_t index = node.index;
  this->at(this->now + CONTROL_LATENCY, [this, index] {
    for (auto &other : this->nodes) {
      if (other->index != index)
        this->tell_(*this->nodes[index], *other);
    }
  });
}

void Network::tell_(Node &about, Node &to) {
  std::vector<Endpoint> endpoints;
  for (const auto &own : about.sock.own_endpoints())
    endpoints.push_back(own.endpoint);
  EXPECT_EQ(
      to.sock.set_peer(
          this->now, this->id(about),
          {.key = about.key, .disco_key = about.sock.disco_key(), .endpoints = endpoints, .home_region = about.home}),
      Error::NONE);
  this->pump(to);
}

void Network::pump(Node &node) {
  while (const auto event = node.sock.poll_event())
    this->handle_event_(node, *event);
  Bytes<512> out{};
  for (size_t i = 0;; i++) {
    ASSERT_LT(i, 2000U) << "a storm of node " << node.index << ", seed " << this->seed;
    const auto transmit = node.sock.poll_transmit(this->now, out);
    if (!transmit)
      break;
    std::vector<uint8_t> bytes(out.begin(), out.begin() + static_cast<ptrdiff_t>(transmit->size));
    if (transmit->kind == magicsock::Transmit::Kind::UDP)
      this->transmit_udp_(node, transmit->to, std::move(bytes));
    else
      this->transmit_relay_(node, transmit->region, transmit->peer, std::move(bytes));
  }
  const Instant wake = node.sock.next_timeout();
  if (wake == Instant::NEVER || (node.timer && *node.timer <= wake && *node.timer > this->now))
    return;
  const Instant at = std::max(wake, this->now);
  node.timer = at;
  const size_t index = node.index;
  this->at(at, [this, index, at] {
    Node &self = *this->nodes[index];
    if (self.timer != at)
      return;
    self.timer.reset();
    self.sock.handle_timeout(this->now);
    this->pump(self);
    // An engine that is still due at the same instant after it was served would never sleep.
    ASSERT_GT(self.sock.next_timeout(), this->now) << "node " << index << ", seed " << this->seed;
  });
}

void Network::handle_event_(Node &node, const magicsock::Event &event) {
  using Kind = magicsock::Event::Kind;
  const size_t index = node.index;
  switch (event.kind) {
    case Kind::PACKET: {
      const bool relayed = event.from == Magicsock::relay_endpoint(event.from.port);
      (relayed ? node.relayed_packets : node.direct_packets)++;
      const size_t sender = event.packet[5];
      if (event.peer.is_set()) {
        ASSERT_EQ(event.peer.slot, sender);
      }
      if (event.packet[4] == REQUEST)
        this->at(this->now,
                 [this, index, sender] { this->send_packet_(*this->nodes[index], *this->nodes[sender], RESPONSE); });
      break;
    }
    case Kind::HOME_CHOSEN:
      node.home = event.region;
      if (!node.home_at)
        node.home_at = this->now;
      this->at(this->now + milliseconds(20), [this, index] {
        Node &self = *this->nodes[index];
        self.relay_connected = true;
        self.sock.handle_relay_state(this->now, self.home, true);
        this->pump(self);
      });
      this->announce(node);
      break;
    case Kind::ENDPOINTS_CHANGED:
      this->announce(node);
      break;
    case Kind::NAT_CHANGED:
      node.nat_kind = event.nat;
      break;
    case Kind::PATH_CHANGED:
      node.path_changes++;
      break;
    case Kind::PONG:
      node.pongs.push_back(event);
      break;
    case Kind::PING_TIMED_OUT:
      node.ping_timeouts++;
      break;
    case Kind::RESOLVE:
    case Kind::REPORT_DONE:
      break;
  }
}

void Network::send(Node &from, Node &to) { this->send_packet_(from, to, REQUEST); }

void Network::send_packet_(Node &from, Node &to, uint8_t kind) {
  std::vector<uint8_t> bytes(48);
  bytes[0] = 4;
  bytes[4] = kind;
  bytes[5] = static_cast<uint8_t>(from.index);
  const magicsock::Route route = from.sock.route(this->now, this->id(to));
  if (route.direct.is_set())
    this->transmit_udp_(from, route.direct, bytes);
  if (route.region != 0)
    this->transmit_relay_(from, route.region, to.key, bytes);
  from.sock.note_sent(this->now, this->id(to));
  this->pump(from);
}

void Network::chat(Node &from, Node &to, Duration interval, Duration duration) {
  const Instant end = this->now + duration;
  while (this->now < end) {
    this->send(from, to);
    this->run_for(interval);
  }
}

void Network::transmit_udp_(Node &from, const Endpoint &to, std::vector<uint8_t> bytes) {
  from.udp_sent++;
  if (!from.plugged)
    return;
  if (to.address.is_private()) {
    for (auto &node : this->nodes) {
      if (node->nat != from.nat || node->local != to)
        continue;
      const size_t index = node->index;
      this->at(this->now + LAN_LATENCY,
               [this, index, source = from.local, bytes] { this->deliver_(*this->nodes[index], source, bytes); });
    }
    return;
  }
  const auto source = from.nat->translate_out(this->now, from.local, to);
  if (!source)
    return;
  const unsigned copies = this->random_() % 100 < this->weather.duplicate_percent ? 2 : 1;
  for (unsigned i = 0; i != copies; i++) {
    if (this->random_() % 100 < this->weather.loss_percent)
      continue;
    const auto spread = static_cast<unsigned>(to_microseconds(this->weather.jitter)) + 1;
    const Duration delay = this->weather.latency + microseconds(this->random_() % spread);
    this->at(this->now + delay, [this, source, to, bytes] { this->arrive_(*source, to, bytes); });
  }
}

void Network::arrive_(const Endpoint &from, const Endpoint &to, const std::vector<uint8_t> &bytes) {
  for (unsigned region = 1; region <= this->regions_; region++) {
    if (to != Endpoint{stun_server(region), STUN_PORT} || !this->stun_works)
      continue;
    // Servers are at different distances: region 1 is the nearest.
    const Duration delay = this->weather.latency * region;
    this->at(this->now + delay, [this, to, from, bytes] { this->arrive_(to, from, stun_answer(bytes, from)); });
    return;
  }
  for (auto &node : this->nodes) {
    const bool is_there =
        node->nat->model == NatModel::LAN ? node->local.address == to.address : node->nat->address == to.address;
    if (!is_there)
      continue;
    const auto inside = node->nat->translate_in(this->now, from, to);
    if (!inside)
      return;
    for (auto &host : this->nodes) {
      if (host->nat == node->nat && host->local == *inside) {
        this->deliver_(*host, from, bytes);
        return;
      }
    }
    return;
  }
}

void Network::deliver_(Node &node, const Endpoint &from, std::vector<uint8_t> bytes) {
  if (!node.plugged)
    return;
  (void) node.sock.handle_udp(this->now, from, bytes);
  this->pump(node);
}

void Network::transmit_relay_(Node &from, uint16_t region, const NodePublic &to, std::vector<uint8_t> bytes) {
  from.relay_sent++;
  if (!from.relay_connected)
    return;
  from.visits[region] = this->now + RELAY_VISIT;
  for (auto &node : this->nodes) {
    if (node->key != to)
      continue;
    const size_t index = node->index;
    const size_t sender = from.index;
    this->at(this->now + RELAY_LATENCY, [this, index, sender, region, bytes] {
      Node &source = *this->nodes[sender];
      Node &destination = *this->nodes[index];
      if (this->is_at_(destination, region))
        this->inject_relay(destination, region, source.key, bytes);
      else
        source.sock.handle_peer_gone(region, destination.key);
    });
  }
}

bool Network::is_at_(const Node &node, uint16_t region) const {
  const auto visit = node.visits.find(region);
  return node.relay_connected && (node.home == region || (visit != node.visits.end() && visit->second > this->now));
}

void Network::inject_relay(Node &to, uint16_t region, const NodePublic &src, std::vector<uint8_t> bytes) {
  (void) to.sock.handle_relay_packet(this->now, region, src, bytes);
  this->pump(to);
}

void Network::inject_udp(Node &to, const Endpoint &from, std::vector<uint8_t> bytes) {
  this->deliver_(to, from, std::move(bytes));
}

bool Network::is_direct(Node &from, Node &to) const {
  const auto route = from.sock.route(this->now, this->id(to));
  return route.direct.is_set() && route.region == 0;
}

bool Network::is_relayed(Node &from, Node &to) const {
  const auto route = from.sock.route(this->now, this->id(to));
  return !route.direct.is_set() && route.region != 0;
}

}  // namespace microlink::sim
