// SPDX-License-Identifier: MIT
/// The whole node as a firmware has it: task, flash, lwIP, everything but the board.
#include <gtest/gtest.h>
#include <mbedtls/platform.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "microlink/port/esp_idf/background.h"
#include "microlink/tls/heap.h"
#include "tests/port/esp_idf/fake_idf/flash.h"
#include "tests/port/esp_idf/fake_idf/memory.h"
#include "tests/port/esp_idf/harbour.h"
#include "tests/port/esp_idf/peer.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using chip::Command;
using chip::Snapshot;
using esp_idf::Background;
using fake_idf::Flash;

constexpr size_t TRAFFIC = 100'000;

/// A heap that has no room for a client so many times.
std::atomic<int> refusals;
void *take_seldom(size_t size) {
  const bool is_client = size > sizeof(chip::Node);
  return is_client && refusals.fetch_sub(1) > 0 ? nullptr : ::operator new(size, std::nothrow);
}
constexpr Memory SELDOM{take_seldom, [](void *memory) { ::operator delete(memory); }};

/// The allocator that the firmware chose for mbedTLS, long before a node starts.
std::atomic<size_t> taken_for_tls;
void *take_for_tls(size_t count, size_t size) {
  taken_for_tls++;
  return std::calloc(count, size);
}
const int CHOSEN = mbedtls_platform_set_calloc_free(take_for_tls, std::free);

Config config_of(size_t node, bool relay_only) {
  Config out;
  out.control_url.assign(Harbour::control_url(node));
  out.hostname.assign("node-" + std::to_string(node + 1));
  out.allow_plain_http = true;
  out.relay_only = relay_only;
  out.ca_certificates = relay_ca();
  return out;
}

class ChipNode : public OnLwip {
 protected:
  ChipNode() {
    Flash::get().reset();
    fake_idf::set_heap({});
    EXPECT_FALSE(usage_at_rest().empty());
  }
  ~ChipNode() override {
    background().stop();
    EXPECT_TRUE(wait_until([] { return lwip_usage() == usage_at_rest(); })) << "taken at rest:\n"
                                                                            << usage_at_rest() << "now:\n"
                                                                            << lwip_usage();
    EXPECT_EQ(fake_idf::psram_used(), 0U);
  }
  /// There is one in a firmware, to the end.
  static Background &background() {
    static auto &background = *[] {
      auto *out = new Background;
      out->gather_entropy();
      return out;
    }();
    return background;
  }
  static Background::Options options(bool relay_only = false) {
    Background::Options out;
    static Config config;
    config = config_of(0, relay_only);
    out.config = &config;
    return out;
  }
  void start(bool relay_only = false) { ASSERT_STREQ(background().start(options(relay_only), "key", nullptr), ""); }
  void wait_for(State state) {
    EXPECT_TRUE(wait_until([&] {
      (void) background().take_snapshot(this->snapshot);
      return this->snapshot.state == state;
    })) << static_cast<int>(this->snapshot.state);
  }
  /// For one that holds `text`; none at all when that is empty.
  void wait_for_message(std::string_view text) {
    EXPECT_TRUE(wait_until([&] {
      (void) background().take_snapshot(this->snapshot);
      const std::string_view message = this->snapshot.message.view();
      return text.empty() ? message.empty() : message.find(text) != std::string_view::npos;
    })) << this->snapshot.message.view();
  }
  /// Both nodes have been told of each other, and can reach each other over the relay.
  static void wait_for_both(const Harbour &harbour) {
    EXPECT_TRUE(wait_until([&] { return harbour.streaming() == 2 && harbour.relayed() == 2; }));
    EXPECT_TRUE(wait_until([] { return ping(FIRST_V4, SECOND_V4); }));
  }
  /// Both ways and both families.
  static void talk() {
    const EchoServer server;
    EXPECT_TRUE(ping(SECOND_V4, FIRST_V4));
    EXPECT_TRUE(ping(FIRST_V6, SECOND_V6));
    EXPECT_TRUE(ping(SECOND_V6, FIRST_V6));
    EXPECT_EQ(echo_tcp(FIRST_V4, SECOND_V4, TRAFFIC), TRAFFIC);
    EXPECT_EQ(echo_tcp(SECOND_V6, FIRST_V6, TRAFFIC), TRAFFIC);
    for (const size_t size : {size_t{1}, size_t{1'200}, size_t{3'000}}) {
      EXPECT_TRUE(echo_udp(SECOND_V4, FIRST_V4, size)) << size;
      EXPECT_TRUE(echo_udp(FIRST_V6, SECOND_V6, size)) << size;
    }
  }

