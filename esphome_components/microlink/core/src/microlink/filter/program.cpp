// SPDX-License-Identifier: MIT
#include "microlink/filter/program.h"

namespace microlink::filter {

namespace {

/// What a rule without IPProto is about (tailcfg.FilterRule).
constexpr uint8_t DEFAULT_PROTOCOLS[] = {ip::TCP, ip::UDP, ip::ICMP, ip::ICMPV6};

uint32_t v4_number(const IpAddress &address) {
  const ByteView raw = address.raw();
  return static_cast<uint32_t>(raw[0]) << 24 | static_cast<uint32_t>(raw[1]) << 16 |
         static_cast<uint32_t>(raw[2]) << 8 | raw[3];
}

bool is_v4_range(const tailcfg::AddressRange &range) { return range.first.is_v4() && range.last.is_v4(); }

/// Inclusive, within one family: a block of IPv6 addresses never holds an IPv4 one, however it is kept.
bool holds(const tailcfg::AddressRange &range, const IpAddress &address) {
  if (!address.is_set() || range.any)
    return address.is_set();
  return is_v4_range(range) == address.is_v4() && range.first <= address && address <= range.last;
}

/// The address after `address`; zero after the last one.
IpAddress next(IpAddress address) {
  for (size_t i = address.bytes.size(); i-- != 0;) {
    if (++address.bytes[i] != 0)
      break;
  }
  return address;
}

bool follows(uint32_t last, uint32_t first) { return last != UINT32_MAX && last + 1 == first; }
bool follows(const IpAddress &last, const IpAddress &first) { return first.is_set() && next(last) == first; }

/// Whether the two overlap or are neighbours.
template<typename Range> bool touch(const Range &a, const Range &b) {
  return (a.first <= b.last && b.first <= a.last) || follows(a.last, b.first) || follows(b.last, a.first);
}

/// Adds to the ranges from `begin` on, which do not touch each other, so that they still do not. False if there is no
/// room.
template<typename Range, size_t N> bool merge(FixedVector<Range, N> &pool, size_t begin, Range range) {
  for (size_t i = begin; i < pool.size();) {
    if (!touch(pool[i], range)) {
      i++;
      continue;
    }
    range.first = std::min(range.first, pool[i].first);
    range.last = std::max(range.last, pool[i].last);
    pool.remove_unordered(i);
  }
  return pool.push_back(range);
}

template<typename T, size_t N> void remove_run(FixedVector<T, N> &pool, size_t begin, size_t count) {
  for (size_t i = begin + count; i < pool.size(); i++)
    pool[i - count] = pool[i];
  for (; count != 0; count--)
    pool.pop_back();
}

}  // namespace

void Program::begin_edit(const PeerAddresses &peers, const OwnAddresses &own) {
  this->set_own_addresses(own);
  this->set_ = NO_SET;
  this->begin_rule();
  for (size_t i = 0; i != this->known_.size(); i++)
    this->refresh_known_(i, peers.address(i / 2, i % 2 != 0));
}

/// Bit `index` of all masks is about `address` from now on.
void Program::refresh_known_(size_t index, const IpAddress &address) {
  if (this->known_[index] == address)
    return;
  this->known_[index] = address;
  for (Mask &mask : this->masks_)
    mask.clear(index);
  for (const Rule &rule : this->rules_) {
    if (rule.mask != NO_MASK && address.is_set())
      this->sets_[rule.set].stale = true;
  }
}

void Program::begin_named() {
  for (Set &set : this->sets_)
    set.fresh = false;
}

void Program::clear_old() {
  this->no_room_for_set_ = false;
  for (size_t i = 0; i != this->sets_.size(); i++) {
    if (this->sets_[i].used && !this->sets_[i].fresh)
      this->remove_set(this->sets_[i].name);
  }
}

void Program::remove_set(std::string_view name) {
  const FixedString<32> wanted(name);
  for (size_t i = 0; i != this->sets_.size(); i++) {
    if (!this->sets_[i].used || !(this->sets_[i].name == wanted))
      continue;
    this->remove_rules_of_(static_cast<uint8_t>(i));
    this->sets_[i] = Set{};
  }
}

void Program::begin_set(std::string_view name) {
  this->remove_set(name);
  this->set_ = NO_SET;
  for (size_t i = 0; i != this->sets_.size(); i++) {
    if (this->sets_[i].used)
      continue;
    this->sets_[i].used = this->sets_[i].fresh = true;
    this->sets_[i].name.assign(name);
    this->set_ = static_cast<uint8_t>(i);
    return;
  }
  this->no_room_for_set_ = true;
}

void Program::begin_rule() {
  this->rule_ = Rule{};
  this->rule_.set = this->set_;
  this->any_unknown_ = false;
  this->overflow_ = false;
}

void Program::add_source(const tailcfg::AddressRange &range) {
  if (range.any)
    this->rule_.any_source = true;
  if (this->rule_.any_source)
    return;
  if (this->rule_.mask != NO_MASK) {
    this->mark_(this->masks_.back(), range);
    return;
  }
  bool fits = false;
  if (is_v4_range(range)) {
    const size_t begin = this->v4_.size() - this->rule_.v4_count;
    fits = merge(this->v4_, begin, {v4_number(range.first), v4_number(range.last)});
    this->rule_.v4_count = static_cast<uint8_t>(this->v4_.size() - begin);
  } else {
    const size_t begin = this->v6_.size() - this->rule_.v6_count;
    fits = merge(this->v6_, begin, {range.first, range.last});
    this->rule_.v6_count = static_cast<uint8_t>(this->v6_.size() - begin);
  }
  if (fits)
    return;
  this->use_mask_();
  if (this->rule_.mask != NO_MASK)
    this->mark_(this->masks_.back(), range);
}

/// The rule that is read has too many ranges: keep for which of the known addresses they speak, and give them back.
void Program::use_mask_() {
  if (!this->masks_.push_back({})) {
    this->overflow_ = true;  // the ranges so far stay, the rest is denied
    return;
  }
  this->rule_.mask = static_cast<uint8_t>(this->masks_.size() - 1);
  Mask &mask = this->masks_.back();
  for (size_t i = this->v4_.size() - this->rule_.v4_count; i != this->v4_.size(); i++) {
    for (size_t bit = 0; bit != this->known_.size(); bit += 2) {
      const IpAddress &address = this->known_[bit];
      if (address.is_v4() && v4_number(address) >= this->v4_[i].first && v4_number(address) <= this->v4_[i].last)
        mask.set(bit);
    }
  }
  for (size_t i = this->v6_.size() - this->rule_.v6_count; i != this->v6_.size(); i++)
    this->mark_(mask, {this->v6_[i].first, this->v6_[i].last, false});
  for (; this->rule_.v4_count != 0; this->rule_.v4_count--)
    this->v4_.pop_back();
  for (; this->rule_.v6_count != 0; this->rule_.v6_count--)
    this->v6_.pop_back();
}

void Program::mark_(Mask &mask, const tailcfg::AddressRange &range) const {
  for (size_t i = 0; i != this->known_.size(); i++) {
    if (holds(range, this->known_[i]))
      mask.set(i);
  }
}

void Program::add_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) {
  Set *const set = this->current_set_();
  const bool own_unknown = !this->own_.v4.is_set() && !this->own_.v6.is_set();
  if (set != nullptr && own_unknown && !to.any)
    set->stale = true;
  const Destination added{ports, to.any || holds(to, this->own_.v4), to.any || holds(to, this->own_.v6), to.any};
  if (!added.v4 && !added.v6)
    return;
  // Control lists the addresses of both families one after the other, with the same ports.
  for (size_t i = this->destinations_.size() - this->rule_.destination_count; i != this->destinations_.size(); i++) {
    Destination &kept = this->destinations_[i];
    if (kept.ports.first != ports.first || kept.ports.last != ports.last || kept.any != added.any)
      continue;
    kept.v4 |= added.v4;
    kept.v6 |= added.v6;
    return;
  }
  if (this->destinations_.push_back(added))
    this->rule_.destination_count++;
  else
    this->overflow_ = true;
}

