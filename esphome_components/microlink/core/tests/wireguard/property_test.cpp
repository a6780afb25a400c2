// SPDX-License-Identifier: MIT
/// Random schedules, each from a seed that is printed when it fails.
#include <algorithm>
#include <map>
#include <set>

#include "tests/wireguard/pair.h"

namespace microlink::wireguard::testing {
namespace {

TEST(ReplayWindow, agrees_with_a_naive_model) {
  for (uint32_t seed = 1; seed != 60; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    ReplayWindow window;
    std::set<uint64_t> seen;
    uint64_t newest = 0;
    uint64_t base = seed % 3 == 0 ? UINT64_MAX / 2 : 0;
    for (int step = 0; step != 4000; step++) {
      const uint32_t jump = random() % 100;
      const uint64_t reach = jump < 90 ? 80 : jump < 98 ? 3 * ReplayWindow::WINDOW_BITS : 1U << 20;
      const uint64_t centre = std::max(base, newest);
      const uint64_t back = random() % (2 * reach);
      const uint64_t counter = centre + reach > back ? centre + reach - back : 0;
      const bool expected = seen.empty() || counter > newest ||
                            (newest - counter < ReplayWindow::WINDOW_BITS && seen.find(counter) == seen.end());
      ASSERT_EQ(window.accepts(counter), expected) << "step " << step << " counter " << counter << " newest " << newest;
      if (!expected || random() % 8 == 0)
        continue;  // refused, or not authentic
      window.mark(counter);
      seen.insert(counter);
      newest = std::max(newest, counter);
    }
  }
}

/// A wire that loses, doubles, delays and reorders. Every packet has a number; each may come out once, unchanged.
class Storm {
 public:
  explicit Storm(uint32_t seed) : pair(seed), random_(seed) {}

  void step(uint32_t loss_percent) {
    for (auto [from, to] : {std::pair{&pair.a, &pair.b}, std::pair{&pair.b, &pair.a}}) {
      pair.drain(*from);
      while (!from->outbox.empty()) {
        const uint32_t luck = this->random_() % 100;
        const int copies = luck < loss_percent ? 0 : luck >= 90 ? 2 : 1;
        for (int i = 0; i != copies; i++)
          this->wire_.insert({pair.now + milliseconds(this->random_() % 1500), {to, from->outbox.front()}});
        from->outbox.pop_front();
      }
    }
    const Instant next = earlier(pair.a.tunnel.next_timeout(), pair.b.tunnel.next_timeout());
    const Instant arrival = this->wire_.empty() ? Instant::NEVER : this->wire_.begin()->first;
    pair.now = std::max(pair.now, earlier(earlier(next, arrival), pair.now + milliseconds(300)));
    while (!this->wire_.empty() && this->wire_.begin()->first <= pair.now) {
      const auto [to, message] = this->wire_.begin()->second;
      this->wire_.erase(this->wire_.begin());
      (void) pair.deliver_one(*to, message);
    }
    for (Pair::Side *side : {&pair.a, &pair.b}) {
      side->tunnel.handle_timeout(pair.now);
      pair.drain(*side);
      ASSERT_GT(side->tunnel.next_timeout(), pair.now) << "a timer that was served is still due";
    }
  }

  void send(Pair::Side &side) {
    Packet packet = ipv4_packet(24 + this->random_() % 200, static_cast<uint8_t>(this->number_));
    packet[20] = static_cast<uint8_t>(this->number_ >> 8);
    packet[21] = static_cast<uint8_t>(this->number_);
    this->number_++;
    this->sent_[&side].insert(packet);
    (void) pair.send(side, packet);
  }

  /// Everything that came out went in at the other side, and once.
  void check() {
    for (auto [from, to] : {std::pair{&pair.a, &pair.b}, std::pair{&pair.b, &pair.a}}) {
      for (; this->checked_[to] != to->received.size(); this->checked_[to]++) {
        const Packet &packet = to->received[this->checked_[to]];
        ASSERT_EQ(this->sent_[from].erase(packet), 1U) << "a packet that was not sent, or came twice";
      }
    }
  }

  Pair pair;

