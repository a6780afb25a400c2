// SPDX-License-Identifier: MIT
#include "microlink/netmap/peer_prefixes.h"

namespace microlink::netmap {

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

int PeerPrefixes::match(const IpAddress &address, bool routes) const {
  const ByteView raw = address.raw();
  bool is_own = false;
  int best = -1;
  for (size_t at = 0; at != this->size_;) {  // own addresses come first
    const Entry entry = this->read_(at);
    if (entry.raw.size() != raw.size())
      continue;
    is_own = is_own || ((entry.flags & OWN) != 0 && equal(entry.raw, raw));
    const bool counts = (entry.flags & ALLOWED) != 0 && (is_own || (routes && entry.bits != 0));
    if (counts && entry.bits > best && entry.prefix().contains(address))
      best = entry.bits;
  }
  return best;
}

}  // namespace microlink::netmap