void Program::add_protocol(uint8_t protocol) {
  if (!this->rule_.protocols.contains(protocol) && !this->rule_.protocols.push_back(protocol))
    this->overflow_ = true;
}

void Program::end_rule(bool valid, bool poisoned) {
  Set *const set = this->current_set_();
  if (poisoned)
    (set != nullptr ? *set : this->sets_[0]).poisoned = true;
  const bool has_source =
      this->rule_.any_source || this->rule_.mask != NO_MASK || this->rule_.v4_count != 0 || this->rule_.v6_count != 0;
  const bool matters = set != nullptr && valid && !poisoned && this->rule_.destination_count != 0;
  if (matters && (this->any_unknown_ || this->overflow_))
    set->incomplete = true;
  if (!matters || !has_source) {
    this->drop_current_();
    return;
  }
  if (this->rule_.protocols.empty()) {
    for (const uint8_t protocol : DEFAULT_PROTOCOLS)
      (void) this->rule_.protocols.push_back(protocol);
  }
  if (!this->rules_.push_back(this->rule_)) {
    set->incomplete = true;
    this->drop_current_();
  }
  this->begin_rule();
}

/// Give back what the rule that is read took; it stands at the end of every pool.
void Program::drop_current_() {
  remove_run(this->v4_, this->v4_.size() - this->rule_.v4_count, this->rule_.v4_count);
  remove_run(this->v6_, this->v6_.size() - this->rule_.v6_count, this->rule_.v6_count);
  remove_run(this->destinations_, this->destinations_.size() - this->rule_.destination_count,
             this->rule_.destination_count);
  if (this->rule_.mask != NO_MASK)
    this->masks_.pop_back();
  this->begin_rule();
}

