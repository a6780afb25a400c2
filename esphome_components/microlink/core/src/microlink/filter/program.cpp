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

IpAddress v4_address(uint32_t number) {
  return number == 0 ? IpAddress{}
                     : IpAddress::v4(static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
                                     static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number));
}

/// FNV-1a with 64 bits.
uint64_t hash_of(std::string_view name) {
  uint64_t hash = 14695981039346656037U;
  for (const char c : name)
    hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
  return hash;
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

void Program::begin_edit(const PeerAddresses &peers) {
  this->set_ = NO_SET;
  this->poison_ = false;
  this->no_room_before_ = this->no_room_for_set_;
  this->begin_rule();
  for (size_t bit = 0; bit != MASK_BITS; bit++)
    this->refresh_known_(bit, peers.address(bit / 2, bit % 2 != 0));
}

void Program::commit() {
  this->drop_current_();
  this->set_ = NO_SET;
  for (size_t i = 0; i != this->sets_.size(); i++) {
    Set &set = this->sets_[i];
    if (set.state == Set::State::COMING)
      set.state = Set::State::ACTIVE;
    if (set.state != Set::State::LEAVING)
      continue;
    this->remove_rules_of_(static_cast<uint8_t>(i));
    set = Set{};
  }
  if (!this->poison_)
    return;
  for (Set &set : this->sets_) {
    if (set.state != Set::State::ACTIVE)
      continue;
    set.poisoned = true;
    return;
  }
}

void Program::discard() {
  this->drop_current_();
  this->set_ = NO_SET;
  this->no_room_for_set_ = this->no_room_before_;
  for (size_t i = 0; i != this->sets_.size(); i++) {
    Set &set = this->sets_[i];
    if (set.state == Set::State::LEAVING)
      set.state = Set::State::ACTIVE;
    if (set.state == Set::State::COMING)
      this->remove_(i);
  }
}

/// Sets that go with commit() anyway give their room back now. Whether there were any.
bool Program::make_room_() {
  bool any = false;
  for (size_t i = 0; i != this->sets_.size(); i++) {
    Set &set = this->sets_[i];
    if (set.state != Set::State::LEAVING)
      continue;
    const size_t before = this->rules_.size();
    this->remove_rules_of_(static_cast<uint8_t>(i));
    any |= this->rules_.size() != before;
    set.stale = true;  // if discard() brings it back it is empty
  }
  return any;
}

IpAddress Program::known_at_(size_t bit) const {
  const Known &known = this->known_[bit / 2];
  return bit % 2 != 0 ? known.v6 : v4_address(known.v4);
}

/// This bit of all masks is about `address` from now on.
void Program::refresh_known_(size_t bit, const IpAddress &address) {
  if (this->known_at_(bit) == address)
    return;
  if (bit % 2 != 0)
    this->known_[bit / 2].v6 = address;
  else
    this->known_[bit / 2].v4 = address.is_v4() ? v4_number(address) : 0;
  for (Mask &mask : this->masks_)
    mask.clear(bit);
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
    if (this->sets_[i].is_wanted() && !this->sets_[i].fresh)
      this->remove_(i);
  }
}

void Program::remove_set(std::string_view name) {
  const uint64_t wanted = hash_of(name);
  for (size_t i = 0; i != this->sets_.size(); i++) {
    if (this->sets_[i].is_wanted() && this->sets_[i].name_hash == wanted)
      this->remove_(i);
  }
}

/// One in force stays so until commit().
void Program::remove_(size_t set) {
  if (this->sets_[set].state == Set::State::ACTIVE) {
    this->sets_[set].state = Set::State::LEAVING;
    return;
  }
  this->remove_rules_of_(static_cast<uint8_t>(set));
  this->sets_[set] = Set{};
}

