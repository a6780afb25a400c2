// SPDX-License-Identifier: MIT
#include "microlink/netmap/peer_prefixes.h"

namespace microlink::netmap {

namespace {

/// Whether the first `bits` of an address are those of a prefix of its family, which it has no more of.
bool begins_with(ByteView raw, const uint8_t *prefix, unsigned bits) {
  const size_t whole = bits / 8;
  if (whole > raw.size() || std::memcmp(prefix, raw.data(), whole) != 0)
    return false;
  return bits % 8 == 0 || whole == raw.size() || ((prefix[whole] ^ raw[whole]) >> (8 - bits % 8)) == 0;
}

}  // namespace

void PeerPrefixes::set(const Addresses &own, const tailcfg::AllowedIps &allowed) {
  *this = {};
  for (const Prefix &prefix : own)
    (void) this->add_(prefix, allowed.contains(prefix) ? OWN | ALLOWED : OWN);
  for (const Prefix &prefix : allowed) {
    if (!own.contains(prefix))
      (void) this->add_(prefix, ALLOWED);
  }
}

bool PeerPrefixes::add_(const Prefix &prefix, uint8_t flags) {
  const ByteView raw = prefix.address.raw();
  if (raw.size() + HEADER_BYTES > CAPACITY - this->size_)
    return false;
  const ByteSpan to = ByteSpan(this->bytes_).subspan(this->size_);
  to[0] = prefix.bits;
  to[1] = static_cast<uint8_t>(flags | (raw.size() == 4 ? V4 : 0));
  copy(raw, to.subspan(HEADER_BYTES));
  this->size_ = static_cast<uint8_t>(this->size_ + HEADER_BYTES + raw.size());
  return true;
}

PeerPrefixes::Entry PeerPrefixes::read_(size_t &at) const {
  const uint8_t flags = this->bytes_[at + 1];
  const size_t size = (flags & V4) != 0 ? 4 : 16;
  const Entry out{this->bytes_[at], flags, ByteView(this->bytes_).subspan(at + HEADER_BYTES, size)};
  at += HEADER_BYTES + size;
  return out;
}

PeerPrefixes::Addresses PeerPrefixes::own() const {
  Addresses out;
  for (size_t at = 0; at != this->size_;) {
    const Entry entry = this->read_(at);
    if ((entry.flags & OWN) != 0)
      (void) out.push_back(entry.prefix());
  }
  return out;
}

tailcfg::AllowedIps PeerPrefixes::allowed() const {
  tailcfg::AllowedIps out;
  for (size_t at = 0; at != this->size_;) {
    const Entry entry = this->read_(at);
    if ((entry.flags & ALLOWED) != 0)
      (void) out.push_back(entry.prefix());
  }
  return out;
}

/// Asked of every peer for every packet, and most have another address, which its last byte tells nearly always.
int PeerPrefixes::match(ByteView raw, bool routes) const {
  bool may_match = routes;
  for (size_t at = 0; at != this->size_ && !may_match;) {
    const size_t size = (this->bytes_[at + 1] & V4) != 0 ? 4 : 16;
    at += HEADER_BYTES + size;
    may_match = size == raw.size() && this->bytes_[at - 1] == raw[size - 1];
  }
  return may_match ? this->longest_(raw, routes) : -1;
}

int PeerPrefixes::longest_(ByteView raw, bool routes) const {
  bool is_own = false;
  int best = -1;
  for (size_t at = 0; at != this->size_;) {  // own addresses come first
    const uint8_t *const entry = this->bytes_.data() + at;
    const size_t size = (entry[1] & V4) != 0 ? 4 : 16;
    at += HEADER_BYTES + size;
    if (size != raw.size())
      continue;
    const uint8_t *const prefix = entry + HEADER_BYTES;
    const uint8_t bits = entry[0];
    if ((entry[1] & OWN) != 0)
      is_own = is_own || std::memcmp(prefix, raw.data(), size) == 0;
    const bool counts = (entry[1] & ALLOWED) != 0 && (is_own || (routes && bits != 0));
    if (counts && bits > best && begins_with(raw, prefix, bits))
      best = bits;
  }
  return best;
}

}  // namespace microlink::netmap