void Program::remove_rules_of_(uint8_t set) {
  Position at;
  for (size_t i = 0; i < this->rules_.size();) {
    const Rule rule = this->rules_[i];
    if (rule.set != set) {
      at.v4 += rule.v4_count;
      at.v6 += rule.v6_count;
      at.destination += rule.destination_count;
      i++;
      continue;
    }
    remove_run(this->v4_, at.v4, rule.v4_count);
    remove_run(this->v6_, at.v6, rule.v6_count);
    remove_run(this->destinations_, at.destination, rule.destination_count);
    this->rules_.remove(i);
    if (rule.mask != NO_MASK)
      this->remove_mask_(rule.mask);
  }
}

void Program::remove_mask_(uint8_t mask) {
  this->masks_.remove(mask);
  for (Rule &rule : this->rules_) {
    if (rule.mask != NO_MASK && rule.mask > mask)
      rule.mask--;
  }
}

void Program::set_own_addresses(const OwnAddresses &own) {
  const bool v4_changed = !(own.v4 == this->own_.v4);
  const bool v6_changed = !(own.v6 == this->own_.v6);
  this->own_ = own;
  if (!v4_changed && !v6_changed)
    return;
  for (Destination &destination : this->destinations_) {
    destination.v4 = destination.any || (destination.v4 && !v4_changed);
    destination.v6 = destination.any || (destination.v6 && !v6_changed);
  }
  // Even rules that are kept may have lost a destination that was of no use for the old address.
  for (Set &set : this->sets_)
    set.stale |= set.used;
}

bool Program::permits(const Query &query) const {
  for (const Set &set : this->sets_) {
    if (set.poisoned)
      return false;
  }
  Position at;
  for (const Rule &rule : this->rules_) {
    if (this->rule_permits_(rule, at, query))
      return true;
    at.v4 += rule.v4_count;
    at.v6 += rule.v6_count;
    at.destination += rule.destination_count;
  }
  return false;
}

bool Program::rule_permits_(const Rule &rule, Position at, const Query &query) const {
  if (!has_protocol_(rule, query))
    return false;
  const bool v4 = query.destination.is_v4();
  for (size_t i = 0; i != rule.destination_count; i++) {
    const Destination &destination = this->destinations_[at.destination + i];
    if (!(v4 ? destination.v4 : destination.v6))
      continue;
    const tailcfg::PortRange &ports = destination.ports;
    const bool port_ok = query.ports == Ports::IGNORE ||
                         (query.ports == Ports::ALL ? ports.first == 0 && ports.last == UINT16_MAX
                                                    : ports.first <= query.port && query.port <= ports.last);
    if (port_ok)
      return this->has_source_(rule, at, query.source);
  }
  return false;
}

bool Program::has_protocol_(const Rule &rule, const Query &query) {
  return query.ports == Ports::IGNORE || rule.protocols.contains(query.protocol);
}

bool Program::has_source_(const Rule &rule, Position at, const IpAddress &source) const {
  if (rule.any_source)
    return true;
  if (rule.mask != NO_MASK) {
    for (size_t i = 0; i != this->known_.size(); i++) {
      if (this->known_[i] == source && source.is_set())
        return this->masks_[rule.mask].get(i);
    }
    return false;
  }
  if (source.is_v4()) {
    const uint32_t number = v4_number(source);
    for (size_t i = 0; i != rule.v4_count; i++) {
      if (this->v4_[at.v4 + i].first <= number && number <= this->v4_[at.v4 + i].last)
        return true;
    }
    return false;
  }
  for (size_t i = 0; i != rule.v6_count; i++) {
    if (this->v6_[at.v6 + i].first <= source && source <= this->v6_[at.v6 + i].last)
      return true;
  }
  return false;
}

bool Program::is_stale(const PeerAddresses &peers) const {
  for (const Set &set : this->sets_) {
    if (set.stale)
      return true;
  }
  if (this->masks_.empty())
    return false;
  for (size_t i = 0; i != this->known_.size(); i++) {
    const IpAddress address = peers.address(i / 2, i % 2 != 0);
    bool is_known = !address.is_set();
    for (const IpAddress &known : this->known_)
      is_known |= known == address;
    if (!is_known)
      return true;
  }
  return false;
}

bool Program::is_complete() const {
  bool complete = !this->no_room_for_set_;
  for (const Set &set : this->sets_)
    complete &= !set.incomplete;
  return complete;
}

}  // namespace microlink::filter
