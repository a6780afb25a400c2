// SPDX-License-Identifier: MIT
/// A day in the life of a tailnet of whole clients. MICROLINK_SEED=n runs that seed alone, script/simulate many.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/memory/allocations.h"
#include "tests/tailnet/tailnet.h"

namespace microlink::tailnet {
namespace {

using sim::NatModel;

constexpr Duration DAY = seconds(24 * 3600);
/// After the last disturbance every pair that may talk does so again.
constexpr Duration RECOVERY = seconds(90);
constexpr Duration SETTLED = seconds(600);  ///< sessions and paths have come to rest
constexpr double MOST_WAKE_UPS = 6;         ///< of an idle node, a minute
constexpr double MOST_SENT = 3;             ///< datagrams and stream writes of an idle node, a minute
constexpr double MOST_SENT_BLOCKED = 8;     ///< of one that goes on to ask whether UDP works now

class Day {
 public:
  explicit Day(unsigned seed) : net_(seed) {}

  void live() {
    testing::reset_allocations();
    for (const NatModel model : {NatModel::LAN, NatModel::EASY, NatModel::EASY, NatModel::HARD, NatModel::CONE,
                                 NatModel::BLOCKED, NatModel::EASY, NatModel::HARD})
      this->net_.add(model).start();
    this->net_.run_for(seconds(10));
    this->recover_("after the start");
    while (this->net_.now - Instant{} < DAY && !::testing::Test::HasFailure()) {
      this->disturb_();
      this->restore_();
      this->recover_("after disturbances");
      this->talk_();
      this->idle_();
    }
    this->print_();
  }

 private:
  unsigned roll_(unsigned below) { return static_cast<unsigned>(this->net_.random() % below); }
  Host &any_() { return *this->net_.hosts[this->roll_(static_cast<unsigned>(this->net_.hosts.size()))]; }
  NatModel any_model_() {
    constexpr NatModel MODELS[] = {NatModel::LAN, NatModel::EASY, NatModel::CONE, NatModel::HARD, NatModel::BLOCKED};
    return MODELS[this->roll_(5)];
  }

  void disturb_() {
    for (unsigned count = 3 + this->roll_(8); count != 0; count--) {
      this->disturb_once_();
      this->chat_(1 + this->roll_(60));
    }
  }

  void disturb_once_() {
    this->disturbances_++;
    Host &host = this->any_();
    Host &other = this->any_();
    const auto region = static_cast<uint16_t>(1 + this->roll_(2));
    switch (this->roll_(12)) {
      case 0:
        this->net_.leave(host, true, this->roll_(2) == 0);
        break;
      case 1:  // power cut, and back at once
        this->net_.leave(host, false, false);
        this->net_.come_back(host);
        break;
      case 2:
        host.move(this->any_model_());
        break;
      case 3:
        this->net_.set_relay(region, false);
        break;
      case 4:  // it restarts
        this->net_.set_relay(region, false);
        this->net_.set_relay(region, true);
        break;
      case 5:
        this->net_.set_control(this->roll_(2) == 0);
        break;
      case 6:
        if (host.is_running())
          (void) host.client().rotate_node_key(this->net_.now);
        host.input({.kind = Input::Kind::TIMEOUT});
        break;
      case 7:
        this->net_.expire_key(host);
        break;
      case 8:
        host.nat->rebind();
        break;
      case 9:
        this->net_.weather = {milliseconds(10 + this->roll_(100)), milliseconds(this->roll_(100)), this->roll_(31),
                              this->roll_(30)};
        break;
      case 10:
        if (&host != &other)
          this->net_.allow(host, other, this->roll_(3) == 0);
        break;
      default:
        host.dark_until = std::max(host.dark_until, this->net_.now + seconds(this->roll_(120)));
        break;
    }
  }

  /// Everybody is back, the network is good; who may talk to whom stays as it is.
  void restore_() {
    this->net_.set_control(true);
    for (uint16_t region = 1; region <= Tailnet::REGIONS; region++)
      this->net_.set_relay(region, true);
    this->net_.weather = {};
    Instant light = this->net_.now;
    for (const auto &host : this->net_.hosts) {
      this->net_.come_back(*host);
      light = std::max(light, host->dark_until);
    }
    this->net_.run_for(light - this->net_.now);
  }

  /// Random pairs talk for so many seconds.
  void chat_(unsigned duration) {
    for (unsigned i = 0; i != duration; i++) {
      Host &from = this->any_();
      Host &to = this->any_();
      for (unsigned burst = this->roll_(4); burst != 0 && &from != &to; burst--)
        this->net_.say(from, to, 32 + this->roll_(1249));
      this->net_.run_for(seconds(1));
    }
  }

