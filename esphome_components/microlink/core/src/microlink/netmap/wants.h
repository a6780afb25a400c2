// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/fixed_vector.h"
#include "microlink/netmap/selector.h"

namespace microlink::netmap {

/// One peer that shall be admitted when it passes by: by address, node key or name. Small, so that many fit: of a key
/// half is kept, of a name a digest. Who makes up a name with the same digest gains a place in the table that it would
/// get by sending a packet, too; finding a peer always compares the whole name.
class Want {
 public:
  Want() = default;
  explicit Want(const IpAddress &address) : kind_(Kind::ADDRESS), value_(address.bytes) {}
  explicit Want(const NodePublic &key);
  /// One that calls and is not known here. Anybody can call with any key, so it is no reason to let others wait.
  static Want by_stranger(const NodePublic &key);
  /// An address, a node key as text, a short name or an FQDN (any case, a trailing dot is fine). Null for an empty text
  /// and for one that is longer than any of these.
  static std::optional<Want> of(std::string_view selector);

  bool selects(const Subject &subject) const;
  bool is_by_stranger() const { return this->by_stranger_; }
  /// Of the same peer, whoever wants it.
  bool operator==(const Want &other) const { return this->kind_ == other.kind_ && this->value_ == other.value_; }

 private:
  enum class Kind : uint8_t { NONE, ADDRESS, KEY, NAME };
  static Want named_(std::string_view name);

  Kind kind_ : 4 {Kind::NONE};
  bool by_stranger_ : 1 {false};
  Bytes<16> value_{};
};

/// Those of a list (of anything with a Want `want`, the oldest first) that strangers are the reason for.
struct ByStrangers {
  size_t oldest{0};  ///< index; 0 if there is none
  size_t count{0};

  template<typename List> static ByStrangers in(const List &list) {
    ByStrangers out;
    for (size_t i = list.size(); i-- != 0;) {
      if (!list[i].want.is_by_stranger())
        continue;
      out.oldest = i;
      out.count++;
    }
    return out;
  }
};

/// Wants that wait for a full map. A want is fulfilled when its peer gets a place; it is over when a full map went by
/// from the beginning without the peer. When the table had no room it waits for the next map, a few times.
class Wants {
 public:
  /// Twenty peers may be met at once. Full: the oldest want goes, those of strangers first; whoever still needs it asks
  /// again.
  static constexpr size_t MAX = 24;
  /// Places for those who call from outside. Full: the oldest of them goes.
  static constexpr size_t MAX_BY_STRANGERS = 4;
  /// Chances that a want gets while the table is full of peers in use.
  static constexpr uint8_t MAX_CHANCES = 8;

  void add(const Want &want);
  bool contains(const Want &want) const;
  bool selects(const Subject &subject) const;
  /// Remove the wants that this peer fulfils; whether there was one.
  bool take(const Subject &subject);
  /// The peer is there, but the table has no room for it.
  void note_no_room(const Subject &subject);
  void clear() { this->items_.clear(); }
  size_t size() const { return this->items_.size(); }

  /// A full map begins: it may fulfil the wants that are here now.
  void begin_map();
  /// The map is complete: the next want that was not in it, removed. Null when there is none left.
  std::optional<Want> take_missing();
  /// A want came in the middle of the map, or none was read yet.
  bool has_unasked() const;
  /// Wants that found no room get one chance less; those without any go. Whether some are left.
  bool wait_for_room();

 private:
  struct Item {
    Want want;
    bool asked : 1 {false};   ///< the map that is read, or the last one, began after it
    bool met : 1 {false};     ///< in that map
    uint8_t no_room : 4 {0};  ///< chances used up
  };

  FixedVector<Item, MAX> items_;
};

}  // namespace microlink::netmap
