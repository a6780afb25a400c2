// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/ip.h"
#include "microlink/base/time.h"
#include "microlink/capacity.h"
#include "microlink/keys/keys.h"

namespace microlink::tailcfg {

/// Capability version announced everywhere: /key, Noise prologue, RegisterRequest, MapRequest (tailcfg.go).
constexpr uint16_t CAPABILITY_VERSION = 131;

using NodeId = int64_t;
using NodeName = FixedString<MAX_NODE_NAME_BYTES>;
using Tag = FixedString<MAX_TAG_BYTES>;
using PeerEndpoints = FixedVector<Endpoint, MAX_ENDPOINTS_PER_PEER>;
using AllowedIps = FixedVector<Prefix, MAX_ALLOWED_IPS_PER_PEER>;

/// A Node as it passes by in a map stream (tailcfg.Node), normalised: HomeDERP from the legacy DERP string, AllowedIPs
/// from Addresses where they are missing or UnsignedPeerAPIOnly says so.
struct Node {
  NodeId id{0};
  NodeName name;  ///< FQDN, lower case, without the trailing dot
  NodePublic key{};
  MachinePublic machine{};
  DiscoPublic disco_key{};
  FixedVector<Prefix, 2> addresses;
  AllowedIps allowed_ips;
  PeerEndpoints endpoints;
  FixedVector<Tag, MAX_TAGS_PER_NODE> tags;
  WallTime key_expiry{WallTime::UNKNOWN};  ///< UNKNOWN = never
  uint16_t home_derp{0};
  uint16_t cap{0};
  std::optional<bool> online;
  bool expired{false};
  bool machine_authorized{false};
  bool is_wireguard_only{false};
  bool is_jailed{false};
  bool unsigned_peerapi_only{false};
  bool is_signed{false};  ///< has a KeySignature; whether it is good is not looked at
};

/// Fields of PeersChangedPatch (tailcfg.PeerChange); what is empty is unchanged.
struct PeerChange {
  NodeId id{0};
  std::optional<uint16_t> home_derp;
  std::optional<uint16_t> cap;
  std::optional<PeerEndpoints> endpoints;
  std::optional<NodePublic> key;
  std::optional<DiscoPublic> disco_key;
  std::optional<bool> online;
  std::optional<WallTime> key_expiry;
};

/// One relay (tailcfg.DERPNode).
struct DerpNode {
  FixedString<24> name;
  FixedString<MAX_HOST_BYTES> host_name;  ///< may be empty: then host and port of the control URL
  FixedString<MAX_HOST_BYTES> cert_name;  ///< another name for verification, or "sha256-raw:<64 hex>"
  IpAddress ipv4{};
  IpAddress ipv6{};
  bool no_ipv4{false};  ///< the map says "none": do not ask DNS either
  bool no_ipv6{false};
  uint16_t derp_port{0};  ///< 0 = 443
  int32_t stun_port{0};   ///< 0 = 3478, -1 = no STUN
  bool stun_only{false};
  bool insecure_for_tests{false};
  bool operator==(const DerpNode &) const = default;
};

/// One region (tailcfg.DERPRegion).
struct DerpRegion {
  uint16_t id{0};
  FixedString<16> code;
  bool avoid{false};
  bool no_measure_no_home{false};
  FixedVector<DerpNode, MAX_NODES_PER_REGION> nodes;
  bool operator==(const DerpRegion &) const = default;
};

/// A source or destination of a filter rule: inclusive, one family; `any` is "*".
struct AddressRange {
  IpAddress first{};
  IpAddress last{};
  bool any{false};
};

struct PortRange {
  uint16_t first{0};
  uint16_t last{65535};
};

}  // namespace microlink::tailcfg
