// SPDX-License-Identifier: MIT
/// A fleet of whole clients that loses a server and finds it again: when does who come back?
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/tailnet/tailnet.h"

namespace microlink::tailnet {
namespace {

using sim::NatModel;

constexpr size_t HOSTS = 10;
constexpr int OUTAGES = 5;
constexpr Duration LIMIT = seconds(60);

enum class Server : uint8_t { CONTROL, RELAY };

class Fleet {
 public:
  explicit Fleet(Server server) : net_(7), server_(server) {
    for (size_t i = 0; i != HOSTS; i++)
      this->net_.add(NatModel::LAN).start();
    EXPECT_TRUE(this->net_.run_until(LIMIT, [this] { return this->count_() == HOSTS; }));
  }

  /// Connections that a host has begun, on the average.
  size_t links_begun() const {
    size_t all = 0;
    for (const auto &host : this->net_.hosts)
      all += host->links_begun;
    return all / HOSTS;
  }

  /// How long after the server came back each host had it again, in milliseconds and in order, over several outages of
  /// about this length: when the end falls between two attempts is chance.
  std::vector<int64_t> lose(Duration outage) {
    std::vector<int64_t> took;
    for (int i = 0; i != OUTAGES; i++) {
      this->net_.run_for(seconds(300));
      this->set_(false);
      EXPECT_TRUE(this->net_.run_until(LIMIT, [this] { return this->count_() == 0; }));
      this->net_.run_for(outage * (8 + i) / 10);
      this->set_(true);
      const Instant back = this->net_.now;
      std::vector<bool> seen(HOSTS);
      EXPECT_TRUE(this->net_.run_until(LIMIT, [&] {
        for (size_t host = 0; host != HOSTS; host++) {
          if (!seen[host] && this->is_back_(host)) {
            seen[host] = true;
            took.push_back(to_milliseconds(this->net_.now - back));
          }
        }
        return std::find(seen.begin(), seen.end(), false) == seen.end();
      }));
    }
    std::sort(took.begin(), took.end());
    return took;
  }

 private:
  void set_(bool up) {
    if (this->server_ == Server::CONTROL) {
      this->net_.set_control(up);
      return;
    }
    for (uint16_t region = 1; region <= Tailnet::REGIONS; region++)
      this->net_.set_relay(region, up);
  }
  bool is_back_(size_t host) {
    const Status status = this->net_.hosts[host]->client().status();
    return this->server_ == Server::CONTROL ? status.control == ControlState::STREAMING : status.relay_connected;
  }
  size_t count_() {
    size_t back = 0;
    for (size_t host = 0; host != HOSTS; host++)
      back += this->is_back_(host) ? 1 : 0;
    return back;
  }

  Tailnet net_;
  Server server_;
};

int64_t middle(const std::vector<int64_t> &ordered) { return ordered.at(ordered.size() / 2); }
/// Between the tenth of a hundred and the ninetieth.
int64_t spread(const std::vector<int64_t> &ordered) {
  return ordered.at(ordered.size() * 9 / 10) - ordered.at(ordered.size() / 10);
}

/// The middle may be this at the most, and the spread this at the least.
struct Expected {
  int outage_ms;
  int64_t middle, spread;
};

void expect_back_soon_and_apart(Fleet &fleet, std::initializer_list<Expected> outages) {
  for (const auto &[outage_ms, most, least] : outages) {
    const std::vector<int64_t> took = fleet.lose(milliseconds(outage_ms));
    EXPECT_LE(middle(took), most) << outage_ms;
    EXPECT_GE(spread(took), least) << outage_ms;
  }
}

// The bounds are the middle of the official client's pauses at that time, and what a connection takes here.

TEST(Outage, control_that_comes_back_is_found_soon_and_not_by_all_at_once) {
  Fleet fleet(Server::CONTROL);
  expect_back_soon_and_apart(fleet, {{1, 500, 200}, {1'000, 355, 200}, {5'000, 760, 600}, {60'000, 3'600, 2'500}});
}

TEST(Outage, relays_that_come_back_are_found_soon_and_not_by_all_at_once) {
  Fleet fleet(Server::RELAY);
  expect_back_soon_and_apart(fleet, {{1, 260, 50}, {1'000, 430, 200}, {5'000, 840, 600}, {60'000, 2'700, 1'500}});
}

// The home moves from one to the other then, and the pauses grow all the same.
TEST(Outage, relays_that_are_all_away_are_asked_ever_less_often) {
  Fleet fleet(Server::RELAY);
  const size_t before = fleet.links_begun();
  (void) fleet.lose(seconds(60));
  EXPECT_LE((fleet.links_begun() - before) / OUTAGES, 38U);
}

TEST(Outage, control_that_is_away_is_asked_ever_less_often) {
  Fleet fleet(Server::CONTROL);
  const size_t before = fleet.links_begun();
  (void) fleet.lose(seconds(60));
  EXPECT_LE((fleet.links_begun() - before) / OUTAGES, 32U * 2);  // over port 80 and 443
}

}  // namespace
}  // namespace microlink::tailnet
