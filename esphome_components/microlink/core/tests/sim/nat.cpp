// SPDX-License-Identifier: MIT
#include "tests/sim/nat.h"

namespace microlink::sim {

std::optional<Endpoint> Nat::translate_out(Instant now, const Endpoint &inside, const Endpoint &to) {
  if (this->model == NatModel::BLOCKED)
    return std::nullopt;
  if (this->model == NatModel::LAN)
    return inside;
  this->expire_(now);
  Mapping *mapping = this->find_(inside, to);
  if (mapping == nullptr) {
    uint16_t port = inside.port;
    const bool keep = this->keeps_port_ && this->model != NatModel::HARD;
    while (!keep || this->mappings_.contains(port)) {
      port = static_cast<uint16_t>(20000 + this->random_() % 40000);
      if (!this->mappings_.contains(port))
        break;
    }
    mapping = &(this->mappings_[port] = {.inside = inside, .port = port, .only = to});
  }
  mapping->used = now;
  mapping->opened[to] = now;
  return Endpoint{this->address, mapping->port};
}

std::optional<Endpoint> Nat::translate_in(Instant now, const Endpoint &from, const Endpoint &public_endpoint) {
  if (this->model == NatModel::BLOCKED)
    return std::nullopt;
  if (this->model == NatModel::LAN)
    return public_endpoint;
  this->expire_(now);
  const auto found = this->mappings_.find(public_endpoint.port);
  if (found == this->mappings_.end())
    return std::nullopt;
  Mapping &mapping = found->second;
  if (this->model != NatModel::CONE && !mapping.opened.contains(from))
    return std::nullopt;
  if (mapping.opened.contains(from))
    mapping.opened[from] = now;
  mapping.used = now;
  return mapping.inside;
}

void Nat::rebind() {
  this->mappings_.clear();
  this->keeps_port_ = false;
}

Nat::Mapping *Nat::find_(const Endpoint &inside, const Endpoint &to) {
  for (auto &[port, mapping] : this->mappings_) {
    if (mapping.inside == inside && (this->model != NatModel::HARD || mapping.only == to))
      return &mapping;
  }
  return nullptr;
}

void Nat::expire_(Instant now) {
  std::erase_if(this->mappings_, [&](const auto &entry) { return now - entry.second.used > this->memory; });
  for (auto &[port, mapping] : this->mappings_)
    std::erase_if(mapping.opened, [&](const auto &entry) { return now - entry.second > this->memory; });
}

}  // namespace microlink::sim
