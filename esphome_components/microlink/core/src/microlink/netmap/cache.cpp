// SPDX-License-Identifier: MIT
// Netmap, fourth part: peers that survive a restart.
//
//     record   version (1) ‖ allowlist hash (u32) ‖ peer*
//     peer     size of the rest (u8) ‖ id (u64) ‖ node key (32) ‖ disco key (32) ‖ flags (u8) ‖ home region (u16) ‖
//              key expiry (u32, Unix seconds, 0 = never) ‖ name ‖ addresses ‖ further allowed IPs
//     name     bytes shared with the end of the name before (u8) ‖ size (u8) ‖ the front of the name
//     list     count (u8) ‖ { family (4, 6, or 7 for fd7a:115c:a1e0::/48) ‖ bits (u8) ‖ 4, 16 or 10 bytes }*
//
// Numbers are big-endian. Endpoints are left out: they are old when they are read, and the relay works without them.
#include "microlink/base/reader.h"
#include "microlink/base/writer.h"
#include "microlink/netmap/netmap.h"

namespace microlink::netmap {

namespace {

constexpr uint8_t VERSION = 1;
constexpr uint8_t FLAG_JAILED = 1;
constexpr uint8_t FLAG_ALLOWED = 2;
constexpr uint8_t FLAG_NO_ACCESS = 4;
constexpr uint8_t FAMILY_V4 = 4;
constexpr uint8_t FAMILY_V6 = 6;
constexpr uint8_t FAMILY_ULA = 7;

void write_prefix(Writer &out, const Prefix &prefix) {
  const ByteView raw = prefix.address.raw();
  const bool ula = raw.size() == 16 && equal(raw.first(TAILNET_V6.size()), TAILNET_V6);
  out.u8(ula ? FAMILY_ULA : raw.size() == 16 ? FAMILY_V6 : FAMILY_V4).u8(prefix.bits);
  out.bytes(ula ? raw.subspan(TAILNET_V6.size()) : raw);
}

Prefix read_prefix(Reader &in, bool &ok) {
  const uint8_t family = in.u8();
  Prefix out;
  out.bits = in.u8();
  if (family == FAMILY_V4) {
    out.address = IpAddress::from_bytes(in.array<4>());
  } else if (family == FAMILY_V6) {
    out.address = IpAddress::from_bytes(in.array<16>());
  } else {
    Bytes<16> raw{};
    copy(TAILNET_V6, raw);
    copy(in.array<10>(), ByteSpan(raw).subspan(TAILNET_V6.size()));
    out.address = IpAddress::from_bytes(raw);
    ok &= family == FAMILY_ULA;
  }
  ok &= out.bits <= (out.address.is_v4() ? 32 : 128) && out.address.is_v4() == (family == FAMILY_V4);
  return out;
}

size_t shared_tail(std::string_view a, std::string_view b) {
  size_t n = 0;
  while (n != a.size() && n != b.size() && a[a.size() - 1 - n] == b[b.size() - 1 - n])
    n++;
  return n;
}

/// Those that it may use, which is all of them as a rule.
void write_addresses(Writer &out, const Peer &peer) {
  const ByteSpan count = out.claim(1);
  if (count.empty())
    return;
  count[0] = 0;
  const tailcfg::AllowedIps allowed = peer.prefixes.allowed();
  for (const Prefix &address : peer.prefixes.own()) {
    if (!allowed.contains(address))
      continue;
    write_prefix(out, address);
    count[0]++;
  }
}

/// Routes that do not fit are left out: less reach, never more.
void write_routes(Writer &out, const Peer &peer) {
  const ByteSpan count = out.claim(1);
  if (count.empty())
    return;
  count[0] = 0;
  const PeerPrefixes::Addresses own = peer.prefixes.own();
  for (const Prefix &prefix : peer.prefixes.allowed()) {
    if (own.contains(prefix))
      continue;
    if (out.left() < 18)
      return;
    write_prefix(out, prefix);
    count[0]++;
  }
}

/// A peer without its size byte; whether it fits.
bool write_peer(Writer &out, const Peer &peer, bool no_access, std::string_view name, std::string_view name_before) {
  const size_t shared = shared_tail(name, name_before);
  out.u64be(static_cast<uint64_t>(peer.id)).bytes(peer.key.bytes).bytes(peer.disco_key.bytes);
  out.u8(static_cast<uint8_t>((peer.is_jailed ? FLAG_JAILED : 0) | (peer.allowed ? FLAG_ALLOWED : 0) |
                              (no_access ? FLAG_NO_ACCESS : 0)));
  out.u16be(peer.home_derp);
  out.u32be(peer.key_expiry.unix_seconds());
  out.u8(static_cast<uint8_t>(shared)).u8(static_cast<uint8_t>(name.size() - shared));
  out.text(name.substr(0, name.size() - shared));
  write_addresses(out, peer);
  write_routes(out, peer);
  return out.ok();
}

}  // namespace

uint32_t Netmap::allowlist_hash_() const {
  uint32_t hash = 2166136261U;  // FNV-1a
  hash = (hash ^ (this->allowlist_.is_everybody() ? 1U : 0U)) * 16777619U;
  for (const uint8_t byte : this->allowlist_.packed())
    hash = (hash ^ byte) * 16777619U;
  return hash;
}

size_t Netmap::write_cache(size_t index, ByteSpan out) const {
  std::array<uint16_t, MAX_PEERS> order{};
  size_t count = 0;
  for (size_t i = 0; i != this->slots_.size(); i++) {
    if (!this->slots_[i].used)
      continue;
    size_t at = count++;
    for (; at != 0 && rank_(this->slots_[i]) > rank_(this->slots_[order[at - 1]]); at--)
      order[at] = order[at - 1];
    order[at] = static_cast<uint16_t>(i);
  }
  out = out.first(std::min(out.size(), MAX_CACHE_RECORD_BYTES));
  size_t next = 0;
  for (size_t record = 0; next != count; record++) {
    Writer writer(out);
    writer.u8(VERSION).u32be(this->allowlist_hash_());
    tailcfg::NodeName name_before;
    const size_t first = next;
    for (; next != count; next++) {
      const Slot &slot = this->slots_[order[next]];
      const tailcfg::NodeName name = this->name_of_(slot);
      Bytes<MAX_CACHE_RECORD_BYTES> scratch;
      Writer one(ByteSpan(scratch).first(std::min(scratch.size(), writer.left())));
      if (writer.left() == 0 || !write_peer(one, slot.peer, slot.no_access, name, name_before) ||
          one.size() + 1 > writer.left())
        break;
      writer.u8(static_cast<uint8_t>(one.size())).bytes(one.written());
      name_before = name;
    }
    if (next == first)
      return 0;  // not even one peer fits into the caller's buffer
    if (record == index)
      return writer.size();
  }
  return 0;
}

Error Netmap::load_cache(ByteView record) {
  if (this->had_full_map_ || this->in_full_map_)
    return Error::UNEXPECTED;
  Reader in(record);
  const uint8_t version = in.u8();
  const bool same_allowlist = in.u32be() == this->allowlist_hash_();
  if (!in.ok() || version != VERSION)
    return Error::MALFORMED;
  tailcfg::NodeName name;
  while (in.left() != 0) {
    const ByteView one = in.take(in.u8());
    if (!in.ok())
      return Error::MALFORMED;
    const Error error = this->load_cached_peer_(one, name, same_allowlist);
    if (error != Error::NONE)
      return error;
  }
  return Error::NONE;
}

/// `name` is that of the peer before in the record, and becomes that of this one.
Error Netmap::load_cached_peer_(ByteView raw, tailcfg::NodeName &name, bool same_allowlist) {
  Reader in(raw);
  Slot loaded;
  Peer &peer = loaded.peer;
  peer.id = static_cast<int64_t>(in.u64be());
  peer.key = NodePublic::from_bytes(in.array<KEY_BYTES>());
  peer.disco_key = DiscoPublic::from_bytes(in.array<KEY_BYTES>());
  const uint8_t flags = in.u8();
  peer.home_derp = in.u16be();
  if (const uint32_t expiry = in.u32be(); expiry != 0)
    peer.key_expiry = wall_seconds(expiry);
  const size_t shared = in.u8();
  const std::string_view front = as_text(in.take(in.u8()));
  bool ok = in.ok() && shared <= name.size() && front.size() + shared <= tailcfg::NodeName::CAPACITY;
  if (!ok)
    return Error::MALFORMED;
  tailcfg::NodeName own(front);
  own.append(name.view().substr(name.size() - shared));
  name = own;
  PeerPrefixes::Addresses addresses;
  tailcfg::AllowedIps allowed;
  for (uint8_t left = in.u8(); left != 0 && ok; left--) {
    const Prefix address = read_prefix(in, ok);
    ok &= address.is_single() && addresses.push_back(address) && allowed.push_back(address);
  }
  for (uint8_t left = in.u8(); left != 0 && ok; left--)
    ok &= allowed.push_back(read_prefix(in, ok));
  peer.prefixes.set(addresses, allowed);
  if (!ok || !in.ok() || in.left() != 0 || peer.id <= 0 || !peer.key.is_set())
    return Error::MALFORMED;
  if (this->find(peer.id).is_set() || this->find_by_key(peer.key).is_set())
    return Error::NONE;
  peer.is_jailed = (flags & FLAG_JAILED) != 0;
  peer.from_cache = loaded.was_cached = true;
  loaded.no_access = (flags & FLAG_NO_ACCESS) != 0;
  const Subject subject = this->subject_of_(peer, name);
  if (same_allowlist && (flags & FLAG_ALLOWED) != 0)
    loaded.tags = UINT16_MAX;
  this->judge_(loaded, subject);
  loaded.pinned = any_selects(this->pinned_, subject);
  this->refresh_claim_(loaded);
  Slot *const slot = this->room_for_(rank_(loaded), peer.id);
  if (slot == nullptr)
    return Error::NONE;
  this->fill_slot_(*slot, loaded, name);
  return Error::NONE;
}

}  // namespace microlink::netmap
