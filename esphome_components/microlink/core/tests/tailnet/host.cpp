// SPDX-License-Identifier: MIT
#include "tests/tailnet/host.h"

#include <gtest/gtest.h>

#include "tests/memory/allocations.h"
#include "tests/tailnet/tailnet.h"
#include "tests/tls/certificates.h"

namespace microlink::tailnet {

namespace {

ByteSpan span_of(std::string &text) { return {reinterpret_cast<uint8_t *>(text.data()), text.size()}; }

/// More actions at one instant than any input may cause: an engine that chats with itself.
constexpr size_t STORM = 5'000;

}  // namespace

Host::Host(Tailnet &tailnet, size_t number, sim::NatModel model)
    : index(number), control(static_cast<uint32_t>(number + 1)), tailnet_(tailnet) {
  this->config_.control_url.assign("http://control.example");
  this->config_.hostname.assign("node-" + std::to_string(number + 1));
  this->config_.allow_plain_http = true;
  this->config_.ca_certificates = tls::testing::ROOT;
  this->config_.build_time = Tailnet::WALL_BASE;
  this->move(model);
}

void Host::move(sim::NatModel model) {
  this->sites_++;
  const auto site = static_cast<uint8_t>(this->sites_);
  const auto number = static_cast<uint8_t>(this->index + 1);
  this->nat = std::make_shared<sim::Nat>(model, IpAddress::v4(192, number, site, 1), this->tailnet_.random);
  this->local = {model == sim::NatModel::LAN ? IpAddress::v4(203, number, site, 2) : IpAddress::v4(10, number, site, 2),
                 41641};
  if (this->client_ == nullptr)
    return;
  for (Link &link : this->links_)
    link.is_open = false;
  Input in{.kind = Input::Kind::NETWORK};
  in.endpoints = {&this->local, 1};
  this->input(in);
}

void Host::start() {
  this->starts++;
  {
    const testing::Watch watch;
    this->client_ = std::make_unique<Client>(this->config_, TrustStore{}, nullptr);
  }
  this->may_send.clear();
  auto records = this->records_;
  for (auto &[record, bytes] : records) {
    Input in{.kind = Input::Kind::RECORD};
    in.record = record;
    in.bytes = span_of(bytes);
    this->input(in);
  }
  std::string seed(32, '\0');
  for (char &byte : seed)
    byte = static_cast<char>(this->tailnet_.random());
  Input in{.kind = Input::Kind::SEED};
  in.bytes = span_of(seed);
  this->input(in);
  if (this->index % 3 != 2) {  // every third has no clock of its own
    in = {.kind = Input::Kind::WALL_TIME};
    in.wall_time = Tailnet::WALL_BASE + (this->tailnet_.now - Instant{});
    this->input(in);
  }
  in = {.kind = Input::Kind::NETWORK};
  in.endpoints = {&this->local, 1};
  this->input(in);
  this->input({.kind = Input::Kind::START});
}

void Host::stop(bool in_order) {
  if (this->client_ == nullptr)
    return;
  if (in_order)
    this->input({.kind = Input::Kind::STOP});
  for (StreamId id = 0; id != MAX_STREAMS; id++)
    this->tailnet_.close_link(*this, id);
  const testing::Watch watch;
  this->client_.reset();
  this->timer_.reset();
}

void Host::send(const std::string &packet) {
  std::string room = std::string(OVERLAY_HEADROOM, '\0') + packet + std::string(OVERLAY_TAILROOM, '\0');
  Input in{.kind = Input::Kind::OVERLAY};
  in.bytes = span_of(room).subspan(OVERLAY_HEADROOM, packet.size());
  this->input(in);
}

void Host::input(Input in) {
  if (this->client_ == nullptr)
    return;
  {
    const testing::Watch watch;
    this->client_->handle(this->tailnet_.now, in);
  }
  this->drain_();
  this->arm_();
}

/// The loop of ports.h.
void Host::drain_() {
  Bytes<SCRATCH_BYTES> scratch;
  for (size_t count = 0;; count++) {
    ASSERT_LT(count, STORM) << "a storm of node " << this->index + 1;
    std::optional<Action> action;
    {
      const testing::Watch watch;
      action = this->client_->poll_action(this->tailnet_.now, scratch);
    }
    if (!action)
      break;
    this->perform_(*action);
  }
  const testing::Watch watch;
  while (this->client_->poll_event()) {
  }
}

void Host::arm_() {
  const Instant wake = this->client_->next_timeout();
  if (wake == Instant::NEVER || (this->timer_ && *this->timer_ <= wake && *this->timer_ > this->tailnet_.now))
    return;
  const Instant at = std::max(wake, this->tailnet_.now);
  this->timer_ = at;
  this->tailnet_.at(at, [this, at] {
    if (this->timer_ != at || this->client_ == nullptr)
      return;
    this->timer_.reset();
    if (this->client_->next_timeout() > at) {  // put off since
      this->arm_();
      return;
    }
    this->wake_ups++;
    this->input({.kind = Input::Kind::TIMEOUT});
    // A client that is still due at the instant at which it was served would never sleep.
    ASSERT_TRUE(this->client_ == nullptr || this->client_->next_timeout() > at) << "node " << this->index + 1;
  });
}

void Host::perform_(const Action &action) {
  switch (action.kind) {
    case Action::Kind::OPEN_STREAM:
      this->tailnet_.open_link(*this, action.stream, action.to);
      break;
    case Action::Kind::SEND_STREAM:
      this->frames_sent++;
      this->tailnet_.send_link(*this, action.stream, std::string(as_text(action.bytes)));
      break;
    case Action::Kind::CLOSE_STREAM:
      this->tailnet_.close_link(*this, action.stream);
      break;
    case Action::Kind::SEND_DATAGRAM:
      this->datagrams_sent++;
      this->tailnet_.send_datagram(*this, action.to, std::string(as_text(action.bytes)));
      break;
    case Action::Kind::OVERLAY:
      this->tailnet_.deliver(*this, std::string(as_text(action.bytes)));
      break;
    case Action::Kind::STORE:
      this->records_[action.record] = std::string(as_text(action.bytes));
      if (action.record == Record::NODE_KEY) {
        ASSERT_EQ(this->node_key_.load(action.bytes), Error::NONE);
      }
      break;
    case Action::Kind::ERASE:
      this->records_.erase(action.record);
      break;
    case Action::Kind::RESOLVE: {
      const std::string name(action.host);
      this->tailnet_.at(this->tailnet_.now, [this, name] {
        Input in{.kind = Input::Kind::RESOLVED};
        in.host = name;
        this->input(in);
      });
      break;
    }
    case Action::Kind::SELF_ADDRESSES:
      break;
  }
}

}  // namespace microlink::tailnet
