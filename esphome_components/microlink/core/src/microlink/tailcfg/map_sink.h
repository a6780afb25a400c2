// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::tailcfg {

/// Receives a map stream piece by piece, in the order in which it passes by; nothing is ever held as a whole message.
///
/// The parser promises balanced begin/end calls, also when it fails inside (then aborted() ends everything). References
/// and views are valid during the call. The sink's own order of application (02 §2: Peers, or Removed → Changed → Seen
/// → Online → Patch) matters only for keys of one message that contradict each other; servers send them in an order
/// that works as it comes.
class MapSink {
 public:
  virtual ~MapSink() = default;

  /// What follows is a new stream: its first message with a self node is the whole truth, also in what it leaves out.
  virtual void stream_begin() {}
  virtual void message_begin() {}
  /// The message was read to its end; `keep_alive` messages carry nothing else that counts.
  virtual void message_end([[maybe_unused]] bool keep_alive) {}
  /// The stream is broken: what this message already said stays applied, no further call follows.
  virtual void aborted() {}

  virtual void self_node([[maybe_unused]] const Node &node) {}

  /// Peers: a full replacement; every peer that was not in it has gone. Not called for an empty list.
  virtual void peers_begin() {}
  virtual void peer([[maybe_unused]] const Node &node) {}  ///< of Peers, and of PeersChanged (outside begin/end)
  virtual void peers_end() {}
  virtual void peer_removed([[maybe_unused]] NodeId id) {}
  virtual void peer_patched([[maybe_unused]] const PeerChange &change) {}
  virtual void peer_online([[maybe_unused]] NodeId id, [[maybe_unused]] bool online) {}  ///< OnlineChange

  /// DERPMap.Regions: the complete new set.
  virtual void derp_regions_begin() {}
  virtual void derp_region([[maybe_unused]] const DerpRegion &region) {}
  virtual void derp_regions_end() {}
  /// HomeParams.RegionScore: `reset` once first when it is present, then each score in thousandths.
  virtual void region_scores_reset() {}
  virtual void region_score([[maybe_unused]] uint16_t region, [[maybe_unused]] uint32_t thousandths) {}

  /// PacketFilter ("base") and PacketFilters. filters_begin: PacketFilters starts. filters_clear is "*": null; it drops
  /// every filter except those that came since filters_begin (in JSON it may come after them, yet it counts first). A
  /// named filter: begin, rules, end, replacing the filter of that name; filter_removed is name: null.
  virtual void filters_begin() {}
  virtual void filters_clear() {}
  virtual void filter_removed([[maybe_unused]] std::string_view name) {}
  virtual void filter_begin([[maybe_unused]] std::string_view name) {}
  virtual void filter_end() {}
  /// Within a rule the three lists may come in any order. A rule that must not permit packets (CapGrant, unreadable,
  /// obsolete SrcBits/Bits) ends with valid = false; SrcBits/Bits make `poisoned` true: then nothing is permitted at
  /// all.
  virtual void rule_begin() {}
  virtual void rule_source([[maybe_unused]] const AddressRange &source) {}
  virtual void rule_source_capability([[maybe_unused]] std::string_view name) {}  ///< "cap:<name>"
  virtual void rule_destination([[maybe_unused]] const AddressRange &to, [[maybe_unused]] PortRange ports) {}
  virtual void rule_protocol([[maybe_unused]] uint8_t protocol) {}
  virtual void rule_end([[maybe_unused]] bool valid, [[maybe_unused]] bool poisoned) {}

  /// Domain; and DNSConfig.Domains[0], DNSConfig.Proxied.
  virtual void domain([[maybe_unused]] std::string_view name) {}
  virtual void dns_config([[maybe_unused]] bool magic_dns, [[maybe_unused]] std::string_view suffix) {}

  virtual void control_time([[maybe_unused]] WallTime now) {}
  /// Health (each entry) and DisplayMessages ("title: text"). health_begin says that a new complete list follows; it is
  /// called for Health and for "*": null. `id` is the same for the same display message and for all entries of Health;
  /// health_removed says that a display message is over.
  virtual void health_begin() {}
  virtual void health([[maybe_unused]] std::string_view text, [[maybe_unused]] uint32_t id) {}
  virtual void health_removed([[maybe_unused]] uint32_t id) {}
  /// PingRequest: url is up to MAX_URL_BYTES; types as in the message ("" = HEAD); payload undecoded base64, maybe cut.
  virtual void ping_request([[maybe_unused]] std::string_view url, [[maybe_unused]] bool is_noise,
                            [[maybe_unused]] std::string_view types, [[maybe_unused]] std::string_view ip,
                            [[maybe_unused]] std::string_view payload) {}
  virtual void pop_browser_url([[maybe_unused]] std::string_view url) {}
  /// Debug.SleepSeconds.
  virtual void sleep_request([[maybe_unused]] Duration time) {}
  /// TKAInfo: tailnet lock is on (head is set) or off.
  virtual void tailnet_lock([[maybe_unused]] bool enabled) {}
};

}  // namespace microlink::tailcfg
