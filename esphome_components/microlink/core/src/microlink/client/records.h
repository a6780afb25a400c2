// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include "microlink/netmap/allowlist.h"
#include "microlink/ports.h"
#include "microlink/tailcfg/packed_region.h"

namespace microlink::client {

/// Which records the port has still to store or erase.
class RecordDuties {
 public:
  void store(Record record) {
    this->store_ |= bit_(record);
    this->erase_ &= ~bit_(record);
  }
  void erase(Record record) {
    this->erase_ |= bit_(record);
    this->store_ &= ~bit_(record);
  }
  /// The next one to store, in Record's order: keys first. COUNT when none is left.
  Record take_store() { return take_(this->store_, this->held_); }
  Record take_erase() { return take_(this->erase_); }
  bool is_idle() const { return ((this->store_ & ~this->held_) | this->erase_) == 0; }
  /// While true, records that only make the next start quicker wait.
  void set_quiet(bool quiet) {
    this->held_ = 0;
    for (uint8_t i = 0; quiet && i != static_cast<uint8_t>(Record::COUNT); i++)
      this->held_ |= is_for_speed(static_cast<Record>(i)) ? bit_(static_cast<Record>(i)) : 0;
  }

 private:
  static constexpr uint32_t bit_(Record record) { return uint32_t{1} << static_cast<unsigned>(record); }
  static Record take_(uint32_t &set, uint32_t held = 0) {
    const uint32_t due = set & ~held;
    set &= ~(due & (0 - due));
    return due == 0 ? Record::COUNT : static_cast<Record>(std::countr_zero(due));
  }
  uint32_t store_{0};
  uint32_t erase_{0};
  uint32_t held_{0};
};

/// Record layouts; all integers big-endian, each starts with a version byte. An unknown version is as good as no
/// record.
///
/// CONTROL_KEY   1 | key 32 | control URL (the key counts for this one only)
/// RELAY_CACHE   1 | region u16 | derp port u16 | stun port i32 | flags u8 | IPv4/IPv6 16 + 16 | host u8+n | cert u8+n
/// ALLOWLIST     1 | digest of the rest 8 | digest of the configured list 8 | everybody u8 | list (netmap/allowlist.h)
/// CLOCK         1 | reserved until, microseconds u64
/// SELF          2 | server 8 | node id u64 | count u8 | (16 + bits u8) … | name u8+n
struct CachedControlKey {
  MachinePublic key{};
  FixedString<MAX_URL_BYTES> url;

  static Result<CachedControlKey> parse(ByteView record);
  /// How many bytes of `out` (MAX_RECORD_BYTES) hold the record.
  size_t write(ByteSpan out) const;
};

/// The home region's first relay, enough to connect to before the first netmap.
Result<tailcfg::DerpRegion> parse_relay_cache(ByteView record);
size_t write_relay_cache(const tailcfg::PackedRegion &region, ByteSpan out);

Result<WallTime> parse_clock(ByteView record);
size_t write_clock(WallTime reserved_until, ByteSpan out);

/// A list that was set at run time, and the one that was configured then. No bit of it can be damaged unnoticed.
struct StoredAllowlist {
  using Digest = Bytes<8>;
  Digest configured{};
  netmap::Allowlist list;

  static Digest digest_of(const netmap::Allowlist &list);
  static Result<StoredAllowlist> parse(ByteView record);
  size_t write(ByteSpan out) const;
};

/// Who this node was, and where.
struct CachedSelf {
  using Server = Bytes<8>;
  Server server{};  ///< server_of() the control URL of that tailnet
  tailcfg::NodeId id{0};
  FixedVector<Prefix, 2> addresses;
  tailcfg::NodeName name;

  static Server server_of(std::string_view control_url);
  static Result<CachedSelf> parse(ByteView record);
  size_t write(ByteSpan out) const;
};

}  // namespace microlink::client
