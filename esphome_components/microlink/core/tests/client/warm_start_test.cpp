// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "microlink/client/records.h"
#include "tests/client/lonely_client.h"
#include "tests/netmap/bench.h"

namespace microlink {
namespace {

using testing::LonelyClient;
using testing::Records;

std::vector<uint8_t> relay() {
  tailcfg::DerpRegion region{.id = 9};
  tailcfg::DerpNode node{.ipv4 = IpAddress::v4(192, 0, 2, 9), .no_ipv6 = true};
  node.host_name.assign("relay.test");
  EXPECT_TRUE(region.nodes.push_back(node));
  std::vector<uint8_t> record(MAX_RECORD_BYTES);
  record.resize(client::write_relay_cache(tailcfg::PackedRegion(region), record));
  return record;
}

/// What a run at this control URL leaves: own address, a relay, a peer.
Records left_by_a_run_at(std::string_view control_url) {
  client::CachedSelf self{.server = client::CachedSelf::server_of(control_url), .id = 7};
  EXPECT_TRUE(self.addresses.push_back({IpAddress::v4(100, 64, 0, 7), 32}));
  std::vector<uint8_t> own(MAX_RECORD_BYTES);
  own.resize(self.write(own));
  testing::Bench tailnet;
  tailnet.feed("{\"Peers\":[" + testing::node(2) + "]}");
  std::vector<uint8_t> peers(MAX_RECORD_BYTES);
  peers.resize(tailnet.netmap.write_cache(0, peers));
  return {{Record::RELAY_CACHE, relay()}, {Record::PEER_CACHE_0, peers}, {Record::SELF, own}, {Record::PATHS, {1}}};
}

TEST(WarmStart, begins_with_the_addresses_the_relay_and_the_peers_of_the_last_run) {
  const Records left = left_by_a_run_at(LonelyClient::CONTROL_URL);
  const LonelyClient again("*", left);
  ASSERT_EQ(again.addresses.size(), 1U);
  EXPECT_EQ(again.addresses[0].address, IpAddress::v4(100, 64, 0, 7));
  EXPECT_NE(again.dialled.find("relay.test"), std::string::npos) << again.dialled;
  EXPECT_EQ(again.dialled_before_start, "");
  EXPECT_EQ(again.client->peer_count(), 1U);
  ASSERT_EQ(left.size(), 4U);
  for (const auto &[record, bytes] : left) {
    ASSERT_TRUE(again.records.contains(record)) << record_name(record);
    EXPECT_EQ(again.records.at(record), bytes) << record_name(record);
  }
}

TEST(WarmStart, at_another_control_url_knows_nothing_of_the_other_tailnet) {
  const LonelyClient moved("*", left_by_a_run_at("https://elsewhere.test"));
  EXPECT_TRUE(moved.addresses.empty());
  EXPECT_EQ(moved.dialled.find("relay.test"), std::string::npos) << moved.dialled;
  EXPECT_EQ(moved.dialled_before_start, "");
  EXPECT_EQ(moved.client->peer_count(), 0U);
  for (const Record record : {Record::RELAY_CACHE, Record::PEER_CACHE_0, Record::SELF, Record::PATHS})
    EXPECT_FALSE(moved.records.contains(record)) << record_name(record);
}

}  // namespace
}  // namespace microlink