 private:
  std::mt19937 random_;
  std::multimap<Instant, std::pair<Pair::Side *, Packet>> wire_;
  std::map<Pair::Side *, std::set<Packet>> sent_;
  std::map<Pair::Side *, size_t> checked_;
  uint16_t number_{0};
};

TEST(Storm, whatever_comes_out_was_sent_and_comes_once) {
  for (uint32_t seed = 1; seed != 25; seed++) {
    SCOPED_TRACE(seed);
    Storm storm(seed);
    std::mt19937 random(seed + 7000);
    for (int step = 0; step != 2500 && !::testing::Test::HasFailure(); step++) {  // some ten minutes
      if (random() % 4 == 0)
        storm.send(random() % 2 == 0 ? storm.pair.a : storm.pair.b);
      storm.step(20);
      storm.check();
    }
    EXPECT_GE(storm.pair.now, Instant{} + seconds(200));
    EXPECT_GE(storm.pair.a.received.size(), 50U);
    EXPECT_GE(storm.pair.b.received.size(), 50U);
  }
}

TEST(Storm, both_call_at_once_and_lose_messages_and_still_meet) {
  for (uint32_t seed = 100; seed != 112; seed++) {
    SCOPED_TRACE(seed);
    Storm storm(seed);
    Pair &p = storm.pair;
    storm.send(p.a);
    storm.send(p.b);
    while (p.now < Instant{} + seconds(60) && !::testing::Test::HasFailure())
      storm.step(35);
    const size_t a = p.a.received.size();
    const size_t b = p.b.received.size();
    for (const Instant end = p.now + seconds(25); p.now < end && !::testing::Test::HasFailure();) {
      storm.send(p.a);
      storm.send(p.b);
      storm.step(0);
    }
    storm.check();
    EXPECT_GT(p.a.received.size(), a);
    EXPECT_GT(p.b.received.size(), b);
  }
}

/// Where a tunnel can be, and what can happen to it there.
enum class Situation { IDLE, CALLING, CALLED, ANSWERED, CONFIRMED, REKEYING, EXPIRED, COUNT };
constexpr const char *SITUATIONS[] = {"idle", "calling", "called", "answered", "confirmed", "rekeying", "expired"};

/// Puts `a` there; messages under way are kept in the outboxes.
void bring_to(Pair &p, Situation situation) {
  switch (situation) {
    case Situation::IDLE:
      break;
    case Situation::CALLING:
      (void) p.send(p.a, ipv4_packet(40));
      p.drain(p.a);
      break;
    case Situation::CALLED:
    case Situation::ANSWERED:
      (void) p.send(p.b, ipv4_packet(40));
      p.drain(p.b);
      (void) p.deliver_one(p.a, p.b.outbox.front());
      if (situation == Situation::ANSWERED)
        p.drain(p.a);
      break;
    case Situation::CONFIRMED:
      p.establish();
      break;
    case Situation::REKEYING:
      p.establish();
      p.at(121);
      (void) p.send(p.a, ipv4_packet(41));
      p.drain(p.a);
      break;
    case Situation::EXPIRED:
      p.establish();
      p.at(200);
      break;
    case Situation::COUNT:
      break;
  }
}

using Step = void (*)(Pair &);
constexpr std::pair<const char *, Step> STEPS[] = {
    {"connect", [](Pair &p) { p.a.tunnel.connect(p.now, p.a.peer); }},
    {"send", [](Pair &p) { (void) p.send(p.a, ipv4_packet(50)); }},
    {"peer sends", [](Pair &p) { (void) p.send(p.b, ipv4_packet(51)); }},
    {"deliver", [](Pair &p) { p.settle(); }},
    {"lose", [](Pair &p) { p.a.outbox.clear(), p.b.outbox.clear(); }},
    {"repeat", [](Pair &p) { p.a.outbox.insert(p.a.outbox.end(), p.a.outbox.begin(), p.a.outbox.end()); }},
    {"reset", [](Pair &p) { p.a.tunnel.reset_session(p.a.peer); }},
    {"remove and add", [](Pair &p) { (void) p.a.tunnel.add_peer(p.a.peer, p.b.key.public_key()); }},
    {"peer forgets", [](Pair &p) { (void) p.b.tunnel.add_peer(p.b.peer, p.a.key.public_key()); }},
    {"same identity", [](Pair &p) { p.a.tunnel.set_identity(p.a.key); }},
    {"relayed", [](Pair &p) { p.a.tunnel.set_relayed(p.a.peer, true); }},
    {"spurious timeout", [](Pair &p) { p.a.tunnel.handle_timeout(p.now); }},
    {"6 s", [](Pair &p) { p.now = p.now + seconds(6), p.a.tunnel.handle_timeout(p.now); }},
    {"100 s", [](Pair &p) { p.now = p.now + seconds(100), p.a.tunnel.handle_timeout(p.now); }},
    {"reserved", [](Pair &p) { p.a.tunnel.handle_reserved(p.now, p.a.stored); }},
    {"junk",
     [](Pair &p) {
       for (uint8_t type = 0; type != 6; type++) {
         for (size_t size : {size_t{4}, size_t{32}, COOKIE_REPLY_BYTES, RESPONSE_BYTES, INITIATION_BYTES}) {
           Packet message(size, 0);
           message[0] = type;
           EXPECT_FALSE(p.deliver_one(p.a, message));
         }
       }
     }},
};

TEST(Tunnel, recovers_from_any_two_steps_in_any_situation) {
  for (int situation = 0; situation != static_cast<int>(Situation::COUNT); situation++) {
    for (const auto &[first_name, first] : STEPS) {
      for (const auto &[second_name, second] : STEPS) {
        SCOPED_TRACE(std::string(SITUATIONS[situation]) + ", " + first_name + ", " + second_name);
        Pair p;
        bring_to(p, static_cast<Situation>(situation));
        first(p);
        second(p);
        // Then both talk every second: within a peer's patience (15 s) and one more call they hear each other.
        p.settle();
        const int64_t start = static_cast<int64_t>(p.now) / 1'000'000 + 1;
        size_t heard_a = 0, heard_b = 0;
        for (int64_t t = start; t != start + 40; t++) {
          p.at(static_cast<double>(t));
          if (t == start + 35) {
            heard_a = p.a.received.size();
            heard_b = p.b.received.size();
          }
          (void) p.send(p.a, ipv4_packet(60));
          (void) p.send(p.b, ipv4_packet(61));
        }
        p.settle();
        ASSERT_GE(p.a.received.size(), heard_a + 4);
        ASSERT_GE(p.b.received.size(), heard_b + 4);
      }
    }
  }
}

}  // namespace
}  // namespace microlink::wireguard::testing
