// SPDX-License-Identifier: MIT
#include "microlink/client/records.h"

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"
#include "microlink/crypto/blake2s.h"

namespace microlink::client {

namespace {

constexpr uint8_t VERSION = 1;
constexpr uint8_t SELF_VERSION = 2;
constexpr uint8_t NO_IPV4 = 1;
constexpr uint8_t NO_IPV6 = 2;
constexpr uint8_t INSECURE_FOR_TESTS = 4;

void write_text(Writer &out, std::string_view text) { out.u8(static_cast<uint8_t>(text.size())).text(text); }

std::string_view read_text(Reader &in) {
  const size_t size = in.u8();
  return as_text(in.take(size));
}

size_t finished(const Writer &out) { return out.ok() ? out.size() : 0; }

}  // namespace

Result<CachedControlKey> CachedControlKey::parse(ByteView record) {
  Reader in(record);
  const uint8_t version = in.u8();
  CachedControlKey out;
  out.key = MachinePublic{in.array<KEY_BYTES>()};
  const bool fits = out.url.assign(as_text(in.take(in.left())));
  if (!in.ok() || version != VERSION || !fits || !out.key.is_set())
    return Error::MALFORMED;
  return out;
}

size_t CachedControlKey::write(ByteSpan out) const {
  Writer record(out);
  record.u8(VERSION).bytes(this->key.bytes).text(this->url);
  return finished(record);
}

Result<tailcfg::DerpRegion> parse_relay_cache(ByteView record) {
  Reader in(record);
  const uint8_t version = in.u8();
  tailcfg::DerpRegion region;
  tailcfg::DerpNode node;
  region.id = in.u16be();
  node.derp_port = in.u16be();
  node.stun_port = static_cast<int32_t>(in.u32be());
  const uint8_t flags = in.u8();
  node.ipv4 = IpAddress{in.array<16>()};
  node.ipv6 = IpAddress{in.array<16>()};
  const bool host_fits = node.host_name.assign(read_text(in));
  const bool cert_fits = node.cert_name.assign(read_text(in));
  if (!in.ok() || version != VERSION || region.id == 0 || !host_fits || !cert_fits)
    return Error::MALFORMED;
  node.no_ipv4 = (flags & NO_IPV4) != 0;
  node.no_ipv6 = (flags & NO_IPV6) != 0;
  node.insecure_for_tests = (flags & INSECURE_FOR_TESTS) != 0;
  (void) region.nodes.push_back(node);
  return region;
}

size_t write_relay_cache(const tailcfg::PackedRegion &region, ByteSpan out) {
  for (size_t i = 0; i != region.size(); i++) {
    const tailcfg::DerpNodeView node = region.node(i);
    if (node.stun_only)
      continue;
    Writer record(out);
    const int flags = (node.no_ipv4 ? NO_IPV4 : 0) | (node.no_ipv6 ? NO_IPV6 : 0) |
                      (node.insecure_for_tests ? INSECURE_FOR_TESTS : 0);
    record.u8(VERSION).u16be(region.id()).u16be(node.derp_port).u32be(static_cast<uint32_t>(node.stun_port));
    record.u8(static_cast<uint8_t>(flags)).bytes(node.ipv4.bytes).bytes(node.ipv6.bytes);
    write_text(record, node.host_name);
    write_text(record, node.cert_name);
    return finished(record);
  }
  return 0;
}

Result<WallTime> parse_clock(ByteView record) {
  Reader in(record);
  const uint8_t version = in.u8();
  const uint64_t microseconds = in.u64be();
  if (!in.ok() || version != VERSION || microseconds > static_cast<uint64_t>(INT64_MAX / 2))
    return Error::MALFORMED;
  return static_cast<WallTime>(microseconds);
}

size_t write_clock(WallTime reserved_until, ByteSpan out) {
  Writer record(out);
  record.u8(VERSION).u64be(static_cast<uint64_t>(reserved_until));
  return finished(record);
}

namespace {

StoredAllowlist::Digest digest(ByteView first, ByteView second = {}) {
  StoredAllowlist::Digest out;
  copy(ByteView(crypto::blake2s({first, second})).first(out.size()), out);
  return out;
}

}  // namespace

static_assert(1 + 8 + 8 + 1 + MAX_ALLOWLIST_BYTES <= MAX_RECORD_BYTES);

StoredAllowlist::Digest StoredAllowlist::digest_of(const netmap::Allowlist &list) {
  return digest(Bytes<1>{list.is_everybody()}, list.packed());
}

Result<StoredAllowlist> StoredAllowlist::parse(ByteView record) {
  Reader in(record);
  const uint8_t version = in.u8();
  const Digest whole = in.array<8>();
  const Digest expected = digest(in.rest());
  StoredAllowlist out;
  out.configured = in.array<8>();
  const uint8_t everybody = in.u8();
  if (!in.ok() || version != VERSION || whole != expected || everybody > 1 ||
      out.list.load(everybody == 1, in.rest()) != Error::NONE)
    return Error::MALFORMED;
  return out;
}

size_t StoredAllowlist::write(ByteSpan out) const {
  Writer record(out);
  record.u8(VERSION);
  const ByteSpan whole = record.claim(8);
  record.bytes(this->configured).u8(this->list.is_everybody() ? 1 : 0).bytes(this->list.packed());
  if (record.ok())
    copy(digest(ByteView(record.written()).subspan(9)), whole);
  return finished(record);
}

CachedSelf::Server CachedSelf::server_of(std::string_view control_url) { return digest(as_bytes(control_url)); }

Result<CachedSelf> CachedSelf::parse(ByteView record) {
  Reader in(record);
  const uint8_t version = in.u8();
  CachedSelf out;
  out.server = in.array<8>();
  out.id = static_cast<int64_t>(in.u64be());
  for (uint8_t left = in.u8(); left != 0 && in.ok(); left--) {
    const IpAddress address{in.array<16>()};
    const uint8_t bits = in.u8();
    if (!address.is_set() || bits > (address.is_v4() ? 32 : 128) || !out.addresses.push_back({address, bits}))
      return Error::MALFORMED;
  }
  const bool fits = out.name.assign(read_text(in));
  if (!in.ok() || version != SELF_VERSION || !fits)
    return Error::MALFORMED;
  return out;
}

size_t CachedSelf::write(ByteSpan out) const {
  Writer record(out);
  record.u8(SELF_VERSION)
      .bytes(this->server)
      .u64be(static_cast<uint64_t>(this->id))
      .u8(static_cast<uint8_t>(this->addresses.size()));
  for (const Prefix &prefix : this->addresses)
    record.bytes(prefix.address.bytes).u8(prefix.bits);
  write_text(record, this->name);
  return finished(record);
}

}  // namespace microlink::client