  Snapshot snapshot;

 private:
  /// After a first start, which takes something for good: the message that wakes the node.
  static const std::string &usage_at_rest() {
    static const std::string USAGE = [] {
      (void) background().start(options(), "", nullptr);
      background().stop();
      return lwip_usage();
    }();
    return USAGE;
  }
};

class ChipNodes : public ChipNode, public ::testing::WithParamInterface<bool> {};

TEST_P(ChipNodes, talk_over_lwips_sockets) {
  const bool relay_only = GetParam();
  const Harbour harbour;
  const Peer peer(config_of(1, relay_only));
  this->start(relay_only);
  this->wait_for(State::ONLINE);
  EXPECT_EQ(this->snapshot.ipv4, FIRST_V4);
  EXPECT_EQ(this->snapshot.ipv6, FIRST_V6);
  wait_for_both(harbour);
  talk();
}

INSTANTIATE_TEST_SUITE_P(Paths, ChipNodes, ::testing::Values(false, true),
                         [](const auto &info) { return std::string(info.param ? "relayed" : "direct"); });

TEST_F(ChipNode, goes_on_when_all_its_connections_were_cut) {
  Harbour harbour;
  const Peer peer(config_of(1, false));
  this->start();
  this->wait_for(State::ONLINE);
  wait_for_both(harbour);
  harbour.cut();
  EXPECT_TRUE(ping(SECOND_V4, FIRST_V4));  // the direct path needs none of them
  EXPECT_TRUE(wait_until([&] { return harbour.streaming() == 2; }));
}

TEST_F(ChipNode, starts_and_stops_a_thousand_times) {
  for (int i = 0; i != 1'000; i++) {
    Background::Options given = options();
    given.use_psram = i % 2 == 0;
    ASSERT_STREQ(background().start(given, "", nullptr), "");
    EXPECT_EQ(fake_idf::psram_used() != 0, given.use_psram);
    background().stop();
    ASSERT_FALSE(background().running());
  }
}

TEST_F(ChipNode, stops_at_any_moment_of_a_join) {
  const Harbour harbour;
  for (size_t moment = 0; moment != 25; moment++) {
    this->start();
    (void) wait_until([&, polls = size_t{0}]() mutable { return ++polls > moment || harbour.streaming() == 1; });
    background().stop();
  }
  this->start();
  this->wait_for(State::ONLINE);
}

TEST_F(ChipNode, keeps_its_identity_over_restarts_and_writes_it_once) {
  const Harbour harbour;
  this->start();
  this->wait_for(State::ONLINE);
  background().stop();
  const size_t writes = Flash::get().writes_of("node-key");
  EXPECT_GT(writes, 0U);
  this->start();
  this->wait_for(State::ONLINE);
  EXPECT_TRUE(wait_until([&] { return harbour.streaming() == 1; }));
  EXPECT_EQ(Flash::get().writes_of("node-key"), writes);
  EXPECT_EQ(Flash::get().writes_of("machine-key"), Flash::get().writes_of("disco-key"));
}

TEST_F(ChipNode, forgets_itself_at_a_logout) {
  const Harbour harbour;
  this->start();
  this->wait_for(State::ONLINE);
  EXPECT_TRUE(Flash::get().holds("node-key"));
  ASSERT_TRUE(background().post({.kind = Command::Kind::LOGOUT}));
  this->wait_for(State::STOPPED);
  for (const char *name : {"node-key", "disco-key", "self", "relay-cache", "paths"})
    EXPECT_FALSE(Flash::get().holds(name)) << name;
  EXPECT_TRUE(Flash::get().holds("machine-key")) << "the device's own";
}

TEST_F(ChipNode, has_a_whole_identity_whenever_the_power_goes_at_its_first_start) {
  const Harbour harbour;
  bool was_cut = true;
  for (size_t write = 0; was_cut; write += 3) {
    Flash::get().reset();
    Flash::get().cut_power_at(write + 1);
    ASSERT_STREQ(background().start(options(), "", nullptr), "");
    this->wait_for(State::ONLINE);
    background().stop();
    was_cut = Flash::get().was_cut();
    Flash::get().power_on();
    this->start();
    this->wait_for(State::ONLINE);
    background().stop();
  }
}

