// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/fixed_string.h"
#include "microlink/base/fixed_vector.h"
#include "microlink/base/ip.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"
#include "microlink/capacity.h"
#include "microlink/keys/keys.h"

namespace microlink {

/// The node as a whole. ONLINE is said only while it was observed: the map stream is alive and the home relay is
/// logged in.
enum class State : uint8_t {
  STOPPED,
  STARTING,        ///< no network yet, or control has not answered yet
  NEEDS_LOGIN,     ///< a person must open Status::login_url, or an auth key is needed
  NEEDS_APPROVAL,  ///< registered; an admin must approve the device
  CONNECTING,      ///< registered; map stream or relay are not both up (data may flow all the same)
  ONLINE,
  KEY_EXPIRED,
  REJECTED,  ///< control says no for good; see Status::message
};
const char *state_name(State state);

enum class ControlState : uint8_t { OFFLINE, FETCHING_KEY, CONNECTING, REGISTERING, WAITING_FOR_LOGIN, STREAMING };
const char *control_state_name(ControlState state);

enum class NatKind : uint8_t { UNKNOWN, EASY, HARD, UDP_BLOCKED };
const char *nat_kind_name(NatKind kind);

/// Where the list of allowed peers comes from.
enum class AllowlistOrigin : uint8_t {
  CONFIGURED,
  SET,      ///< by Client::set_allowed_peers(), in this run or an earlier one
  DAMAGED,  ///< it cannot be read: nobody is allowed until it is set again
};
const char *allowlist_origin_name(AllowlistOrigin origin);
/// What Client::check_allowed_peers() found wrong with an entry, as the rest of a sentence that begins with it.
const char *allowed_peers_problem(Error error);

/// Why an IP packet did not pass between the tunnel and this node. Inbound ones were decrypted before.
enum class Refusal : uint8_t {
  SPOOFED_SOURCE,       ///< inbound: the source is not the peer's own
  UNREADABLE,           ///< inbound: no IP packet, or headers that contradict each other
  FOREIGN_DESTINATION,  ///< inbound: to somebody else; multicast and link-local too
  NO_RULE,              ///< inbound: no rule of the tailnet permits it
  NO_FILTER,            ///< inbound: control has not sent the rules yet
  NO_IPV6,              ///< inbound: permitted, but the stack here has no IPv6
  PEER_NOT_ALLOWED,     ///< either way: the list of allowed peers, or an expired key
  OUTBOUND_UNKNOWN_PEER,
  OUTBOUND_MULTICAST,  ///< link-local too: systems send it by themselves
  OUTBOUND_FOREIGN_SOURCE,
  OUTBOUND_UNREADABLE,
  COUNT
};
const char *refusal_name(Refusal refusal);

/// A snapshot. Views are valid until the next call of the client that is not const.
struct Status {
  State state{State::STOPPED};
  ControlState control{ControlState::OFFLINE};
  bool relay_connected{false};
  uint16_t home_derp{0};
  FixedString<16> home_derp_code;
  NatKind nat{NatKind::UNKNOWN};
  std::string_view login_url;
  std::string_view message;  ///< one line: what is wrong and what to do
  FixedString<MAX_NODE_NAME_BYTES> name;
  FixedString<MAX_NODE_NAME_BYTES> domain;
  IpAddress ipv4{};
  IpAddress ipv6{};
  NodePublic node_key{};
  WallTime key_expiry{WallTime::UNKNOWN};
  bool tailnet_lock{false};
  FixedVector<Endpoint, MAX_OWN_ENDPOINTS> endpoints;
  size_t peers_in_table{0};
  uint32_t peers_in_tailnet{0};
  bool everybody_allowed{true};  ///< else the `allowed_peers` entries say who is, see Client::allowed_peer()
  size_t allowed_peers{0};
  AllowlistOrigin allowlist_origin{AllowlistOrigin::CONFIGURED};
  /// False if some of the tailnet's rules found no room or name what only control knows: what they permit is denied.
  bool filter_complete{true};
};

struct PeerStatus {
  FixedString<MAX_NODE_NAME_BYTES> name;
  NodePublic node_key{};
  IpAddress ipv4{};
  IpAddress ipv6{};
  std::optional<bool> online;
  bool allowed{true};   ///< may talk with this node: the list allows it, and neither's key has expired
  bool expired{false};  ///< its key has
  uint16_t home_derp{0};
  Endpoint direct{};  ///< the direct path in use; unset = relayed
  std::optional<Duration> latency;
  std::optional<Duration> handshake_age;
  uint64_t rx_bytes{0};
  uint64_t tx_bytes{0};
};

struct Statistics {
  uint64_t rx_packets{0};
  uint64_t tx_packets{0};
  uint32_t rx_dropped[static_cast<size_t>(Error::COUNT)]{};  ///< messages from the network
  uint32_t refused[static_cast<size_t>(Refusal::COUNT)]{};   ///< IP packets
  uint64_t map_bytes{0};
  uint32_t map_polls{0};
  uint32_t control_connects{0};
  uint32_t relay_connects{0};
};

}  // namespace microlink
