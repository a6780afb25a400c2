// SPDX-License-Identifier: MIT
#include "microlink/netmap/regions.h"

#include <algorithm>

namespace microlink::netmap {

void RegionStore::begin() {
  for (Entry &entry : this->entries_)
    entry.seen = false;
  this->count_ = 0;
  this->changed_ = false;
  this->reading_ = true;
}

void RegionStore::add(const tailcfg::DerpRegion &announced, bool is_peer_home) {
  const tailcfg::PackedRegion region(announced);
  this->count_++;
  size_t at = 0;
  while (at != this->regions_.size() && this->regions_[at].id() != region.id())
    at++;
  if (at == this->regions_.size() && !this->regions_.full()) {
    (void) this->regions_.push_back({});
    (void) this->entries_.push_back({});
  } else if (at == this->regions_.size()) {
    // What was not seen in this map yet may have left it: among equals it yields.
    unsigned weakest = 2 * this->worth_(region, is_peer_home) + 1;
    for (size_t i = 0; i != this->regions_.size(); i++) {
      const Entry &entry = this->entries_[i];
      const unsigned value = 2 * this->worth_(this->regions_[i], entry.is_peer_home) + (entry.seen ? 1U : 0U);
      if (value < weakest) {
        weakest = value;
        at = i;
      }
    }
    if (at == this->regions_.size())
      return;
  }
  this->changed_ |= !(this->regions_[at] == region);
  this->regions_[at] = region;
  this->entries_[at] = {true, is_peer_home};
}

bool RegionStore::end() {
  for (size_t i = this->regions_.size(); i-- != 0;) {
    if (this->entries_[i].seen)
      continue;
    this->regions_.remove(i);
    this->entries_.remove(i);
    this->changed_ = true;
  }
  this->reading_ = false;
  this->changed_ |= !this->has_map_;
  this->has_map_ = true;
  this->count_in_map_ = this->count_;
  return this->changed_;
}

bool RegionStore::abort() {
  const bool changed = this->reading_ && this->changed_;
  this->reading_ = false;
  return changed;
}

void RegionStore::set_score(uint16_t region, uint32_t thousandths) {
  const auto kept = static_cast<uint16_t>(std::min<uint32_t>(thousandths, UINT16_MAX));
  for (Score &score : this->scores_) {
    if (score.region == region) {
      score.thousandths = kept;
      return;
    }
  }
  (void) this->scores_.push_back({region, kept});  // full: counts as 1.0
}

uint16_t RegionStore::score(uint16_t region) const {
  for (const Score &score : this->scores_) {
    if (score.region == region)
      return score.thousandths;
  }
  return 1000;
}

void RegionStore::set_needed(uint16_t region, bool needed) {
  for (size_t i = 0; i != this->needed_.size(); i++) {
    if (this->needed_[i] != region)
      continue;
    if (!needed)
      this->needed_.remove_unordered(i);
    return;
  }
  if (needed && region != 0)
    (void) this->needed_.push_back(region);
}

const tailcfg::PackedRegion *RegionStore::find(uint16_t region) const {
  for (const tailcfg::PackedRegion &stored : this->regions_) {
    if (stored.id() == region)
      return &stored;
  }
  return nullptr;
}

void RegionStore::clear() {
  this->regions_.clear();
  this->entries_.clear();
  this->scores_.clear();
  this->count_in_map_ = 0;
  this->reading_ = false;
  this->has_map_ = false;
}

unsigned RegionStore::worth_(const tailcfg::PackedRegion &region, bool is_peer_home) const {
  if (this->is_needed(region.id()))
    return 3;
  if (is_peer_home)
    return 2;
  return region.has_relay() && !region.avoid() && !region.no_measure_no_home() ? 1 : 0;
}

}  // namespace microlink::netmap
