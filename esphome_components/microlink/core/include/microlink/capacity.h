// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

/// Capacities of the core. Those with a MICROLINK_… macro may be changed, by ESPHome from YAML; what each costs is in
/// docs/memory.md. With each stands what happens when it is full. Capacities of one module alone stand in its header.

#ifndef MICROLINK_MAX_PEERS
#define MICROLINK_MAX_PEERS 16
#endif
#ifndef MICROLINK_MAX_HANDSHAKES
#define MICROLINK_MAX_HANDSHAKES 4
#endif
#ifndef MICROLINK_PACKET_QUEUE_BYTES
#define MICROLINK_PACKET_QUEUE_BYTES 1408
#endif
#ifndef MICROLINK_DERP_DATA_QUEUE_BYTES
#define MICROLINK_DERP_DATA_QUEUE_BYTES 2816
#endif
#ifndef MICROLINK_DERP_DISCO_QUEUE_BYTES
#define MICROLINK_DERP_DISCO_QUEUE_BYTES 512
#endif
#ifndef MICROLINK_MAX_DERP_REGIONS
#define MICROLINK_MAX_DERP_REGIONS 4
#endif
#ifndef MICROLINK_MAX_RETURN_FLOWS
#if defined(__linux__) && UINTPTR_MAX > UINT32_MAX
#define MICROLINK_MAX_RETURN_FLOWS 512  // a computer has room
#else
#define MICROLINK_MAX_RETURN_FLOWS 32
#endif
#endif

namespace microlink {

/// Peers in the table. Full: pinned > live session > wanted > cached > online (ADR 0004); others wait for a poll.
constexpr size_t MAX_PEERS = MICROLINK_MAX_PEERS;
/// UDP candidates kept of one peer. Full: further ones are ignored; learnt ones replace the oldest learnt.
constexpr size_t MAX_ENDPOINTS_PER_PEER = 6;
/// Allowed IPs kept of one peer. Full: further subnet routes are ignored (less reach, never more).
constexpr size_t MAX_ALLOWED_IPS_PER_PEER = 4;
/// Node names (FQDN without the trailing dot). Longer: cut, and not resolvable by name; the node is reached by address
/// all the same.
constexpr size_t MAX_NODE_NAME_BYTES = 64;
/// Names of the peers in the table together; the end that those of the own tailnet share counts once. Full: cut, and
/// not resolvable by name.
constexpr size_t NAME_TABLE_BYTES = 28 * MAX_PEERS + 64;
/// Entries of the list of allowed peers. More: the list is refused.
constexpr size_t MAX_ALLOWED_PEERS = 16;
/// The same list packed: a name or tag takes its length and 2, a node key 33, an address 6 or 18. More: refused.
constexpr size_t MAX_ALLOWLIST_BYTES = 232;
/// Tags read of one node while it passes by. More: ignored.
constexpr size_t MAX_TAGS_PER_NODE = 8;
/// A tag. Longer: cut, and selects nobody.
constexpr size_t MAX_TAG_BYTES = 40;
/// DERP regions kept: home, needed and nearest (ADR 0005). Full: the farthest goes.
constexpr size_t MAX_DERP_REGIONS = MICROLINK_MAX_DERP_REGIONS;
/// Relays of one region kept, in the DERP map's order. More: ignored.
constexpr size_t MAX_NODES_PER_REGION = 2;
/// Texts of one region's relays together: names, hosts, names or pins of certificates. Full: the relay is left out.
constexpr size_t RELAY_TEXT_BYTES = 144;
/// Host names. Longer ones of the DERP map: cut, and cannot be reached.
constexpr size_t MAX_HOST_BYTES = 80;
/// URLs: control's, and those that it sends. Longer: refused.
constexpr size_t MAX_URL_BYTES = 192;
/// Own endpoints announced to control and in CallMeMaybe. More: ignored.
constexpr size_t MAX_OWN_ENDPOINTS = 8;
/// Nesting of JSON that is followed. Deeper: the message is refused.
constexpr size_t JSON_MAX_DEPTH = 12;
/// A JSON string or number that is looked at. Longer: cut, and marked as cut.
constexpr size_t JSON_MAX_TEXT_BYTES = 256;
/// MTU of the overlay interface (WireGuard inner packet).
constexpr size_t OVERLAY_MTU = 1280;
/// The largest WireGuard message that carries OVERLAY_MTU bytes: 16 header, payload padded to 16, 16 tag.
constexpr size_t MAX_WIREGUARD_BYTES = 16 + OVERLAY_MTU + 16;

/// WireGuard initiations of ours under way at once. Full: further peers wait for a place; one that was answered or
/// was repeated once gives its place away. As many answers of ours to peers that have not used the keys yet (full: the
/// caller tries again), and old keys with which packets may still be under way (full: the oldest go).
constexpr size_t MAX_HANDSHAKES = MICROLINK_MAX_HANDSHAKES;
/// Packets that wait for a WireGuard session, of all peers together, 3 bytes more each: one of full length or many
/// short ones, as connections begin with. Full: the oldest go.
constexpr size_t PACKET_QUEUE_BYTES = MICROLINK_PACKET_QUEUE_BYTES;

/// UDP and SCTP flows whose answers may come in, whatever the tailnet's rules say; on 64-bit Linux 512. Full: the one
/// that was silent for longest goes, first those whose answers a rule lets in anyway; others are let in again when this
/// node sends.
constexpr size_t MAX_RETURN_FLOWS = MICROLINK_MAX_RETURN_FLOWS;
/// Packets waiting for relays, of all relay connections together: two of full length. Full: the oldest goes, except one
/// that is on its way.
constexpr size_t DERP_DATA_QUEUE_BYTES = MICROLINK_DERP_DATA_QUEUE_BYTES;
/// DISCO has its own room, so that a full pipe cannot starve path discovery: two or three messages.
constexpr size_t DERP_DISCO_QUEUE_BYTES = MICROLINK_DERP_DISCO_QUEUE_BYTES;

/// What a whole client may take on a 32-bit chip without TLS's own memory. docs/memory.md tells what it is made of.
constexpr size_t CLIENT_BUDGET_BYTES = 17'664 + MAX_PEERS * 786 + MAX_HANDSHAKES * 488 + PACKET_QUEUE_BYTES +
                                       MAX_RETURN_FLOWS * 24 + MAX_DERP_REGIONS * 388 + DERP_DATA_QUEUE_BYTES +
                                       DERP_DISCO_QUEUE_BYTES;

}  // namespace microlink
