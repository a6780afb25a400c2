// SPDX-License-Identifier: MIT
#include "microlink/client/records.h"

#include <gtest/gtest.h>

#include "microlink/client/identity.h"

namespace microlink::client {
namespace {

/// Every front of a record must be refused, and must not be read beyond.
template<typename Parse> void expect_truncations_refused(ByteView record, Parse parse, size_t shortest) {
  for (size_t n = 0; n < shortest; n++)
    EXPECT_FALSE(parse(record.first(n))) << n;
}

TEST(Records, control_key_round_trip) {
  CachedControlKey key;
  key.key.bytes.fill(7);
  key.url.assign("https://control.example");
  Bytes<MAX_RECORD_BYTES> room;
  const size_t n = key.write(room);
  const auto back = CachedControlKey::parse(ByteView(room).first(n));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->key, key.key);
  EXPECT_EQ(back->url, key.url);
  expect_truncations_refused(room, CachedControlKey::parse, 33);
  room[0] = 9;
  EXPECT_FALSE(CachedControlKey::parse(ByteView(room).first(n)));
}

TEST(Records, relay_round_trip_skips_stun_only) {
  tailcfg::DerpRegion region{.id = 999};
  tailcfg::DerpNode stun{.stun_only = true};
  tailcfg::DerpNode node{.ipv4 = IpAddress::v4(1, 2, 3, 4), .no_ipv6 = true, .derp_port = 8443, .stun_port = -1};
  node.host_name.assign("derp.example");
  node.cert_name.assign("sha256-raw:0000000000000000000000000000000000000000000000000000000000000000");
  ASSERT_TRUE(region.nodes.push_back(stun) && region.nodes.push_back(node));
  Bytes<MAX_RECORD_BYTES> room;
  const size_t n = write_relay_cache(tailcfg::PackedRegion(region), room);
  ASSERT_NE(n, 0U);
  const auto back = parse_relay_cache(ByteView(room).first(n));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, 999);
  ASSERT_EQ(back->nodes.size(), 1U);
  EXPECT_EQ(back->nodes[0].host_name, node.host_name);
  EXPECT_EQ(back->nodes[0].cert_name, node.cert_name);
  EXPECT_EQ(back->nodes[0].ipv4, node.ipv4);
  EXPECT_EQ(back->nodes[0].stun_port, -1);
  EXPECT_TRUE(back->nodes[0].no_ipv6);
  EXPECT_FALSE(back->nodes[0].insecure_for_tests);
  expect_truncations_refused(ByteView(room).first(n), parse_relay_cache, n);
}

TEST(Records, clock_and_self_round_trip) {
  Bytes<MAX_RECORD_BYTES> room;
  size_t n = write_clock(wall_seconds(1'800'000'000), room);
  EXPECT_EQ(*parse_clock(ByteView(room).first(n)), wall_seconds(1'800'000'000));
  expect_truncations_refused(ByteView(room).first(n), parse_clock, n);

  CachedSelf self{.id = int64_t{1} << 60};
  ASSERT_TRUE(self.addresses.push_back(*parse_prefix("100.64.0.1/32")));
  ASSERT_TRUE(self.addresses.push_back(*parse_prefix("fd7a:115c:a1e0::1/128")));
  self.name.assign("greenhouse.tail1234.ts.net");
  n = self.write(room);
  const auto back = CachedSelf::parse(ByteView(room).first(n));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, self.id);
  EXPECT_EQ(back->addresses, self.addresses);
  EXPECT_EQ(back->name, self.name);
  expect_truncations_refused(ByteView(room).first(n), CachedSelf::parse, n);
}

TEST(Records, duties_are_done_once_and_keys_first) {
  RecordDuties duties;
  duties.store(Record::SELF);
  duties.store(Record::MACHINE_KEY);
  duties.erase(Record::SELF);
  EXPECT_EQ(duties.take_store(), Record::MACHINE_KEY);
  EXPECT_EQ(duties.take_store(), Record::COUNT);
  EXPECT_EQ(duties.take_erase(), Record::SELF);
  EXPECT_TRUE(duties.is_idle());
}

TEST(RecordDuties, that_only_save_time_wait_while_it_is_to_be_quiet) {
  RecordDuties duties;
  duties.set_quiet(true);
  duties.store(Record::SELF);
  duties.store(Record::NODE_KEY);
  EXPECT_EQ(duties.take_store(), Record::NODE_KEY);
  EXPECT_EQ(duties.take_store(), Record::COUNT);
  EXPECT_TRUE(duties.is_idle());
  duties.set_quiet(false);
  EXPECT_EQ(duties.take_store(), Record::SELF);
}

struct Counter final : Random {
  uint8_t next{1};
  void fill(ByteSpan out) override {
    for (uint8_t &byte : out)
      byte = this->next++;
  }
};

/// What a start may find of a rotation that the power ended; tests/memory/rotation_test.cpp has the whole client.
TEST(Identity, whatever_records_a_rotation_leaves_make_a_usable_identity) {
  Counter random;
  Identity before;
  bool machine_is_new = false;
  bool node_is_new = false;
  before.complete(random, machine_is_new, node_is_new);
  ASSERT_TRUE(machine_is_new && node_is_new);
  before.begin_rotation(random);
  const Bytes<32> machine = [&] {
    Bytes<32> b;
    copy(before.export_record(Record::MACHINE_KEY), b);
    return b;
  }();
  const Bytes<32> old_key = [&] {
    Bytes<32> b;
    copy(before.export_record(Record::NODE_KEY), b);
    return b;
  }();
  const Bytes<32> next_key = [&] {
    Bytes<32> b;
    copy(before.export_record(Record::PENDING_NODE_KEY), b);
    return b;
  }();

  struct Cut {
    const char *when;
    ByteView node;
    ByteView pending;
    bool expect_rotating;
    ByteView expect_node;
  };
  for (const Cut &cut :
       {Cut{"before step 1", old_key, {}, false, old_key}, Cut{"after step 1", old_key, next_key, true, old_key},
        Cut{"after step 3", next_key, next_key, false, next_key}, Cut{"after step 4", next_key, {}, false, next_key}}) {
    Identity after;
    EXPECT_EQ(after.load(Record::MACHINE_KEY, machine), Error::NONE);
    EXPECT_EQ(after.load(Record::NODE_KEY, cut.node), Error::NONE);
    if (!cut.pending.empty()) {
      EXPECT_EQ(after.load(Record::PENDING_NODE_KEY, cut.pending), Error::NONE);
    }
    after.complete(random, machine_is_new, node_is_new);
    EXPECT_FALSE(machine_is_new || node_is_new) << cut.when;
    EXPECT_EQ(after.is_rotating(), cut.expect_rotating) << cut.when;
    EXPECT_TRUE(equal(after.export_record(Record::NODE_KEY), cut.expect_node)) << cut.when;
  }
}

TEST(Identity, a_node_key_without_its_machine_key_is_not_used) {
  Counter random;
  Identity identity;
  const Bytes<32> node = [] {
    Bytes<32> b;
    b.fill(3);
    return b;
  }();
  EXPECT_EQ(identity.load(Record::NODE_KEY, node), Error::NONE);
  bool machine_is_new = false;
  bool node_is_new = false;
  identity.complete(random, machine_is_new, node_is_new);
  EXPECT_TRUE(machine_is_new && node_is_new);
  EXPECT_EQ(identity.load(Record::NODE_KEY, ByteView(node).first(31)), Error::MALFORMED);
  EXPECT_EQ(identity.load(Record::NODE_KEY, Bytes<32>{}), Error::MALFORMED);
}

}  // namespace
}  // namespace microlink::client
