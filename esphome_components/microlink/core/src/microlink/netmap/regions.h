// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/packed_region.h"

namespace microlink::netmap {

/// The DERP regions that are worth their memory. Full: needed ones (home, nearest, homes of peers) stay before others
/// that can be a home, those before regions to avoid; among equals the first that came stays.
class RegionStore {
 public:
  // A DERPMap's Regions: the complete new set.
  void begin();
  /// `is_peer_home`: a peer of the table is reached through it, so it is needed.
  void add(const tailcfg::DerpRegion &region, bool is_peer_home);
  /// Whether anything that is stored changed since begin().
  bool end();
  /// The set was not read to its end: what it lacked so far stays. Whether anything changed since begin().
  bool abort();

  void reset_scores() { this->scores_.clear(); }
  /// More than 65 times as far is as far as that.
  void set_score(uint16_t region, uint32_t thousandths);
  /// What control multiplies a measured latency with, in thousandths (02 §2.2).
  uint16_t score(uint16_t region) const;

  void set_needed(uint16_t region, bool needed);
  bool is_needed(uint16_t region) const { return this->needed_.contains(region); }

  std::span<const tailcfg::PackedRegion> all() const { return {this->regions_.begin(), this->regions_.size()}; }
  /// Null if it is not stored.
  const tailcfg::PackedRegion *find(uint16_t region) const;
  /// Regions in the last complete DERP map, stored or not.
  uint16_t count_in_map() const { return this->count_in_map_; }
  bool has_map() const { return this->has_map_; }
  void clear();

 private:
  struct Score {
    uint16_t region{0};
    uint16_t thousandths{0};
  };
  struct Entry {
    bool seen{false};  ///< in the map that is read
    bool is_peer_home{false};
  };
  unsigned worth_(const tailcfg::PackedRegion &region, bool is_peer_home) const;

  FixedVector<tailcfg::PackedRegion, MAX_DERP_REGIONS> regions_;
  FixedVector<Entry, MAX_DERP_REGIONS> entries_;        ///< beside regions_
  FixedVector<uint16_t, 2 * MAX_DERP_REGIONS> needed_;  ///< full: further ones are not kept on purpose
  FixedVector<Score, 16> scores_;                       ///< full: further ones count as 1.0
  uint16_t count_{0};
  uint16_t count_in_map_{0};
  bool changed_{false};
  bool reading_{false};
  bool has_map_{false};
};

}  // namespace microlink::netmap
