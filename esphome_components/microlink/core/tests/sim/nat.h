// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <random>

#include "microlink/base/ip.h"
#include "microlink/base/time.h"

namespace microlink::sim {

/// How a site is connected to the internet.
enum class NatModel {
  LAN,      ///< no NAT: its hosts have public addresses
  CONE,     ///< one mapping for each host, open to everybody
  EASY,     ///< one mapping for each host, open to those that the host sent to
  HARD,     ///< a mapping for each destination, open to that one
  BLOCKED,  ///< no UDP at all
};

/// The translation of one site. Mappings and filters forget what was not used for `memory`.
class Nat {
 public:
  Nat(NatModel model, IpAddress address, std::mt19937 &random) : model(model), address(address), random_(random) {}

  /// The public source of a datagram that `inside` sends to `to`; empty = dropped.
  std::optional<Endpoint> translate_out(Instant now, const Endpoint &inside, const Endpoint &to);
  /// The inner destination of a datagram that arrives from `from` at `public_endpoint`; empty = dropped.
  std::optional<Endpoint> translate_in(Instant now, const Endpoint &from, const Endpoint &public_endpoint);
  /// Forget all mappings; the next ones get other ports.
  void rebind();

  NatModel model;
  IpAddress address;
  Duration memory{seconds(120)};

 private:
  struct Mapping {
    Endpoint inside;
    uint16_t port;
    Endpoint only;  ///< HARD: the one destination
    Instant used;
    std::map<Endpoint, Instant> opened;
  };
  Mapping *find_(const Endpoint &inside, const Endpoint &to);
  void expire_(Instant now);

  std::map<uint16_t, Mapping> mappings_;
  std::mt19937 &random_;
  bool keeps_port_{true};
};

}  // namespace microlink::sim
