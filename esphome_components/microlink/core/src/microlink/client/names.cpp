// SPDX-License-Identifier: MIT
#include "microlink/ports.h"
#include "microlink/status.h"

namespace microlink {

const char *record_name(Record record) {
  switch (record) {
    case Record::MACHINE_KEY:
      return "machine-key";
    case Record::NODE_KEY:
      return "node-key";
    case Record::PENDING_NODE_KEY:
      return "pending-node-key";
    case Record::CONTROL_KEY:
      return "control-key";
    case Record::RELAY_CACHE:
      return "relay-cache";
    case Record::PEER_CACHE_0:
      return "peer-cache-0";
    case Record::PEER_CACHE_1:
      return "peer-cache-1";
    case Record::PEER_CACHE_2:
      return "peer-cache-2";
    case Record::PEER_CACHE_3:
      return "peer-cache-3";
    case Record::CLOCK:
      return "clock";
    case Record::ALLOWLIST:
      return "allowlist";
    case Record::SELF:
      return "self";
    case Record::DISCO_KEY:
      return "disco-key";
    case Record::PATHS:
      return "paths";
    case Record::UDP_PORT:
      return "udp-port";
    case Record::COUNT:
      break;
  }
  return "?";
}

bool is_secret(Record record) {
  return record == Record::MACHINE_KEY || record == Record::NODE_KEY || record == Record::PENDING_NODE_KEY ||
         record == Record::DISCO_KEY;
}

bool is_for_speed(Record record) {
  switch (record) {
    case Record::CONTROL_KEY:
    case Record::RELAY_CACHE:
    case Record::PEER_CACHE_0:
    case Record::PEER_CACHE_1:
    case Record::PEER_CACHE_2:
    case Record::PEER_CACHE_3:
    case Record::SELF:
    case Record::PATHS:
    case Record::UDP_PORT:
    case Record::DISCO_KEY:  // without it a restart is slower, no more
      return true;
    default:
      return false;
  }
}

const char *state_name(State state) {
  switch (state) {
    case State::STOPPED:
      return "stopped";
    case State::STARTING:
      return "starting";
    case State::NEEDS_LOGIN:
      return "needs-login";
    case State::NEEDS_APPROVAL:
      return "needs-approval";
    case State::CONNECTING:
      return "connecting";
    case State::ONLINE:
      return "online";
    case State::KEY_EXPIRED:
      return "key-expired";
    case State::REJECTED:
      return "rejected";
  }
  return "?";
}

const char *control_state_name(ControlState state) {
  switch (state) {
    case ControlState::OFFLINE:
      return "offline";
    case ControlState::FETCHING_KEY:
      return "fetching-key";
    case ControlState::CONNECTING:
      return "connecting";
    case ControlState::REGISTERING:
      return "registering";
    case ControlState::WAITING_FOR_LOGIN:
      return "waiting-for-login";
    case ControlState::STREAMING:
      return "streaming";
  }
  return "?";
}

const char *allowlist_origin_name(AllowlistOrigin origin) {
  switch (origin) {
    case AllowlistOrigin::CONFIGURED:
      return "configured";
    case AllowlistOrigin::SET:
      return "set";
    case AllowlistOrigin::DAMAGED:
      return "damaged";
  }
  return "?";
}

const char *allowed_peers_problem(Error error) {
  if (error == Error::NO_SPACE)
    return "is one too many: the list takes 16 entries, or 7 node keys";
  return "is no peer: write names, addresses, blocks, tag:NAME or nodekey:KEY, each once, or * alone for everybody";
}
static_assert(MAX_ALLOWED_PEERS == 16 && MAX_ALLOWLIST_BYTES / 33 == 7);

const char *refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::SPOOFED_SOURCE:
      return "spoofed source";
    case Refusal::UNREADABLE:
      return "unreadable";
    case Refusal::FOREIGN_DESTINATION:
      return "foreign destination";
    case Refusal::NO_RULE:
      return "no rule";
    case Refusal::NO_FILTER:
      return "no filter yet";
    case Refusal::NO_IPV6:
      return "no IPv6 here";
    case Refusal::PEER_NOT_ALLOWED:
      return "peer not allowed";
    case Refusal::OUTBOUND_UNKNOWN_PEER:
      return "outbound unknown peer";
    case Refusal::OUTBOUND_MULTICAST:
      return "outbound multicast";
    case Refusal::OUTBOUND_FOREIGN_SOURCE:
      return "outbound foreign source";
    case Refusal::OUTBOUND_UNREADABLE:
      return "outbound unreadable";
    case Refusal::COUNT:
      break;
  }
  return "?";
}

const char *nat_kind_name(NatKind kind) {
  switch (kind) {
    case NatKind::UNKNOWN:
      return "unknown";
    case NatKind::EASY:
      return "easy";
    case NatKind::HARD:
      return "hard";
    case NatKind::UDP_BLOCKED:
      return "udp-blocked";
  }
  return "?";
}

}  // namespace microlink
