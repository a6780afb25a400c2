// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "microlink/ip/packet.h"
#include "microlink/tailcfg/types.h"

namespace microlink::filter {

// Capacities. What does not fit is denied, and the program says that it is incomplete.

/// Named filters. Control sends "base" and a few more. Full: further ones permit nothing.
constexpr size_t MAX_FILTER_SETS = 4;
/// Rules that can concern this node. Full: further ones permit nothing.
constexpr size_t MAX_FILTER_RULES = 24;
/// Merged source ranges of all rules. Full: the rule keeps a mask over the peer table instead.
constexpr size_t MAX_V4_RANGES = 48;
constexpr size_t MAX_V6_RANGES = 16;
/// Port ranges of all rules. Full: further ones are not reachable.
constexpr size_t MAX_DESTINATIONS = 32;
/// Rules with a mask. Full: further ones permit nothing.
constexpr size_t MAX_MASKS = 6;
/// IP protocols of one rule. Full: further ones are denied.
constexpr size_t MAX_RULE_PROTOCOLS = 8;
static_assert(MAX_V4_RANGES < 256 && MAX_V6_RANGES < 256 && MAX_DESTINATIONS < 256, "rules count in bytes");

/// Where the addresses of the peers in the table are looked up.
class PeerAddresses {
 public:
  virtual ~PeerAddresses() = default;
  /// The own address of that family of the peer in the slot (0 … MAX_PEERS-1); unset if there is none.
  virtual IpAddress address(size_t slot, bool v6) const = 0;
};

/// One address of each family, unset if there is none.
struct OwnAddresses {
  IpAddress v4{};
  IpAddress v6{};
  bool operator==(const OwnAddresses &) const = default;
};

/// The rules of all named filters, reduced to what can concern this node (architecture D14).
///
/// Sources are merged into ranges. A rule with too many of them keeps one bit for each address that was in the peer
/// table when the rule passed by; it holds for those addresses only.
///
/// Rules of a message stand beside those in force until the message is complete: then commit() lets them take effect
/// and those that they replace go, all at once. Where both do not fit together, the ones that would go anyway go at
/// once and nothing takes their place before commit(): for that time less is permitted, never more.
class Program {
 public:
  enum class Ports : uint8_t {
    ONE,     ///< a port must be in the range
    IGNORE,  ///< any rule with source and destination (ICMP)
    ALL,     ///< the range must be 0–65535 and the protocol listed by number
  };
  struct Query {
    IpAddress source;
    IpAddress destination;
    uint8_t protocol;
    uint16_t port;
    Ports ports;
  };

  // Editing: begin_edit(), then anything, then commit() or discard().

  /// Before the first change of a message: takes the addresses of the peers that masks are about.
  void begin_edit(const PeerAddresses &peers);
  /// PacketFilters starts: sets from now on are fresh.
  void begin_named();
  /// Removes all sets that are not fresh.
  void clear_old();
  void remove_set(std::string_view name);
  void begin_set(std::string_view name);
  void begin_rule();
  void add_source(const tailcfg::AddressRange &range);
  /// A source that cannot be known here.
  void add_unknown_source() { this->any_unknown_ = true; }
  void add_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports);
  void add_protocol(uint8_t protocol);
  void end_rule(bool valid, bool poisoned);
  /// The message is complete.
  void commit();
  /// It never will be: the rules in force stay. If some had to go already, is_stale() asks for another map.
  void discard();

  /// The node's own addresses changed: what was permitted for the old ones is not for the new ones.
  void set_own_addresses(const OwnAddresses &own);
  const OwnAddresses &own_addresses() const { return this->own_; }

  bool permits(const Query &query) const;

  /// Whether the same rules, if they passed by again, could permit more than now.
  bool is_stale(const PeerAddresses &peers) const;
  /// Whether everything found room. Capability sources ("cap:…") count as not.
  bool is_complete() const;
  size_t rule_count() const { return this->rules_.size(); }
  size_t mask_count() const { return this->masks_.size(); }

 private:
  static constexpr uint8_t NO_MASK = 255;
  static constexpr uint8_t NO_SET = 255;