  void talk_() { this->chat_(60); }

  void recover_(const char *when) {
    const Instant start = this->net_.now;
    const auto speechless = [&] {
      std::string out;
      for (const auto &from : this->net_.hosts) {
        for (const auto &to : this->net_.hosts) {
          if (from == to || !this->net_.is_allowed(*from, *to) || this->heard_.contains({from->index, to->index}))
            continue;
          if (this->asked_.contains({from->index, to->index}) && this->net_.ledger.has_newest(from->index, to->index)) {
            this->heard_.insert({from->index, to->index});
            continue;
          }
          out += " " + std::to_string(from->index + 1) + ">" + std::to_string(to->index + 1);
          this->asked_.insert({from->index, to->index});
          this->net_.say(*from, *to);
        }
      }
      return out;
    };
    this->heard_.clear();
    this->asked_.clear();
    std::string missing = speechless();
    while (!missing.empty() && this->net_.now - start < RECOVERY) {
      this->net_.run_for(seconds(1));
      missing = speechless();
    }
    EXPECT_EQ(missing, "") << when << ", " << to_milliseconds(this->net_.now - Instant{}) / 1000 << " s into the day";
    this->slowest_ = std::max(this->slowest_, this->net_.now - start);
  }

  void idle_() {
    this->net_.run_for(SETTLED);
    for (const auto &host : this->net_.hosts)
      host->wake_ups = host->datagrams_sent = host->frames_sent = 0;
    const unsigned minutes = 20 + this->roll_(60);
    this->net_.run_for(seconds(60 * minutes));
    for (const auto &host : this->net_.hosts) {
      this->most_wake_ups_ = std::max(this->most_wake_ups_, static_cast<double>(host->wake_ups) / minutes);
      const auto sent = static_cast<double>(host->datagrams_sent + host->frames_sent);
      double &most = host->nat->model == NatModel::BLOCKED ? this->most_sent_blocked_ : this->most_sent_;
      most = std::max(most, sent / minutes);
    }
  }

  void print_() {
    size_t starts = 0;
    for (const auto &host : this->net_.hosts)
      starts += host->starts;
    EXPECT_LE(this->most_wake_ups_, MOST_WAKE_UPS);
    EXPECT_LE(this->most_sent_, MOST_SENT);
    EXPECT_LE(this->most_sent_blocked_, MOST_SENT_BLOCKED);
    // A Client and its core are two blocks; nothing is taken later.
    EXPECT_LE(testing::allocations().calls, 2 * starts);
    EXPECT_GT(this->net_.ledger.delivered(), this->net_.ledger.sent() / 2);
    std::printf(
        "seed %u: %u disturbances; %zu of %zu packets arrived; %zu messages sealed, %zu initiations; slowest "
        "recovery %lld s; idle: at most %.1f wake-ups and %.1f messages a minute (%.1f without UDP); %zu clients, "
        "%zu blocks of memory, TLS at most %zu bytes\n",
        this->net_.seed, this->disturbances_, this->net_.ledger.delivered(), this->net_.ledger.sent(),
        this->net_.wire.data(), this->net_.wire.handshakes(),
        static_cast<long long>(to_milliseconds(this->slowest_) / 1000), this->most_wake_ups_, this->most_sent_,
        this->most_sent_blocked_, starts, testing::allocations().calls, testing::tls_allocations().peak);
  }

  Tailnet net_;
  std::set<std::pair<size_t, size_t>> heard_, asked_;
  Duration slowest_{};
  double most_wake_ups_{0};
  double most_sent_{0};
  double most_sent_blocked_{0};
  unsigned disturbances_{0};
};

class Life : public ::testing::TestWithParam<unsigned> {};

TEST_P(Life, of_a_day_leaves_nothing_unheard_repeated_or_awake) {
  SCOPED_TRACE(::testing::Message() << "seed " << GetParam());
  testing::watch_tls();
  Day(GetParam()).live();
}

std::vector<unsigned> seeds() {
  const char *const only = std::getenv("MICROLINK_SEED");
  if (only != nullptr)
    return {static_cast<unsigned>(std::strtoul(only, nullptr, 10))};
#ifdef __SANITIZE_ADDRESS__
  return {sizeof(void *)};  // a day is long there: one that the others don't live
#else
  return {1, 2, 3};
#endif
}

INSTANTIATE_TEST_SUITE_P(Seeds, Life, ::testing::ValuesIn(seeds()));

}  // namespace
}  // namespace microlink::tailnet
