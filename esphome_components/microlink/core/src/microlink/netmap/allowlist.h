// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/reader.h"
#include "microlink/netmap/selector.h"

namespace microlink::netmap {

/// Who may talk with this node at all: everybody, or only those whom an entry names. As text, entries stand apart by
/// blanks or commas; "*" alone is everybody, no entry at all is nobody. An entry is
///
///     tag:server              every node with the tag
///     100.64.0.7, fd7a::/48   the node with the address, nodes with an address in the block
///     nodekey:…               the node with the key
///     phone, phone.t.ts.net   the node of the own tailnet with the name, the node with the FQDN
///
/// It is kept packed, which is small, and is what is stored (integers as they stand, text in lower case):
///
///     name    1 ‖ size u8 ‖ text            address   4 ‖ bits u8 ‖ 4 bytes
///     tag     2 ‖ size u8 ‖ text            address   6 ‖ bits u8 ‖ 16 bytes
///     key     3 ‖ 32 bytes
class Allowlist {
 public:
  /// Bit i: entry i is a tag, and the node has it.
  using Tags = uint16_t;
  using Text = FixedString<MAX_KEY_TEXT_BYTES>;

  /// MALFORMED: an entry is none of the above, or stands there twice. NO_SPACE: too many, or too long. Both leave the
  /// list as it was, and `wrong`, if given, views the entry in `text`.
  Error assign(std::string_view text, std::string_view *wrong = nullptr);
  /// From storage. MALFORMED leaves the list as it was.
  Error load(bool everybody, ByteView packed);
  void clear() { *this = nobody(); }
  static Allowlist nobody() {
    Allowlist out;
    out.everybody_ = false;
    return out;
  }

  bool is_everybody() const { return this->everybody_; }
  size_t size() const { return this->count_; }
  /// Entry `index` as text.
  Text text(size_t index) const;
  ByteView packed() const { return ByteView(this->bytes_).first(this->size_); }
  bool operator==(const Allowlist &other) const {
    return this->everybody_ == other.everybody_ && equal(this->packed(), other.packed());
  }

  /// Whether the subject may talk with this node, if `tags` of the entries are its tags. A short name counts only once
  /// the own tailnet's suffix is known.
  bool admits(const Subject &subject, Tags tags) const;
  Tags match(std::span<const tailcfg::Tag> tags) const;
  /// What match() told of `before`, in terms of this list.
  Tags carry(const Allowlist &before, Tags tags) const;
  /// Whether there is a tag that is not in `before`.
  bool has_new_tag(const Allowlist &before) const;

 private:
  enum class Kind : uint8_t { NAME = 1, TAG = 2, KEY = 3, V4 = 4, V6 = 6 };
  struct Entry {
    Kind kind;
    uint8_t bits;    ///< V4, V6
    ByteView value;  ///< in bytes_
  };
  static bool read_(Reader &in, Entry &out);
  Error add_(std::string_view selector);
  Error push_(Kind kind, uint8_t second, ByteView value);
  bool contains_(ByteView entry) const;

  Bytes<MAX_ALLOWLIST_BYTES> bytes_{};
  uint8_t size_{0};
  uint8_t count_{0};
  bool everybody_{true};
};

}  // namespace microlink::netmap
