// SPDX-License-Identifier: MIT
#include "microlink/magicsock/magicsock.h"

namespace microlink::magicsock {

namespace {

constexpr Duration STUN_RETRY = seconds(5);

}  // namespace

std::optional<Magicsock::Transmit> Magicsock::poll_transmit(Instant now, ByteSpan out) {
  if (this->state_ == State::STOPPED || out.size() < MAX_TRANSMIT_BYTES)
    return std::nullopt;
  while (!this->pongs_.empty()) {
    if (const auto transmit = this->transmit_pong_(out))
      return transmit;
  }
  if (this->ping_.relay_due) {
    if (const auto transmit = this->transmit_relay_ping_(now, out))
      return transmit;
  }
  if (now >= this->wake_) {
    this->now_ = now;
    for (Slot &slot : this->slots_) {
      if (this->due_(slot) > now)
        continue;
      if (const auto transmit = this->transmit_ping_(now, slot, out))
        return transmit;
      if (const auto transmit = this->transmit_call_(now, slot, out))
        return transmit;
    }
    this->rearm_();
  }
  if (const auto probe = this->netcheck_.poll_transmit(now, out))
    return Transmit{.kind = Transmit::Kind::UDP, .size = probe->size, .to = probe->to};
  return std::nullopt;
}

std::optional<Magicsock::Transmit> Magicsock::transmit_pong_(ByteSpan out) {
  const PendingPong pong = *this->pongs_.pop();
  Slot *slot = this->slot_of_(pong.peer);
  if (slot == nullptr)
    return std::nullopt;
  Bytes<64> payload;
  Writer writer(payload);
  disco::write_pong(writer, pong.tx_id, pong.from);
  this->counters_.tx_pongs++;
  return this->seal_(*slot, writer.written(), pong.from, pong.region, out);
}

std::optional<Magicsock::Transmit> Magicsock::transmit_relay_ping_(Instant now, ByteSpan out) {
  this->ping_.relay_due = false;
  Slot *slot = this->slot_of_(this->ping_.peer);
  if (slot == nullptr)
    return std::nullopt;
  Bytes<64> payload;
  Writer writer(payload);
  disco::write_ping(writer, this->make_tx_id_(now, *slot, relay_endpoint(this->ping_.region)), this->self_);
  this->counters_.tx_pings++;
  return this->seal_(*slot, writer.written(), {}, this->ping_.region, out);
}

std::optional<Magicsock::Transmit> Magicsock::transmit_ping_(Instant now, Slot &slot, ByteSpan out) {
  while (const auto to = slot.path.take_ping(now)) {
    // What is never pinged is never proved to be a path, wherever it was heard of.
    if (!slot.allowed || !this->can_reach_(*to) || this->keys_.is_overlay_address(to->address))
      continue;
    Bytes<64> payload;
    Writer writer(payload);
    disco::write_ping(writer, this->make_tx_id_(now, slot, *to), this->self_);
    const auto transmit = this->seal_(slot, writer.written(), *to, 0, out);
    if (!transmit)
      continue;
    this->counters_.tx_pings++;
    return transmit;
  }
  return std::nullopt;
}

std::optional<Magicsock::Transmit> Magicsock::transmit_call_(Instant now, Slot &slot, ByteSpan out) {
  if (slot.path.call_due(now) > now)
    return std::nullopt;
  const uint16_t region = this->relay_for_(slot);
  const bool is_possible = slot.allowed && region != 0 && this->state_ == State::ONLINE && !this->own_.all().empty();
  if (is_possible && this->wait_for_stun_(now))
    return std::nullopt;
  slot.path.note_called(now);
  if (!is_possible)
    return std::nullopt;
  FixedVector<Endpoint, MAX_OWN_ENDPOINTS> endpoints;
  for (const OwnEndpoint &own : this->own_.all())
    (void) endpoints.push_back(own.endpoint);
  Bytes<2 + MAX_OWN_ENDPOINTS * 18> payload;
  Writer writer(payload);
  disco::write_call_me_maybe(writer, {endpoints.begin(), endpoints.size()});
  const auto transmit = this->seal_(slot, writer.written(), {}, region, out);
  if (transmit)
    this->counters_.tx_call_me_maybe++;
  return transmit;
}

bool Magicsock::is_fresh_(Instant now) const {
  return this->netcheck_.state() == netcheck::Netcheck::State::STOPPED ||
         this->netcheck_.nat() == NatKind::UDP_BLOCKED || now - this->refreshed_ < ENDPOINTS_FRESH;
}

/// Whether a CallMeMaybe had better wait until STUN told our present address. Asks if nobody did.
bool Magicsock::wait_for_stun_(Instant now) {
  if (this->is_fresh_(now))
    return false;
  if (now - this->refresh_until_ >= STUN_RETRY) {
    this->refresh_until_ = now + REFRESH_PATIENCE;
    this->netcheck_.refresh(now);
  }
  return now < this->refresh_until_;
}

std::optional<Magicsock::Transmit> Magicsock::seal_(Slot &slot, ByteView payload, const Endpoint &to, uint16_t region,
                                                    ByteSpan out) {
  if (!this->ensure_box_(slot))
    return std::nullopt;
  const auto size = disco::seal(slot.box, this->disco_.public_key(), this->random_, payload, out);
  if (!size)
    return std::nullopt;
  if (region != 0)
    return Transmit{.kind = Transmit::Kind::RELAY, .size = *size, .region = region, .peer = *this->node_key_(slot)};
  return Transmit{.kind = Transmit::Kind::UDP, .size = *size, .to = to};
}

}  // namespace microlink::magicsock
