// SPDX-License-Identifier: MIT
#include "microlink/magicsock/own_endpoints.h"

namespace microlink::magicsock {

namespace {

bool contains(const OwnEndpoints::All &all, const Endpoint &endpoint) {
  for (const OwnEndpoint &own : all) {
    if (own.endpoint == endpoint)
      return true;
  }
  return false;
}

}  // namespace

bool OwnEndpoints::set_local(std::span<const Endpoint> endpoints, bool fixed_port) {
  const All before = this->all();
  this->local_.clear();
  this->fixed_port_ = fixed_port;
  bool only_loopback = true;
  for (const Endpoint &endpoint : endpoints)
    only_loopback = only_loopback && endpoint.address.is_loopback();
  for (const Endpoint &endpoint : endpoints) {
    const IpAddress &address = endpoint.address;
    // A link-local IPv6 address means nothing without its interface.
    if (!endpoint.is_set() || !address.is_set() || address.is_multicast() ||
        (address.is_v6() && address.is_link_local()) || (address.is_loopback() && !only_loopback))
      continue;
    if (!this->local_.contains(endpoint))
      (void) this->local_.push_back(endpoint);  // more than MAX_LOCAL: ignored
  }
  return this->is_other_set_(before);
}

bool OwnEndpoints::note_reflexive(Instant now, const Endpoint &endpoint) {
  const All before = this->all();
  for (size_t i = this->reflexive_.size(); i-- != 0;) {
    const Endpoint &other = this->reflexive_[i].endpoint;
    // Behind an easy NAT another port of the same family means that the old mapping is gone. A hard one has many.
    const bool is_outdated = this->nat_ != NatKind::HARD && other.address.is_v4() == endpoint.address.is_v4();
    if (other == endpoint || is_outdated)
      this->reflexive_.remove(i);
  }
  if (this->reflexive_.full())
    this->reflexive_.pop_back();
  (void) this->reflexive_.push_back({});
  for (size_t i = this->reflexive_.size() - 1; i != 0; i--)
    this->reflexive_[i] = this->reflexive_[i - 1];
  this->reflexive_[0] = {endpoint, Stamp(now)};
  return this->is_other_set_(before);
}

bool OwnEndpoints::set_nat(NatKind nat) {
  const All before = this->all();
  this->nat_ = nat;
  return this->is_other_set_(before);
}

bool OwnEndpoints::expire(Instant now) {
  const All before = this->all();
  for (size_t i = this->reflexive_.size(); i-- != 0;) {
    if (this->reflexive_[i].seen.age(now) >= MEMORY)
      this->reflexive_.remove(i);
  }
  return this->is_other_set_(before);
}

bool OwnEndpoints::forget_reflexive() {
  const All before = this->all();
  this->reflexive_.clear();
  return this->is_other_set_(before);
}

bool OwnEndpoints::has_ipv4() const {
  for (const Endpoint &endpoint : this->local_) {
    if (endpoint.address.is_v4())
      return true;
  }
  return false;
}

bool OwnEndpoints::has_ipv6() const {
  for (const Endpoint &endpoint : this->local_) {
    if (endpoint.address.is_v6())
      return true;
  }
  return false;
}

Instant OwnEndpoints::next_expiry(Instant now) const {
  Instant soonest = Instant::NEVER;
  for (const Reflexive &reflexive : this->reflexive_)
    soonest = earlier(soonest, reflexive.seen.at(now) + MEMORY);
  return soonest;
}

OwnEndpoints::All OwnEndpoints::all() const {
  All out;
  const auto add = [&out](const Endpoint &endpoint, EndpointType type) {
    if (!contains(out, endpoint))
      (void) out.push_back({endpoint, type});
  };
  for (const Reflexive &reflexive : this->reflexive_)
    add(reflexive.endpoint, EndpointType::STUN);
  if (this->nat_ == NatKind::HARD && this->fixed_port_ && !this->local_.empty()) {
    for (const Reflexive &reflexive : this->reflexive_) {
      if (reflexive.endpoint.address.is_v4())
        add({reflexive.endpoint.address, this->local_[0].port}, EndpointType::STUN_LOCAL_PORT);
    }
  }
  for (const Endpoint &endpoint : this->local_)
    add(endpoint, EndpointType::LOCAL);
  return out;
}

/// The same set in another order is no news.
bool OwnEndpoints::is_other_set_(const All &before) const {
  const All now = this->all();
  if (before.size() != now.size())
    return true;
  for (const OwnEndpoint &own : now) {
    if (!before.contains(own))
      return true;
  }
  return false;
}

}  // namespace microlink::magicsock
