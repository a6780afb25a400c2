// SPDX-License-Identifier: MIT
#include "microlink/client/path_cache.h"
#include "tests/support/seeded_random.h"

#include <gtest/gtest.h>

namespace microlink::client {
namespace {

constexpr Instant NOW{1'000'000'000};

/// One node's view: a netmap with one peer, told to a magicsock.
struct View {
  explicit View(const NodePublic &key, const DiscoPublic &disco) : sock(random, netmap) {
    tailcfg::Node node;
    node.id = 1;
    node.key = key;
    node.disco_key = disco;
    node.machine_authorized = true;
    (void) node.addresses.push_back(*parse_prefix("100.64.0.9/32"));
    (void) node.allowed_ips.push_back(*parse_prefix("100.64.0.9/32"));
    netmap.message_begin();
    netmap.peers_begin();
    netmap.peer(node);
    netmap.peers_end();
    netmap.message_end(false);
    id = netmap.find_by_key(key);
    const Endpoint local = *parse_endpoint("10.0.0.5:41641");
    sock.set_local_endpoints(NOW, {&local, 1});
    sock.start(NOW, {});
    (void) sock.set_peer(NOW, id, {.allowed = true});
  }
  testing::SeededRandom random{7};
  netmap::Netmap netmap;
  magicsock::Magicsock sock;
  netmap::PeerId id;
};

TEST(PathCache, endpoints_of_a_record_are_pinged_and_not_believed) {
  testing::SeededRandom random{7};
  NodePrivate node;
  DiscoPrivate disco;
  node.generate(random);
  disco.generate(random);
  for (const char *text : {"192.0.2.1:41641", "[2001:db8::1]:7"}) {
    View view(node.public_key(), disco.public_key());
    const Endpoint endpoint = *parse_endpoint(text);
    Bytes<64> room{};
    room[0] = 1;
    Writer record(ByteSpan(room).subspan(1));
    const ByteView address = endpoint.address.raw();
    record.bytes(ByteView(node.public_key().bytes).first(4)).u16be(endpoint.port);
    record.u8(static_cast<uint8_t>(address.size())).bytes(address);
    const ByteView whole = ByteView(room).first(1 + record.size());
    for (size_t n = 0; n != whole.size(); n++)
      load_path_cache(NOW, whole.first(n), view.netmap, view.sock);  // damaged ones do nothing
    view.sock.note_sent(NOW, view.id);
    Bytes<magicsock::Magicsock::MAX_TRANSMIT_BYTES> out;
    EXPECT_FALSE(view.sock.poll_transmit(NOW, out));
    load_path_cache(NOW, whole, view.netmap, view.sock);
    EXPECT_FALSE(view.sock.best_path(view.id).is_set());
    if (endpoint.address.is_v4()) {
      const auto ping = view.sock.poll_transmit(NOW, out);
      ASSERT_TRUE(ping) << text;
      EXPECT_EQ(ping->to, endpoint);
    }
    EXPECT_EQ(write_path_cache(view.netmap, view.sock, room), 1U) << "only what was proved is written";
  }
}

}  // namespace
}  // namespace microlink::client