  /// A named filter.
  ///
  ///   FREE → COMING: begin_set(). COMING → ACTIVE: commit(); → FREE: replaced within the message, discard()
  ///   ACTIVE → LEAVING: replaced or removed. LEAVING → FREE: commit(); → ACTIVE: discard()
  struct Set {
    uint64_t name_hash{0};  ///< control, which we obey anyway, would have to find two names with the same one
    enum class State : uint8_t { FREE, COMING, ACTIVE, LEAVING } state{State::FREE};
    bool fresh : 1 {false};
    bool poisoned : 1 {false};
    bool stale : 1 {false};
    bool incomplete : 1 {false};
    bool is_in_force() const { return this->state == State::ACTIVE || this->state == State::LEAVING; }
    bool is_wanted() const { return this->state == State::ACTIVE || this->state == State::COMING; }
  };
  struct V4Range {
    uint32_t first{0};
    uint32_t last{0};
  };
  struct V6Range {
    IpAddress first{};
    IpAddress last{};
  };
  struct Destination {
    tailcfg::PortRange ports{};
    bool v4 : 1 {false};
    bool v6 : 1 {false};
    bool any : 1 {false};  ///< whatever the own addresses are
  };
  /// Its ranges and destinations stand in the pools in the order of the rules.
  struct Rule {
    uint8_t set{NO_SET};
    uint8_t mask{NO_MASK};
    bool any_source{false};
    uint8_t v4_count{0};
    uint8_t v6_count{0};
    uint8_t destination_count{0};
    uint8_t protocol_count{0};
    std::array<uint8_t, MAX_RULE_PROTOCOLS> protocols{};
    bool has_protocol(uint8_t protocol) const {
      const auto end = this->protocols.begin() + this->protocol_count;
      return std::find(this->protocols.begin(), end, protocol) != end;
    }
    bool add_protocol(uint8_t protocol) {
      if (this->protocol_count == MAX_RULE_PROTOCOLS)
        return false;
      this->protocols[this->protocol_count++] = protocol;
      return true;
    }
  };
  static_assert(sizeof(Destination) == 6 && sizeof(Rule) == 15);
  struct Mask {
    std::array<uint8_t, (2 * MAX_PEERS + 7) / 8> bits{};
    bool get(size_t index) const { return (this->bits[index / 8] >> index % 8 & 1) != 0; }
    void set(size_t index) { this->bits[index / 8] = static_cast<uint8_t>(this->bits[index / 8] | 1U << index % 8); }
    void clear(size_t index) {
      this->bits[index / 8] = static_cast<uint8_t>(this->bits[index / 8] & ~(1U << index % 8));
    }
  };
  /// Addresses that bits of masks are about: bit 2n is slot n's IPv4 address, bit 2n+1 its IPv6 address.
  struct Known {
    uint32_t v4{0};  ///< 0 = none
    IpAddress v6{};
  };
  static constexpr size_t MASK_BITS = 2 * MAX_PEERS;
  struct Position {
    size_t v4{0};
    size_t v6{0};
    size_t destination{0};
  };

  void remove_rules_of_(uint8_t set);
  void remove_(size_t set);
  bool make_room_();
  bool add_range_(const tailcfg::AddressRange &range);
  void remove_mask_(uint8_t mask);
  void drop_current_();
  void use_mask_();
  void mark_(Mask &mask, const tailcfg::AddressRange &range) const;
  IpAddress known_at_(size_t bit) const;
  void refresh_known_(size_t bit, const IpAddress &address);
  bool rule_permits_(const Rule &rule, Position at, const Query &query) const;
  bool has_source_(const Rule &rule, Position at, const IpAddress &source) const;
  static bool has_protocol_(const Rule &rule, const Query &query);
  Set *current_set_() { return this->set_ == NO_SET ? nullptr : &this->sets_[this->set_]; }

  std::array<Set, 2 * MAX_FILTER_SETS> sets_{};  ///< half of them wanted, the others on their way out
  FixedVector<Rule, MAX_FILTER_RULES> rules_;
  FixedVector<V4Range, MAX_V4_RANGES> v4_;
  FixedVector<V6Range, MAX_V6_RANGES> v6_;
  FixedVector<Destination, MAX_DESTINATIONS> destinations_;
  FixedVector<Mask, MAX_MASKS> masks_;
  std::array<Known, MAX_PEERS> known_{};
  OwnAddresses own_{};
  Rule rule_{};  ///< that is read
  uint8_t set_{NO_SET};
  bool any_unknown_{false};
  bool overflow_{false};  ///< the rule that is read found no room for something
  bool poison_{false};    ///< a rule that poisons found no set; takes effect with commit()
  bool no_room_for_set_{false};
  bool no_room_before_{false};  ///< what it was before the message
};

}  // namespace microlink::filter
