// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/map_schema.h"

namespace microlink::tailcfg {

namespace {

struct Key {
  std::string_view name;
  MapField field;
};

constexpr Key MESSAGE_KEYS[] = {
    {"KeepAlive", MapField::KEEP_ALIVE},
    {"PingRequest", MapField::PING_REQUEST},
    {"PopBrowserURL", MapField::POP_BROWSER_URL},
    {"Node", MapField::SELF},
    {"DERPMap", MapField::DERP_MAP},
    {"Peers", MapField::PEERS},
    {"PeersChanged", MapField::PEERS_CHANGED},
    {"PeersRemoved", MapField::PEERS_REMOVED},
    {"PeersChangedPatch", MapField::CHANGES},
    {"OnlineChange", MapField::ONLINE_CHANGE},
    {"DNSConfig", MapField::DNS_CONFIG},
    {"Domain", MapField::DOMAIN},
    {"PacketFilter", MapField::PACKET_FILTER},
    {"PacketFilters", MapField::PACKET_FILTERS},
    {"Health", MapField::HEALTH},
    {"DisplayMessages", MapField::DISPLAY_MESSAGES},
    {"ControlTime", MapField::CONTROL_TIME},
    {"TKAInfo", MapField::TKA_INFO},
    {"Debug", MapField::DEBUG},
};

constexpr Key NODE_KEYS[] = {
    {"ID", MapField::ID},
    {"Name", MapField::NAME},
    {"Key", MapField::KEY},
    {"KeyExpiry", MapField::KEY_EXPIRY},
    {"Machine", MapField::MACHINE},
    {"DiscoKey", MapField::DISCO_KEY},
    {"Addresses", MapField::ADDRESSES},
    {"AllowedIPs", MapField::ALLOWED_IPS},
    {"Endpoints", MapField::NODE_ENDPOINTS},
    {"DERP", MapField::LEGACY_DERP},
    {"HomeDERP", MapField::HOME_DERP},
    {"Cap", MapField::CAP},
    {"Tags", MapField::TAGS},
    {"Online", MapField::ONLINE},
    {"Expired", MapField::EXPIRED},
    {"MachineAuthorized", MapField::MACHINE_AUTHORIZED},
    {"IsWireGuardOnly", MapField::IS_WIREGUARD_ONLY},
    {"IsJailed", MapField::IS_JAILED},
    {"KeySignature", MapField::KEY_SIGNATURE},
    {"UnsignedPeerAPIOnly", MapField::UNSIGNED_PEERAPI_ONLY},
};

constexpr Key CHANGE_KEYS[] = {
    {"NodeID", MapField::CHANGE_ID},     {"DERPRegion", MapField::CHANGE_DERP},
    {"Cap", MapField::CHANGE_CAP},       {"Endpoints", MapField::CHANGE_ENDPOINTS},
    {"Key", MapField::CHANGE_KEY},       {"DiscoKey", MapField::CHANGE_DISCO_KEY},
    {"Online", MapField::CHANGE_ONLINE}, {"KeyExpiry", MapField::CHANGE_KEY_EXPIRY},
};

constexpr Key DERP_MAP_KEYS[] = {{"HomeParams", MapField::HOME_PARAMS}, {"Regions", MapField::REGIONS}};
constexpr Key HOME_PARAMS_KEYS[] = {{"RegionScore", MapField::REGION_SCORES}};

constexpr Key REGION_KEYS[] = {
    {"RegionID", MapField::REGION_ID}, {"RegionCode", MapField::REGION_CODE},
    {"Avoid", MapField::REGION_AVOID}, {"NoMeasureNoHome", MapField::REGION_NO_MEASURE},
    {"Nodes", MapField::REGION_NODES},
};

constexpr Key DERP_NODE_KEYS[] = {
    {"Name", MapField::RELAY_NAME},
    {"HostName", MapField::RELAY_HOST},
    {"CertName", MapField::RELAY_CERT},
    {"IPv4", MapField::RELAY_IPV4},
    {"IPv6", MapField::RELAY_IPV6},
    {"STUNPort", MapField::RELAY_STUN_PORT},
    {"STUNOnly", MapField::RELAY_STUN_ONLY},
    {"DERPPort", MapField::RELAY_DERP_PORT},
    {"InsecureForTests", MapField::RELAY_INSECURE},
};

constexpr Key RULE_KEYS[] = {
    {"SrcIPs", MapField::SOURCES},    {"SrcBits", MapField::SOURCE_BITS}, {"DstPorts", MapField::DESTINATIONS},
    {"IPProto", MapField::PROTOCOLS}, {"CapGrant", MapField::CAP_GRANTS},
};

constexpr Key DESTINATION_KEYS[] = {
    {"IP", MapField::DESTINATION_IP}, {"Bits", MapField::DESTINATION_BITS}, {"Ports", MapField::PORTS}};
constexpr Key PORTS_KEYS[] = {{"First", MapField::PORT_FIRST}, {"Last", MapField::PORT_LAST}};
constexpr Key DNS_KEYS[] = {{"Proxied", MapField::PROXIED}, {"Domains", MapField::DOMAINS}};

constexpr Key PING_KEYS[] = {
    {"URL", MapField::PING_URL}, {"URLIsNoise", MapField::PING_IS_NOISE}, {"Types", MapField::PING_TYPES},
    {"IP", MapField::PING_IP},   {"Payload", MapField::PING_PAYLOAD},
};

constexpr Key DEBUG_KEYS[] = {{"SleepSeconds", MapField::SLEEP_SECONDS}};
constexpr Key TKA_KEYS[] = {{"Head", MapField::TKA_HEAD}, {"Disabled", MapField::TKA_DISABLED}};
constexpr Key DISPLAY_MESSAGE_KEYS[] = {{"Title", MapField::TITLE}, {"Text", MapField::TEXT}};

std::span<const Key> keys_of(MapIn in) {
  switch (in) {
    case MapIn::MESSAGE:
      return MESSAGE_KEYS;
    case MapIn::NODE:
      return NODE_KEYS;
    case MapIn::CHANGE:
      return CHANGE_KEYS;
    case MapIn::DERP_MAP:
      return DERP_MAP_KEYS;
    case MapIn::HOME_PARAMS:
      return HOME_PARAMS_KEYS;
    case MapIn::REGION:
      return REGION_KEYS;
    case MapIn::DERP_NODE:
      return DERP_NODE_KEYS;
    case MapIn::RULE:
      return RULE_KEYS;
    case MapIn::DESTINATION:
      return DESTINATION_KEYS;
    case MapIn::PORTS:
      return PORTS_KEYS;
    case MapIn::DNS:
      return DNS_KEYS;
    case MapIn::PING:
      return PING_KEYS;
    case MapIn::DEBUG:
      return DEBUG_KEYS;
    case MapIn::TKA:
      return TKA_KEYS;
    case MapIn::DISPLAY_MESSAGE:
      return DISPLAY_MESSAGE_KEYS;
    default:
      return {};
  }
}

struct Container {
  MapField field;
  MapIn in;
  MapField element;  ///< of maps and arrays
};

constexpr Container CONTAINERS[] = {
    {MapField::SELF, MapIn::NODE, {}},
    {MapField::PEER, MapIn::NODE, {}},
    {MapField::CHANGED_PEER, MapIn::NODE, {}},
    {MapField::CHANGE, MapIn::CHANGE, {}},
    {MapField::DERP_MAP, MapIn::DERP_MAP, {}},
    {MapField::HOME_PARAMS, MapIn::HOME_PARAMS, {}},
    {MapField::REGION, MapIn::REGION, {}},
    {MapField::RELAY, MapIn::DERP_NODE, {}},
    {MapField::RULE, MapIn::RULE, {}},
    {MapField::DESTINATION, MapIn::DESTINATION, {}},
    {MapField::PORTS, MapIn::PORTS, {}},
    {MapField::DNS_CONFIG, MapIn::DNS, {}},
    {MapField::PING_REQUEST, MapIn::PING, {}},
    {MapField::DEBUG, MapIn::DEBUG, {}},
    {MapField::TKA_INFO, MapIn::TKA, {}},
    {MapField::DISPLAY_MESSAGE, MapIn::DISPLAY_MESSAGE, {}},
    {MapField::REGION_SCORES, MapIn::REGION_SCORES, MapField::REGION_SCORE},
    {MapField::REGIONS, MapIn::REGIONS, MapField::REGION},
    {MapField::ONLINE_CHANGE, MapIn::ONLINE_CHANGE, MapField::ONLINE_ENTRY},
    {MapField::PACKET_FILTERS, MapIn::FILTERS, MapField::NAMED_FILTER},
    {MapField::DISPLAY_MESSAGES, MapIn::DISPLAY_MESSAGES, MapField::DISPLAY_MESSAGE},
    {MapField::PEERS, MapIn::PEERS, MapField::PEER},
    {MapField::PEERS_CHANGED, MapIn::PEERS_CHANGED, MapField::CHANGED_PEER},
    {MapField::PEERS_REMOVED, MapIn::PEERS_REMOVED, MapField::REMOVED_ID},
    {MapField::CHANGES, MapIn::CHANGES, MapField::CHANGE},
    {MapField::ADDRESSES, MapIn::ADDRESSES, MapField::ADDRESS},
    {MapField::ALLOWED_IPS, MapIn::ALLOWED_IPS, MapField::ALLOWED_IP},
    {MapField::NODE_ENDPOINTS, MapIn::NODE_ENDPOINTS, MapField::NODE_ENDPOINT},
    {MapField::CHANGE_ENDPOINTS, MapIn::CHANGE_ENDPOINTS, MapField::CHANGE_ENDPOINT},
    {MapField::TAGS, MapIn::TAGS, MapField::TAG},
    {MapField::REGION_NODES, MapIn::REGION_NODES, MapField::RELAY},
    {MapField::PACKET_FILTER, MapIn::FILTER, MapField::RULE},
    {MapField::NAMED_FILTER, MapIn::FILTER, MapField::RULE},
    {MapField::SOURCES, MapIn::SOURCES, MapField::SOURCE},
    {MapField::SOURCE_BITS, MapIn::SOURCE_BITS, MapField::SOURCE_BIT},
    {MapField::DESTINATIONS, MapIn::DESTINATIONS, MapField::DESTINATION},
    {MapField::PROTOCOLS, MapIn::PROTOCOLS, MapField::PROTOCOL},
    {MapField::CAP_GRANTS, MapIn::CAP_GRANTS, MapField::CAP_GRANT},
    {MapField::DOMAINS, MapIn::DOMAINS, MapField::SEARCH_DOMAIN},
    {MapField::HEALTH, MapIn::HEALTH, MapField::HEALTH_TEXT},
};

}  // namespace

MapField field_of(MapIn in, std::string_view key) {
  for (const Key &known : keys_of(in)) {
    if (known.name == key)
      return known.field;
  }
  return MapField::IGNORED;
}

MapField element_of(MapIn in) {
  for (const Container &container : CONTAINERS) {
    if (container.in == in)
      return container.element;
  }
  return MapField::IGNORED;
}

MapIn container_of(MapField field, bool object) {
  for (const Container &container : CONTAINERS) {
    if (container.field == field)
      return is_object(container.in) == object ? container.in : MapIn::NOTHING;
  }
  return MapIn::NOTHING;
}

}  // namespace microlink::tailcfg
