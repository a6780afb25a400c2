// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/base/engine.h"
#include "microlink/base/ring_buffer.h"
#include "microlink/keys/peer_keys.h"
#include "microlink/netmap/allowlist.h"
#include "microlink/netmap/name_table.h"
#include "microlink/netmap/peer.h"
#include "microlink/netmap/regions.h"
#include "microlink/netmap/wants.h"
#include "microlink/tailcfg/types.h"

namespace microlink::netmap {

/// Events that wait for poll_event(). Full: RESYNC takes their place.
constexpr size_t MAX_NETMAP_EVENTS = 2 * MAX_PEERS + 8;
/// A record of cached peers for a warm start, as ports store them.
constexpr size_t MAX_CACHE_RECORD_BYTES = 255;

/// The node's view of the tailnet in constant memory: self, a table of MAX_PEERS peers, the DERP regions that matter,
/// names. Applies full maps by mark and sweep, and deltas; tells what changed. Fed by tailcfg::MapSink's calls, which
/// `client` passes on. Endpoints of peers are not kept here: magicsock has them, and `client` passes them on to it.
class Netmap final : public PeerKeys {
 public:
  // What a map stream says; the names and their order are MapSink's.
  void message_begin();
  void message_end(bool keep_alive);
  void aborted();
  void self_node(const tailcfg::Node &node);
  void peers_begin();
  void peer(const tailcfg::Node &node);
  void peers_end();
  void peer_removed(tailcfg::NodeId id);
  void peer_patched(const tailcfg::PeerChange &change);
  void peer_online(tailcfg::NodeId id, bool online);
  void derp_regions_begin() { this->regions_.begin(); }
  void derp_region(const tailcfg::DerpRegion &region);
  void derp_regions_end();
  void region_scores_reset() { this->regions_.reset_scores(); }
  void region_score(uint16_t region, uint32_t thousandths) { this->regions_.set_score(region, thousandths); }
  void dns_config(bool magic_dns, std::string_view suffix);

  std::optional<Event> poll_event();
  /// The next of the peers that were told of by an event and have left since: a key each time, until there are no more.
  /// More than MAX_GONE at once: the oldest are forgotten.
  std::optional<NodePublic> poll_gone() { return this->gone_.pop(); }
  static constexpr size_t MAX_GONE = 6;

  const Self &self() const { return this->self_; }
  bool has_self() const { return this->self_.id != 0; }
  bool magic_dns() const { return this->magic_dns_; }
  /// MagicDNS suffix of the own tailnet, e.g. "tail1234.ts.net"; empty when unknown.
  std::string_view suffix() const;

  /// Null if the id names no peer (any more). Valid until the next call that is not const.
  const Peer *peer(PeerId id) const;
  /// FQDN in lower case, without the trailing dot; empty if the id names no peer.
  tailcfg::NodeName name(PeerId id) const {
    return this->peer(id) == nullptr ? tailcfg::NodeName{} : this->names_.get(id.slot);
  }
  /// The peer in a slot, unset if it is empty: for (slot = 0; slot != MAX_PEERS; slot++).
  PeerId at(size_t slot) const;
  size_t peer_count() const;
  /// Peers of the whole tailnet as the last full map and the changes since then tell; those outside the table count
  /// too.
  uint32_t peers_in_tailnet() const { return this->peers_in_tailnet_; }

  const NodePublic &node_key(size_t slot) const override { return this->slots_[slot].peer.key; }
  const DiscoPublic &disco_key(size_t slot) const override { return this->slots_[slot].peer.disco_key; }
  KeyVersions key_versions(size_t slot) const override { return this->slots_[slot].versions; }
  bool is_overlay_address(const IpAddress &address) const override;

  // Unset if there is none.
  PeerId find(tailcfg::NodeId id) const;
  PeerId find_by_key(const NodePublic &key) const;
  PeerId find_by_disco(const DiscoPublic &key) const;
  /// Short name (of the own tailnet) or FQDN, any case, a trailing dot is fine.
  PeerId find_by_name(std::string_view name) const;
  /// Who has the address: longest match over the allowed IPs. Own addresses of a peer always count, other prefixes only
  /// with set_accept_routes(true), and 0.0.0.0/0 and ::/0 never.
  PeerId find_by_address(const IpAddress &address) const;
  void set_accept_routes(bool accept) { this->accept_routes_ = accept; }

  const RegionStore &regions() const { return this->regions_; }
  /// Keep this region when the DERP map comes again (home, nearest); peers' homes are kept anyway.
  void set_region_needed(uint16_t region, bool needed) { this->regions_.set_needed(region, needed); }

  /// Control's time, by which node keys end; nothing has expired while it is unknown or plainly wrong (02 §5). A peer
  /// whose key is over is not allowed, and nobody is while our own is. That is judged again when the time is set, in
  /// either direction: a clock may have been wrong.
  void set_time(WallTime now);
  bool is_self_expired() const { return this->self_.expired || this->is_over_(this->self_.key_expiry); }
  /// The earliest key expiry (self or peer) that is still to come; UNKNOWN if there is none, or no time.
  WallTime next_expiry() const;

  /// Who the user pins: a list of selectors as in selector.h, which is not copied. Before the first peer.
  void set_pinned(std::string_view selectors) { this->pinned_ = selectors; }
  /// Who may talk with this node at all. Peers in the table are judged at once; whom only a tag lets in that was not in
  /// the list before is kept out until the next full map.
  void set_allowlist(const Allowlist &list);
  const Allowlist &allowlist() const { return this->allowlist_; }