TEST_F(ChipNode, writes_what_an_update_made_wait_when_that_is_over) {
  const Harbour harbour;
  this->start();
  background().set_quiet(true);
  this->wait_for(State::ONLINE);
  EXPECT_GT(Flash::get().writes_of("node-key"), 0U);
  EXPECT_EQ(Flash::get().writes_of("self"), 0U);
  background().set_quiet(false);  // it failed: nothing restarts
  EXPECT_TRUE(wait_until([] { return Flash::get().writes_of("self") != 0; }));
}

TEST_F(ChipNode, comes_up_as_soon_as_there_is_memory_for_it) {
  const Harbour harbour;
  Background::Options given = options();
  given.node.memory = SELDOM;
  refusals = 2;
  ASSERT_STREQ(background().start(given, "key", nullptr), "");
  this->wait_for(State::STARTING);
  EXPECT_NE(this->snapshot.message.view().find("not enough memory"), std::string_view::npos);
  this->wait_for(State::ONLINE);
  EXPECT_LE(refusals, 0);
  EXPECT_TRUE(this->snapshot.message.empty());
}

TEST_F(ChipNode, says_that_there_is_no_memory_for_tls_and_goes_on_when_there_is) {
  const Harbour harbour;
  const tls::HandshakeNeed need = tls::handshake_need();
  const size_t enough = need.bytes + need.left_for_others;
  for (const fake_idf::Heap &heap : {fake_idf::Heap{.free = enough - 1, .largest = enough - 1},
                                     fake_idf::Heap{.free = 2 * enough, .largest = need.in_one_piece - 1}}) {
    fake_idf::set_heap(heap);
    this->start(true);
    this->wait_for_message("not enough memory");
    EXPECT_NE(this->snapshot.state, State::ONLINE);
    EXPECT_EQ(harbour.relayed(), 0U);
    fake_idf::set_heap({.free = enough, .largest = need.in_one_piece});
    this->wait_for(State::ONLINE);
    this->wait_for_message("");
    background().stop();
    ASSERT_TRUE(wait_until([&] { return harbour.relayed() == 0; }));
  }
}

TEST_F(ChipNode, leaves_the_firmwares_allocator_of_tls_alone) {
  ASSERT_EQ(CHOSEN, 0);
  const size_t before = taken_for_tls;
  void *of_another_component = mbedtls_calloc(1, 100);
  const Harbour harbour;
  this->start(true);
  this->wait_for(State::ONLINE);
  EXPECT_GT(taken_for_tls, before + 100U) << "for the node's sessions too";
  background().stop();
  mbedtls_free(of_another_component);
}

TEST_F(ChipNode, says_what_memory_is_left) {
  fake_idf::set_heap({.free = 98'765, .least = 43'210, .largest = 54'321, .stack_never_used = 777});
  this->start();
  EXPECT_EQ(background().memory_text(),
            "777 of 4992 bytes of the task's stack never used; 98765 bytes of internal memory free (54321 in one "
            "piece), never less than 43210; last TLS handshake: 0 bytes at most, 0 at its end");
}

TEST_F(ChipNode, says_that_its_identity_cannot_be_read_and_can_be_stopped_meanwhile) {
  const Harbour harbour;
  this->start();
  this->wait_for(State::ONLINE);
  background().stop();
  Flash::get().damage("node-key");
  this->start();
  this->wait_for(State::STARTING);
  EXPECT_NE(this->snapshot.message.view().find("identity cannot be read"), std::string_view::npos);
  ASSERT_TRUE(background().post({.kind = Command::Kind::DOWN}));
  this->wait_for(State::STOPPED);
  EXPECT_TRUE(this->snapshot.message.empty());
}

TEST_F(ChipNode, says_what_is_missing_and_leaves_nothing_behind_whichever_allocation_fails) {
  bool failed = true;
  for (size_t number = 0; failed; number++) {
    fake_idf::fail_allocation(number);
    (void) background().start(options(), "", nullptr);
    background().stop();
    failed = fake_idf::stop_failing();
    ASSERT_LT(number, 200U);
  }
  Flash::get().cut_power_at(0);
  EXPECT_STRNE(background().start(options(), "", nullptr), "");
  EXPECT_FALSE(background().running());
}

}  // namespace
}  // namespace microlink::chip_test
