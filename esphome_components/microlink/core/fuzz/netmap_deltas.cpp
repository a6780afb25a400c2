// SPDX-License-Identifier: MIT
/// A script of netmap calls. After each: every peer is found by what it has, no two peers share an id or a key, events
/// come in an order that makes sense, and cached peers can be read back.
#include <set>

#include "microlink/base/reader.h"
#include "microlink/netmap/netmap.h"

using namespace microlink;
using namespace microlink::netmap;

namespace {

tailcfg::Node node_of(Reader &in) {
  tailcfg::Node node;
  const uint8_t id = in.u8();
  const uint8_t variant = in.u8();
  node.id = 1 + id % 40;
  node.key.bytes[0] = static_cast<uint8_t>(1 + (variant & 1 ? id % 40 : id / 2 % 40));
  node.disco_key.bytes[0] = static_cast<uint8_t>(variant & 2 ? 0 : 1 + variant % 5);
  node.expired = variant % 11 == 0;
  node.online = variant & 4 ? std::optional<bool>((variant & 8) != 0) : std::nullopt;
  node.home_derp = variant >> 4;
  const char name[] = {'n', static_cast<char>('a' + id % 26), '.', 't'};
  node.name.assign({name, sizeof(name)});
  (void) node.addresses.push_back({IpAddress::v4(100, 64, 0, id), 32});
  (void) node.allowed_ips.push_back(node.addresses[0]);
  if (variant & 16)
    (void) node.allowed_ips.push_back({IpAddress::v4(10, id, 0, 0), 16});
  return node;
}

void check(const Netmap &map) {
  std::set<int64_t> ids;
  std::set<uint8_t> keys;
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    const PeerId id = map.at(slot);
    const Peer *const peer = map.peer(id);
    if (!id.is_set())
      continue;
    if (peer == nullptr || !ids.insert(peer->id).second || !keys.insert(peer->key.bytes[0]).second)
      __builtin_trap();
    if (map.find(peer->id) != id || map.find_by_key(peer->key) != id || !map.find_by_name(map.name(id)).is_set() ||
        !map.find_by_address(peer->prefixes.own()[0].address).is_set())
      __builtin_trap();
  }
  if (map.peer_count() != ids.size())
    __builtin_trap();
}

void check_cache(const Netmap &map) {
  Netmap loaded;
  for (size_t index = 0;; index++) {
    Bytes<MAX_CACHE_RECORD_BYTES> record;
    const size_t size = map.write_cache(index, record);
    if (size == 0)
      break;
    if (loaded.load_cache(ByteView(record).first(size)) != Error::NONE)
      __builtin_trap();
  }
  if (loaded.peer_count() != map.peer_count())
    __builtin_trap();
}

void step(Netmap &map, Reader &in, std::set<uint32_t> &present) {
  switch (in.u8() % 12) {
    case 0:
    case 1:
    case 2:
      map.peer(node_of(in));
      break;
    case 3:
      map.peers_begin();
      break;
    case 4:
      map.peers_end();
      break;
    case 5:
      map.peer_removed(1 + in.u8() % 40);
      break;
    case 6: {
      tailcfg::PeerChange change;
      change.id = 1 + in.u8() % 40;
      change.home_derp = in.u8();
      change.online = in.u8() % 2 == 0;
      map.peer_patched(change);
      break;
    }
    case 7:
      map.set_live(map.at(in.u8() % MAX_PEERS), in.u8() % 2 == 0);
      break;
    case 8: {
      const char name[] = {'n', static_cast<char>('a' + in.u8() % 26)};
      map.want(*netmap::Want::of({name, sizeof(name)}));
      break;
    }
    case 9:
      map.message_begin();
      break;
    case 10:
      in.u8() % 2 == 0 ? map.aborted() : check_cache(map);
      break;
    default: {
      Netmap damaged;
      (void) damaged.load_cache(in.take(std::min<size_t>(in.left(), 255)));
      for (size_t slot = 0; slot != MAX_PEERS; slot++) {
        const Peer *const peer = damaged.peer(damaged.at(slot));
        if (peer != nullptr && (peer->id <= 0 || !peer->key.is_set()))
          __builtin_trap();
      }
    }
  }
  while (const auto event = map.poll_event()) {
    const uint32_t id = static_cast<uint32_t>(event->peer.slot) << 16 | event->peer.generation;
    if (event->kind == Event::Kind::RESYNC)
      __builtin_trap();  // one step cannot fill the ring
    if (event->kind == Event::Kind::PEER_ADDED && !present.insert(id).second)
      __builtin_trap();
    if (event->kind == Event::Kind::PEER_REMOVED && present.erase(id) == 0)
      __builtin_trap();
  }
  if (present.size() != map.peer_count())
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Netmap map;
  map = Netmap{};
  Reader in({data, size});
  std::set<uint32_t> present;
  while (in.left() != 0) {
    step(map, in, present);
    check(map);
  }
  return 0;
}