  /// A session with this peer runs: it keeps its slot. When it ends, what the peer was wanted for is over too.
  void set_live(PeerId id, bool live);
  /// Admit this peer when it passes by; nothing happens when it is in the table already. When it is worth a poll, and
  /// for how long, is the owner's decision.
  void want(const Want &want);
  Wants &wants() { return this->wants_; }
  /// For so long nothing was said to or by this peer, which is in the table for its session or because it was wanted.
  /// From IDLE_YIELDS on it makes room for one that is wanted now, the longest idle first. Counts until peers_end().
  void set_idle(PeerId id, Duration idle);
  static constexpr Duration IDLE_YIELDS = seconds(3);
  /// Whether one more wanted peer would find room.
  bool has_room_for_wanted() const;
  /// Whether the table holds everybody: who is not in it is not in the tailnet, as far as control has told.
  bool is_whole() const { return this->had_full_map_ && this->peers_in_tailnet_ == this->peer_count(); }
  /// Whether another full map would fill the table better or complete it: peers were refused while slots became free,
  /// a peer's home region is not in the store, or tags must be seen again for the allowlist.
  bool needs_full_map() const;

  /// Warm start: cached peers in records of at most MAX_CACHE_RECORD_BYTES, the strongest claims first. How many bytes
  /// record `index` has, 0 if there are no more peers for it.
  size_t write_cache(size_t index, ByteSpan out) const;
  /// Admit peers from a record; they are from_cache until a full map confirms or sweeps them. Only before the first
  /// map. MALFORMED, UNEXPECTED (a map is there already); the readable peers before the damage stay.
  Error load_cache(ByteView record);

  /// Forget everything that control said (another control server, logout). Settings stay.
  void clear();

 private:
  struct Slot {
    [[no_unique_address]] Peer peer;  ///< what follows begins in its padding
    uint16_t generation{0};
    KeyVersions versions{};
    uint16_t idle_s{0};
    /// Which entries of the allowlist are tags of the peer. All: it was let in when it was cached, for whatever reason.
    Allowlist::Tags tags{0};
    bool used : 1 {false};
    bool told : 1 {false};            ///< the owner knows that it is here
    bool seen : 1 {false};            ///< in the full map that is read
    bool touched : 1 {false};         ///< by PeersChanged of this message: PeersRemoved counts before it
    bool online_patched : 1 {false};  ///< by PeersChangedPatch of this message: OnlineChange counts before it
    bool pinned : 1 {false};
    bool live : 1 {false};
    bool wanted : 1 {false};
    bool was_cached : 1 {false};
    bool no_access : 1 {false};  ///< UnsignedPeerAPIOnly: control gives it no network access
  };
  static_assert(sizeof(Slot) <= 160, "it exists for each peer of the table");

  Slot *slot_of_(PeerId id);
  Slot *slot_with_(tailcfg::NodeId id);
  PeerId id_of_(const Slot &slot) const;
  void admit_(const tailcfg::Node &node);
  Slot *room_for_(unsigned rank, tailcfg::NodeId id);
  static unsigned rank_(const Slot &slot);
  void fill_(Slot &slot, const tailcfg::Node &node);
  void update_(Slot &slot, const tailcfg::Node &node);
  void release_(Slot &slot);
  void release_twins_(const Slot &slot);
  void refresh_claim_(Slot &slot);
  Subject subject_of_(const tailcfg::Node &node) const;
  Subject subject_of_(const Peer &peer, std::string_view name) const;
  tailcfg::NodeName name_of_(const Slot &slot) const { return this->names_.get(this->id_of_(slot).slot); }
  void judge_(Slot &slot, const Subject &subject) const;
  bool is_over_(WallTime expiry) const;
  void judge_again_(Slot &slot);
  void judge_all_again_();
  bool is_home_of_peer_(uint16_t region) const;
  void emit_(Event::Kind kind, const Slot *slot);
  void emit_(const Event &event);
  void fill_slot_(Slot &slot, const Slot &with, std::string_view name);
  void emit_peer_change_(Slot &slot, const Peer &before, bool renamed = false);
  uint32_t allowlist_hash_() const;
  Error load_cached_peer_(ByteView raw, tailcfg::NodeName &name, bool same_allowlist);

  Self self_;
  std::array<Slot, MAX_PEERS> slots_;
  NameTable names_;  ///< of the slots
  RegionStore regions_;
  RingBuffer<Event, MAX_NETMAP_EVENTS> events_;
  RingBuffer<NodePublic, MAX_GONE> gone_;
  Wants wants_;
  std::string_view pinned_;
  Allowlist allowlist_;
  WallTime time_{WallTime::UNKNOWN};  ///< control's
  tailcfg::NodeName suffix_;
  tailcfg::NodeId last_full_id_{0};  ///< of the full map that is read
  uint32_t full_count_{0};           ///< peers in the full map that is read
  uint32_t peers_in_tailnet_{0};
  bool in_full_map_{false};
  bool full_is_sorted_{false};
  bool had_full_map_{false};
  bool full_map_waits_{false};  ///< for the end of its message
  bool refused_{false};         ///< the full map held a peer that found no room
  bool tags_unknown_{false};    ///< the allowlist has a tag that it had not at the last full map
  bool accept_routes_{false};
  bool magic_dns_{false};
};
static_assert(sizeof(void *) != 4 || sizeof(Netmap) <= 1'520 + MAX_PEERS * 210 + MAX_DERP_REGIONS * 214);

}  // namespace microlink::netmap
