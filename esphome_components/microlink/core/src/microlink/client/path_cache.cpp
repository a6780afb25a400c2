// SPDX-License-Identifier: MIT
#include "microlink/client/path_cache.h"

#include "microlink/base/reader.h"
#include "microlink/base/writer.h"

namespace microlink::client {

namespace {

constexpr uint8_t VERSION = 1;
constexpr size_t PREFIX_BYTES = 4;

/// Unset at the end.
Endpoint read_endpoint(Reader &in) {
  const uint16_t port = in.u16be();
  const size_t size = in.u8();
  const ByteView address = in.take(size);
  if (!in.ok() || (size != 4 && size != 16))
    return {};
  return {IpAddress::from_bytes(address), port};
}

}  // namespace

size_t write_path_cache(const netmap::Netmap &netmap, const magicsock::Magicsock &magicsock, ByteSpan out) {
  Writer record(out);
  record.u8(VERSION);
  for (size_t slot = 0; slot != MAX_PEERS; slot++) {
    const netmap::PeerId id = netmap.at(slot);
    const netmap::Peer *peer = netmap.peer(id);
    const Endpoint endpoint = magicsock.best_path(id).endpoint;
    const ByteView address = endpoint.address.raw();
    if (peer == nullptr || !endpoint.is_set() || record.left() < PREFIX_BYTES + 3 + address.size())
      continue;
    record.bytes(ByteView(peer->key.bytes).first(PREFIX_BYTES)).u16be(endpoint.port);
    record.u8(static_cast<uint8_t>(address.size())).bytes(address);
  }
  return record.ok() ? record.size() : 0;
}

void load_path_cache(Instant now, ByteView record, const netmap::Netmap &netmap, magicsock::Magicsock &magicsock) {
  Reader in(record);
  if (in.u8() != VERSION)
    return;
  while (in.left() != 0) {
    const ByteView prefix = in.take(PREFIX_BYTES);
    const Endpoint endpoint = read_endpoint(in);
    if (!endpoint.is_set() || !endpoint.address.is_set())
      return;
    for (size_t slot = 0; slot != MAX_PEERS; slot++) {
      const netmap::PeerId id = netmap.at(slot);
      const netmap::Peer *peer = netmap.peer(id);
      if (peer == nullptr || !equal(ByteView(peer->key.bytes).first(PREFIX_BYTES), prefix))
        continue;
      (void) magicsock.set_peer(now, id,
                                {.endpoints = std::span<const Endpoint>(&endpoint, 1),
                                 .home_region = peer->home_derp,
                                 .allowed = peer->allowed});
    }
  }
}

}  // namespace microlink::client
