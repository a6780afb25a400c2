// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/hostinfo.h"

namespace microlink::tailcfg {

/// Where an own endpoint is known from (tailcfg.EndpointType).
enum class EndpointType : uint8_t {
  UNKNOWN = 0,
  LOCAL = 1,
  STUN = 2,
  PORT_MAPPED = 3,
  STUN_LOCAL_PORT = 4,
  EXPLICIT = 5
};

struct OwnEndpoint {
  Endpoint endpoint{};
  EndpointType type{EndpointType::UNKNOWN};
  bool operator==(const OwnEndpoint &) const = default;
};

/// Body of POST /machine/map (tailcfg.MapRequest). Views must live until write() returns.
///
/// A streaming poll (stream) and an update (omit_peers) carry the same values: servers differ in which of the two they
/// believe, and a missing disco key or endpoint overwrites what was stored (02 §1.2).
struct MapRequest {
  NodePublic node_key{};
  DiscoPublic disco_key{};
  Hostinfo hostinfo;
  std::span<const OwnEndpoint> endpoints;
  bool stream{false};      ///< long poll; KeepAlive is asked for with it
  bool omit_peers{false};  ///< update: only the HTTP status of the answer counts

  /// JSON into `out`: how many bytes. NO_SPACE if it does not fit; 2,048 bytes are enough for MAX_OWN_ENDPOINTS.
  Result<size_t> write(ByteSpan out) const;
  void write(json::Writer &json) const;
};

}  // namespace microlink::tailcfg