void Program::begin_set(std::string_view name) {
  this->remove_set(name);
  this->set_ = NO_SET;
  const auto wanted = std::count_if(this->sets_.begin(), this->sets_.end(), [](const Set &s) { return s.is_wanted(); });
  for (size_t i = 0; i != this->sets_.size() && wanted < static_cast<ptrdiff_t>(MAX_FILTER_SETS); i++) {
    Set &set = this->sets_[i];
    if (set.state != Set::State::FREE)
      continue;
    set.state = Set::State::COMING;
    set.name_hash = hash_of(name);
    set.fresh = true;
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
  if (this->add_range_(range) || (this->make_room_() && this->add_range_(range)))
    return;
  this->use_mask_();
  if (this->rule_.mask != NO_MASK)
    this->mark_(this->masks_.back(), range);
}

/// False if there is no room.
bool Program::add_range_(const tailcfg::AddressRange &range) {
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
  return fits;
}

/// The rule that is read has too many ranges: keep for which of the known addresses they speak, and give them back.
void Program::use_mask_() {
  if (!this->masks_.push_back({}) && !(this->make_room_() && this->masks_.push_back({}))) {
    this->overflow_ = true;  // the ranges so far stay, the rest is denied
    return;
  }
  this->rule_.mask = static_cast<uint8_t>(this->masks_.size() - 1);
  Mask &mask = this->masks_.back();
  for (size_t i = this->v4_.size() - this->rule_.v4_count; i != this->v4_.size(); i++) {
    for (size_t slot = 0; slot != this->known_.size(); slot++) {
      const uint32_t address = this->known_[slot].v4;
      if (address != 0 && address >= this->v4_[i].first && address <= this->v4_[i].last)
        mask.set(2 * slot);
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
  for (size_t bit = 0; bit != MASK_BITS; bit++) {
    if (holds(range, this->known_at_(bit)))
      mask.set(bit);
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
    kept.v4 = kept.v4 || added.v4;
    kept.v6 = kept.v6 || added.v6;
    return;
  }
  if (this->destinations_.push_back(added) || (this->make_room_() && this->destinations_.push_back(added)))
    this->rule_.destination_count++;
  else
    this->overflow_ = true;
}

void Program::add_protocol(uint8_t protocol) {
  if (!this->rule_.has_protocol(protocol) && !this->rule_.add_protocol(protocol))
    this->overflow_ = true;
}

void Program::end_rule(bool valid, bool poisoned) {
  Set *const set = this->current_set_();
  if (poisoned && set != nullptr)
    set->poisoned = true;
  this->poison_ |= poisoned && set == nullptr;
  const bool has_source =
      this->rule_.any_source || this->rule_.mask != NO_MASK || this->rule_.v4_count != 0 || this->rule_.v6_count != 0;
  const bool matters = set != nullptr && valid && !poisoned && this->rule_.destination_count != 0;
  if (matters && (this->any_unknown_ || this->overflow_))
    set->incomplete = true;
  if (!matters || !has_source) {
    this->drop_current_();
    return;
  }
  if (this->rule_.protocol_count == 0) {
    for (const uint8_t protocol : DEFAULT_PROTOCOLS)
      (void) this->rule_.add_protocol(protocol);
  }
  if (!this->rules_.push_back(this->rule_) && !(this->make_room_() && this->rules_.push_back(this->rule_))) {
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
  if (this->rule_.mask != NO_MASK && this->rule_.mask > mask)
    this->rule_.mask--;
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
    set.stale = set.stale || set.state != Set::State::FREE;
}

bool Program::permits(const Query &query) const {
  for (const Set &set : this->sets_) {
    if (set.is_in_force() && set.poisoned)
      return false;
  }
  Position at;
  for (const Rule &rule : this->rules_) {
    if (this->sets_[rule.set].is_in_force() && this->rule_permits_(rule, at, query))
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
  return query.ports == Ports::IGNORE || rule.has_protocol(query.protocol);
}

bool Program::has_source_(const Rule &rule, Position at, const IpAddress &source) const {
  if (rule.any_source)
    return true;
  if (rule.mask != NO_MASK) {
    for (size_t bit = 0; bit != MASK_BITS; bit++) {
      if (source.is_set() && this->known_at_(bit) == source)
        return this->masks_[rule.mask].get(bit);
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
  for (size_t i = 0; i != MASK_BITS; i++) {
    const IpAddress address = peers.address(i / 2, i % 2 != 0);
    bool is_known = !address.is_set();
    for (size_t bit = 0; bit != MASK_BITS; bit++)
      is_known |= this->known_at_(bit) == address;
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
