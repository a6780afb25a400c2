// SPDX-License-Identifier: MIT
#include "tests/tailnet/tailnet.h"

#include <gtest/gtest.h>

#include "tests/sim/stun_answer.h"

namespace microlink::tailnet {

namespace {

constexpr uint16_t STUN_PORT = 3478;
constexpr StreamId FIRST_RELAY = 3;
constexpr size_t CHUNK = 1460;  // as TCP segments come
constexpr Duration KEEP_ALIVE = seconds(60);

IpAddress relay_address(size_t region) { return IpAddress::v4(198, 51, 100, static_cast<uint8_t>(region)); }

}  // namespace

Tailnet::Tailnet(unsigned seed_of_all, uint16_t regions) : seed(seed_of_all), random(seed_of_all), regions_(regions) {
  this->keep_alive_();
}

Tailnet::~Tailnet() {
  for (const auto &host : this->hosts)
    host->stop(false);
}

Host &Tailnet::add(sim::NatModel model) {
  const size_t index = this->hosts.size();
  this->hosts.push_back(std::make_unique<Host>(*this, index, model));
  this->registered_.emplace_back();
  Host &host = *this->hosts.back();
  host.control.answer_registration = [this, &host](const std::string &body) { return this->register_(host, body); };
  host.control.hear_map_request = [this, &host](const std::string &body, bool is_stream) {
    // What it answers goes first.
    this->at(this->now, [this, &host, body, is_stream] { this->hear_(host, body, is_stream); });
  };
  return host;
}

// --- time ------------------------------------------------------------------------------------------------------------

/// Control and relays say that they are there.
void Tailnet::keep_alive_() {
  for (const auto &host : this->hosts) {
    this->tell_(*host, R"({"KeepAlive":true})");
    for (StreamId id = FIRST_RELAY; id != MAX_STREAMS; id++) {
      Host::Link &link = host->link(id);
      if (link.relay != nullptr && link.relay->is_logged_in())
        link.relay->keep_alive();
      this->flush_(*host, id);
    }
  }
  this->at(this->now + KEEP_ALIVE, [this] { this->keep_alive_(); });
}

// --- streams ---------------------------------------------------------------------------------------------------------

/// At a time, or later when nothing comes through to the host; in the order in which it was asked for.
void Tailnet::at_light_(Host &host, Instant when, std::function<void()> what) {
  this->at(when, [this, &host, what = std::move(what)]() mutable {
    if (host.dark_until > this->now)
      this->at_light_(host, host.dark_until, std::move(what));
    else
      what();
  });
}

/// Half a round trip later, unless the connection is another one by then.
void Tailnet::on_link_(Host &host, StreamId id, unsigned number, const std::function<void(Host::Link &)> &what) {
  // Whoever's turn it is goes first: two nights that overlap must not let one overtake another.
  host.link(id).under_way.push_back(what);
  this->at_light_(host, this->now + STREAM_LATENCY, [&host, id, number] {
    Host::Link &link = host.link(id);
    if (link.number != number || link.to == Host::Link::To::NOBODY)
      return;
    const auto next = std::move(link.under_way.front());
    link.under_way.pop_front();
    next(link);
  });
}

void Tailnet::open_link(Host &host, StreamId id, const Endpoint &to) {
  Host::Link &link = host.link(id);
  link = Host::Link{};
  link.number = ++this->links_;
  host.links_begun++;
  link.to = id < FIRST_RELAY ? Host::Link::To::CONTROL : Host::Link::To::RELAY;
  for (uint16_t region = 1; region <= this->regions_; region++) {
    if (to.address == relay_address(region))
      link.region = region;
  }
  this->on_link_(host, id, link.number, [this, &host, id](Host::Link &open) { this->connect_(host, id, open); });
}

void Tailnet::connect_(Host &host, StreamId id, Host::Link &link) {
  const bool is_control = link.to == Host::Link::To::CONTROL;
  if (is_control ? !this->control_up_ : !this->relay_up_[link.region]) {
    this->cut_(host, id);
    return;
  }
  link.is_open = true;
  if (is_control)
    link.control = std::make_unique<testing::ControlServer::Connection>(host.control);
  else
    link.relay = std::make_unique<testing::RelayConnection>();
  Input in{.kind = Input::Kind::STREAM_OPEN};
  in.stream = id;
  host.input(in);
}

void Tailnet::send_link(Host &host, StreamId id, const std::string &bytes) {
  this->on_link_(host, id, host.link(id).number,
                 [this, &host, id, bytes](Host::Link &link) { this->serve_(host, id, link, bytes); });
}

void Tailnet::serve_(Host &host, StreamId id, Host::Link &link, const std::string &bytes) {
  if (!link.is_open)
    return;
  if (link.control != nullptr)
    link.control->handle(bytes);
  else
    link.relay->handle(bytes, [this, &host, &link](const std::string &to, const std::string &packet) {
      this->forward_(host, link, to, packet);
    });
  this->flush_(host, id);
}

/// What a server has written is on its way.
void Tailnet::flush_(Host &host, StreamId id) {
  Host::Link &link = host.link(id);
  if (!link.is_open)
    return;
  const std::string out = link.control != nullptr ? link.control->take() : link.relay->take();
  for (size_t begin = 0; begin < out.size(); begin += CHUNK) {
    this->on_link_(host, id, link.number, [&host, id, chunk = out.substr(begin, CHUNK)](Host::Link &open) mutable {
      if (!open.is_open)
        return;
      Input in{.kind = Input::Kind::STREAM_BYTES};
      in.stream = id;
      in.bytes = {reinterpret_cast<uint8_t *>(chunk.data()), chunk.size()};
      host.input(in);
    });
  }
}

void Tailnet::close_link(Host &host, StreamId id) {
  Host::Link &link = host.link(id);
  const bool was_streaming = link.control != nullptr && link.control->is_streaming();
  link = Host::Link{};
  if (was_streaming)
    this->tell_others_(host.index, R"({"OnlineChange":{")" + std::to_string(host.index + 1) + "\":false}}");
}

