// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/map_parser.h"

namespace microlink::tailcfg {

/// The part of tailcfg.MapResponse that is read, as tables: which keys an object has, and which container a value
/// opens.

/// An open container that is followed. Those from MESSAGE on are objects with known keys, those from REGION_SCORES on
/// are maps, those from PEERS on are arrays.
enum class MapIn : uint8_t {
  NOTHING,
  MESSAGE,
  NODE,
  CHANGE,
  DERP_MAP,
  HOME_PARAMS,
  REGION,
  DERP_NODE,
  RULE,
  DESTINATION,
  PORTS,
  DNS,
  PING,
  DEBUG,
  TKA,
  DISPLAY_MESSAGE,

  REGION_SCORES,
  REGIONS,
  ONLINE_CHANGE,
  FILTERS,
  DISPLAY_MESSAGES,

  PEERS,
  PEERS_CHANGED,
  PEERS_REMOVED,
  CHANGES,
  ADDRESSES,
  ALLOWED_IPS,
  NODE_ENDPOINTS,
  CHANGE_ENDPOINTS,
  TAGS,
  REGION_NODES,
  FILTER,
  SOURCES,
  SOURCE_BITS,
  DESTINATIONS,
  PROTOCOLS,
  CAP_GRANTS,
  DOMAINS,
  HEALTH,
};

/// A value that is read.
enum class MapField : uint8_t {
  IGNORED,
  // of the message
  KEEP_ALIVE,
  PING_REQUEST,
  POP_BROWSER_URL,
  SELF,
  DERP_MAP,
  PEERS,
  PEERS_CHANGED,
  PEERS_REMOVED,
  CHANGES,
  ONLINE_CHANGE,
  DNS_CONFIG,
  DOMAIN,
  PACKET_FILTER,
  PACKET_FILTERS,
  HEALTH,
  DISPLAY_MESSAGES,
  CONTROL_TIME,
  TKA_INFO,
  DEBUG,
  // of a Node
  ID,
  NAME,
  KEY,
  KEY_EXPIRY,
  MACHINE,
  DISCO_KEY,
  ADDRESSES,
  ALLOWED_IPS,
  NODE_ENDPOINTS,
  LEGACY_DERP,
  HOME_DERP,
  CAP,
  TAGS,
  ONLINE,
  EXPIRED,
  MACHINE_AUTHORIZED,
  IS_WIREGUARD_ONLY,
  IS_JAILED,
  KEY_SIGNATURE,
  UNSIGNED_PEERAPI_ONLY,
  // of a PeerChange
  CHANGE_ID,
  CHANGE_DERP,
  CHANGE_CAP,
  CHANGE_ENDPOINTS,
  CHANGE_KEY,
  CHANGE_DISCO_KEY,
  CHANGE_ONLINE,
  CHANGE_KEY_EXPIRY,
  // of the DERP map
  HOME_PARAMS,
  REGION_SCORES,
  REGIONS,
  REGION_ID,
  REGION_CODE,
  REGION_AVOID,
  REGION_NO_MEASURE,
  REGION_NODES,
  RELAY_NAME,
  RELAY_HOST,
  RELAY_CERT,
  RELAY_IPV4,
  RELAY_IPV6,
  RELAY_STUN_PORT,
  RELAY_STUN_ONLY,
  RELAY_DERP_PORT,
  RELAY_INSECURE,
  // of a filter rule
  SOURCES,
  SOURCE_BITS,
  DESTINATIONS,
  PROTOCOLS,
  CAP_GRANTS,
  DESTINATION_IP,
  DESTINATION_BITS,
  PORTS,
  PORT_FIRST,
  PORT_LAST,
  // of other objects
  PROXIED,
  DOMAINS,
  PING_URL,
  PING_IS_NOISE,
  PING_TYPES,
  PING_IP,
  PING_PAYLOAD,
  SLEEP_SECONDS,
  TKA_HEAD,
  TKA_DISABLED,
  TITLE,
  TEXT,
  // entries of maps
  REGION_SCORE,
  REGION,
  ONLINE_ENTRY,
  NAMED_FILTER,
  DISPLAY_MESSAGE,
  // elements of arrays
  PEER,
  CHANGED_PEER,
  REMOVED_ID,
  CHANGE,
  ADDRESS,
  ALLOWED_IP,
  NODE_ENDPOINT,
  CHANGE_ENDPOINT,
  TAG,
  RELAY,
  RULE,
  SOURCE,
  SOURCE_BIT,
  DESTINATION,
  PROTOCOL,
  CAP_GRANT,
  SEARCH_DOMAIN,
  HEALTH_TEXT,
};

inline bool is_object(MapIn in) { return in < MapIn::PEERS; }
inline bool is_map(MapIn in) { return in >= MapIn::REGION_SCORES && in < MapIn::PEERS; }

/// The field that `key` of an object with known keys means; IGNORED for others.
MapField field_of(MapIn in, std::string_view key);
/// The field of a map's entries or an array's elements.
MapField element_of(MapIn in);
/// The container that `field` opens as an object or an array; NOTHING if it is not followed.
MapIn container_of(MapField field, bool object);

}  // namespace microlink::tailcfg
