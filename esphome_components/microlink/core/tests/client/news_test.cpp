// SPDX-License-Identifier: MIT
#include "microlink/client/news.h"

#include <gtest/gtest.h>

#include <vector>

namespace microlink::client {
namespace {

using Kind = Event::Kind;

NodePublic key(uint8_t value) {
  NodePublic out;
  out.bytes.fill(value);
  return out;
}

std::vector<Kind> kinds_of(News &news) {
  std::vector<Kind> out;
  size_t slot = 0;
  while (const auto event = news.take(slot))
    out.push_back(event->kind);
  return out;
}

TEST(News, that_something_changed_is_told_once) {
  News news;
  EXPECT_TRUE(kinds_of(news).empty());
  for (int i = 0; i != 100; i++) {
    news.raise(Kind::STATE_CHANGED);
    news.raise(Kind::MESSAGE);
  }
  EXPECT_EQ(kinds_of(news), (std::vector{Kind::STATE_CHANGED, Kind::MESSAGE}));
  EXPECT_TRUE(kinds_of(news).empty());
}

TEST(News, each_peer_that_changed_is_told) {
  News news;
  for (size_t slot = 0; slot != MAX_PEERS; slot++)
    news.peer_changed(slot);
  news.peer_changed(1);
  for (size_t expected = 0; expected != MAX_PEERS; expected++) {
    size_t slot = MAX_PEERS;
    const auto event = news.take(slot);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, Kind::PEER_CHANGED);
    EXPECT_EQ(slot, expected);
  }
  EXPECT_TRUE(kinds_of(news).empty());
}

TEST(News, a_peer_that_has_gone_did_not_change_and_does_not_time_out) {
  News news;
  news.peer_changed(3);
  news.ping_timed_out(3);
  news.peer_gone(3);
  EXPECT_TRUE(kinds_of(news).empty());
}

TEST(News, a_pong_says_all_about_itself) {
  News news;
  const Endpoint path = *parse_endpoint("192.0.2.1:41641");
  news.pong({.peer = key(1), .path = path, .region = 0, .latency = milliseconds(12)});
  news.pong({.peer = key(2), .path = {}, .region = 9, .latency = milliseconds(80)});
  size_t slot = MAX_PEERS;
  const auto first = news.take(slot);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->peer, key(1));
  EXPECT_EQ(first->path, path);
  EXPECT_EQ(first->latency, milliseconds(12));
  const auto second = news.take(slot);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->region, 9);
  EXPECT_EQ(slot, MAX_PEERS);
}

TEST(News, an_owner_that_does_not_ask_loses_the_oldest) {
  News news;
  for (uint8_t i = 0; i != 20; i++)
    news.pong({.peer = key(i), .path = {}, .region = 1, .latency = {}});
  size_t slot = 0;
  std::vector<uint8_t> told;
  while (const auto event = news.take(slot))
    told.push_back(event->peer.bytes[0]);
  EXPECT_EQ(told, (std::vector<uint8_t>{18, 19}));
}

TEST(News, that_it_is_over_comes_last) {
  News news;
  news.raise(Kind::STOPPED);
  news.raise(Kind::STATE_CHANGED);
  EXPECT_EQ(kinds_of(news), (std::vector{Kind::STATE_CHANGED, Kind::STOPPED}));
}

}  // namespace
}  // namespace microlink::client