/// The server, or the network, ends a connection.
void Tailnet::cut_(Host &host, StreamId id) {
  if (host.link(id).to == Host::Link::To::NOBODY)
    return;
  host.link(id).is_open = false;
  this->on_link_(host, id, host.link(id).number, [this, &host, id](Host::Link &) {
    this->close_link(host, id);
    Input in{.kind = Input::Kind::STREAM_CLOSED};
    in.stream = id;
    in.error = Error::CLOSED;
    host.input(in);
  });
}

void Tailnet::set_control(bool up) {
  this->control_up_ = up;
  for (const auto &host : this->hosts) {
    for (StreamId id = 0; id != FIRST_RELAY && !up; id++)
      this->cut_(*host, id);
  }
}

void Tailnet::set_relay(uint16_t region, bool up) {
  this->stun_up_[region] = up;
  this->set_tcp_of_relay(region, up);
}

void Tailnet::set_tcp_of_relay(uint16_t region, bool up) {
  this->relay_up_[region] = up;
  for (const auto &host : this->hosts) {
    for (StreamId id = FIRST_RELAY; id != MAX_STREAMS && !up; id++) {
      if (host->link(id).region == region)
        this->cut_(*host, id);
    }
  }
}

void Tailnet::forward_(Host &host, Host::Link &link, const std::string &to, const std::string &packet) {
  const std::string from = link.relay->node_key();
  for (const auto &other : this->hosts) {
    for (StreamId id = FIRST_RELAY; id != MAX_STREAMS; id++) {
      Host::Link &there = other->link(id);
      if (!there.is_open || there.region != link.region || there.relay == nullptr || there.relay->node_key() != to)
        continue;
      this->wire.see(this->now, link.region, NodePublic::from_bytes(as_bytes(from)), other->node_key(), packet);
      there.relay->deliver(from, packet);
      if (other.get() != &host || &there != &link)
        this->flush_(*other, id);
      return;
    }
  }
  link.relay->say_gone(to);
}

// --- datagrams -------------------------------------------------------------------------------------------------------

void Tailnet::send_datagram(Host &host, const Endpoint &to, const std::string &bytes) {
  if (host.dark_until > this->now || to.address.is_private() || !to.address.is_v4())
    return;
  const auto source = host.nat->translate_out(this->now, host.local, to);
  if (!source)
    return;
  if (Host *const there = this->host_at_(to, *source); there != nullptr && there->is_running())
    this->wire.see(this->now, 0, host.node_key().public_key(), there->node_key(), bytes);
  const unsigned copies = this->random() % 100 < this->weather.duplicate_percent ? 2 : 1;
  for (unsigned i = 0; i != copies; i++) {
    if (this->random() % 100 < this->weather.loss_percent)
      continue;
    const auto spread = static_cast<unsigned>(to_microseconds(this->weather.jitter)) + 1;
    const Duration delay = this->weather.latency + microseconds(this->random() % spread);
    this->at(this->now + delay, [this, source, to, bytes] { this->arrive_(*source, to, bytes); });
  }
}

/// Whoever has the address, whether or not the NAT lets anything in.
Host *Tailnet::host_at_(const Endpoint &to, const Endpoint &from) {
  for (const auto &host : this->hosts) {
    const bool is_lan = host->nat->model == sim::NatModel::LAN;
    if ((is_lan ? host->local.address : host->nat->address) == to.address && to != from)
      return host.get();
  }
  return nullptr;
}

void Tailnet::arrive_(const Endpoint &from, const Endpoint &to, const std::string &bytes) {
  for (uint16_t region = 1; region <= this->regions_; region++) {
    if (to != Endpoint{relay_address(region), STUN_PORT})
      continue;
    if (!this->stun_up_[region])
      return;
    const auto answer = sim::stun_answer(as_bytes(bytes), from);
    const std::string text(answer.begin(), answer.end());
    this->at(this->now + this->weather.latency * region, [this, to, from, text] { this->arrive_(to, from, text); });
    return;
  }
  Host *const host = this->host_at_(to, from);
  if (host == nullptr || !host->is_running() || host->dark_until > this->now)
    return;
  const auto inside = host->nat->translate_in(this->now, from, to);
  if (inside && *inside == host->local)
    this->receive_(*host, from, bytes);
}

void Tailnet::receive_(Host &host, const Endpoint &from, const std::string &bytes) {
  std::string copy = bytes;
  Input in{.kind = Input::Kind::DATAGRAM};
  in.from = from;
  in.bytes = {reinterpret_cast<uint8_t *>(copy.data()), copy.size()};
  host.input(in);
}

// --- packets ---------------------------------------------------------------------------------------------------------

void Tailnet::say(Host &from, Host &to, size_t size) {
  if (from.is_running())
    from.send(this->ledger.make(from.index, to.index, size));
}

void Tailnet::deliver(Host &host, const std::string &packet) {
  this->ledger.deliver(host.index, packet);
  EXPECT_TRUE(host.may_send.contains(Ledger::source_of(packet)))
      << "node " << host.index + 1 << " took a packet of node " << Ledger::source_of(packet) + 1
      << ", which its filter forbids";
}

}  // namespace microlink::tailnet
