// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>

#include "microlink/client/records.h"
#include "tests/client/lonely_client.h"

namespace microlink {
namespace {

/// A client with a list of allowed peers that it may have stored.
class Stored : public testing::LonelyClient {
 public:
  using LonelyClient::LonelyClient;

  Error set(std::string_view list) {
    const Error error = this->client->set_allowed_peers(Instant{1}, list);
    this->drain();
    return error;
  }
  std::string list() const {
    const Status status = this->client->status();
    std::string out = status.everybody_allowed ? "*" : "";
    for (size_t i = 0; i != status.allowed_peers; i++)
      out += (out.empty() ? "" : " ") + std::string(this->client->allowed_peer(i).view());
    return out + " " + allowlist_origin_name(status.allowlist_origin);
  }
};

TEST(AllowedPeers, the_configured_list_counts_until_another_is_set) {
  EXPECT_EQ(Stored("*").list(), "* configured");
  EXPECT_EQ(Stored("").list(), " configured");
  Stored first("phone, tag:server");
  EXPECT_EQ(first.list(), "phone tag:server configured");
  EXPECT_FALSE(first.records.contains(Record::ALLOWLIST));
  EXPECT_EQ(first.set("laptop 100.64.0.0/10"), Error::NONE);
  EXPECT_EQ(first.list(), "laptop 100.64.0.0/10 set");
  EXPECT_EQ(Stored("phone, tag:server", first.records).list(), "laptop 100.64.0.0/10 set");
}

TEST(AllowedPeers, everybody_and_nobody_survive_a_restart_too) {
  for (const char *list : {"*", ""}) {
    Stored first("phone");
    EXPECT_EQ(first.set(list), Error::NONE);
    EXPECT_EQ(Stored("phone", first.records).list(), std::string(list) + " set");
  }
}

TEST(AllowedPeers, a_new_configuration_wins_and_the_stored_list_is_forgotten) {
  Stored first("phone");
  EXPECT_EQ(first.set("laptop"), Error::NONE);
  Stored second("phone tablet", first.records);
  EXPECT_EQ(second.list(), "phone tablet configured");
  EXPECT_FALSE(second.records.contains(Record::ALLOWLIST));
  EXPECT_EQ(Stored("phone", second.records).list(), "phone configured");
}

TEST(AllowedPeers, setting_what_is_configured_is_no_longer_a_list_of_its_own) {
  Stored first("Phone");
  EXPECT_EQ(first.set("laptop"), Error::NONE);
  EXPECT_TRUE(first.records.contains(Record::ALLOWLIST));
  EXPECT_EQ(first.set("phone"), Error::NONE);
  EXPECT_EQ(first.list(), "phone configured");
  EXPECT_FALSE(first.records.contains(Record::ALLOWLIST));
}

TEST(AllowedPeers, a_list_that_cannot_be_understood_changes_nothing) {
  Stored first("phone");
  std::string_view wrong;
  EXPECT_EQ(Client::check_allowed_peers("laptop 100.64.0.300", &wrong), Error::MALFORMED);
  EXPECT_EQ(wrong, "100.64.0.300");
  EXPECT_EQ(first.set("laptop 100.64.0.300"), Error::MALFORMED);
  EXPECT_EQ(first.list(), "phone configured");
  EXPECT_FALSE(first.records.contains(Record::ALLOWLIST));
}

TEST(AllowedPeers, a_configured_list_that_cannot_be_understood_lets_nobody_in) {
  const Stored stored("phone 100.64.0.300");
  EXPECT_EQ(stored.list(), " damaged");
  EXPECT_NE(stored.client->status().message.find("nobody is allowed"), std::string_view::npos);
}

TEST(AllowedPeers, a_damaged_record_lets_nobody_in_until_the_list_is_set_again) {
  Stored first("*");
  ASSERT_EQ(first.set("phone tag:server"), Error::NONE);
  const auto record = first.records[Record::ALLOWLIST];
  const auto start_with = [](std::vector<uint8_t> bytes) { return Stored("*", {{Record::ALLOWLIST, bytes}}).list(); };
  EXPECT_EQ(start_with(record), "phone tag:server set");
  for (size_t n = 0; n != record.size(); n++)
    EXPECT_EQ(start_with({record.begin(), record.begin() + static_cast<ptrdiff_t>(n)}), " damaged") << n;
  EXPECT_EQ(start_with(std::vector<uint8_t>(300)), " damaged");
  for (size_t i = 0; i != record.size(); i++) {
    auto flipped = record;
    flipped[i] ^= 1;
    EXPECT_EQ(start_with(flipped), " damaged") << i;
  }
  Stored damaged("*", {{Record::ALLOWLIST, {}}});
  EXPECT_EQ(damaged.set("laptop"), Error::NONE);
  EXPECT_EQ(damaged.list(), "laptop set");
  EXPECT_EQ(Stored("*", damaged.records).list(), "laptop set");
}

TEST(AllowedPeers, the_longest_list_fits_into_its_record) {
  std::string list;
  for (int i = 0; i != 7; i++)
    list += "nodekey:" + std::string(63, '0') + std::to_string(i + 1) + " ";
  Stored first("*");
  ASSERT_EQ(first.set(list), Error::NONE);
  EXPECT_LE(first.records[Record::ALLOWLIST].size(), MAX_RECORD_BYTES);
  EXPECT_EQ(Stored("*", first.records).list(), list + "set");
}

}  // namespace
}  // namespace microlink
